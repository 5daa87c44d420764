"""retort run as an ordinary user: what is refused, what works, and that the cell is as closed as root's."""

import json
import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from pathlib import Path

import pytest
from harness import RETORT, environment, need, processes, read, retort, run, run_json, start, until, user_of

pytestmark = pytest.mark.root

UNENFORCEABLE = ["cpu_time", "memory", "processes"]
ALLOW = ["--allow-unenforced", ",".join(UNENFORCEABLE)]
CONTROLLERS = ["memory", "pids", "cpuacct"]


class User:
    """A user for the length of some tests, with a folder of its own."""

    def __init__(self, *options):
        self.name = f"retort-e2e-{uuid.uuid4().hex[:8]}"
        subprocess.run(["useradd", "--no-create-home", *options, self.name], check=True, capture_output=True)
        entry = pwd.getpwnam(self.name)
        self.uid, self.gid = entry.pw_uid, entry.pw_gid
        self.folder = Path(tempfile.mkdtemp(prefix="retort-e2e."))
        self.folder.chmod(0o755)
        self.state = Path(f"/tmp/retort-{self.uid}")

    @property
    def identity(self):
        return {
            "user": self.uid,
            "group": self.gid,
            "extra_groups": [],
            "cwd": self.folder,
            "env": {"HOME": self.folder, "USER": self.name, "XDG_RUNTIME_DIR": ""},
        }

    def subordinate(self):
        """First id and count of the user's line in /etc/subuid."""
        for line in read("/etc/subuid").splitlines():
            name, first, count = line.split(":")
            if name == self.name:
                return int(first), int(count)
        return None

    def program(self, text, name="main.py"):
        path = self.folder / name
        path.write_text(text)
        return path

    def processes(self):
        first, count = self.subordinate() or (self.uid, 1)
        return [pid for pid in processes() if (user := user_of(pid)) == self.uid or user in range(first, first + count)]

    def what_is_left(self):
        folders = [str(path) for path in self.state.glob("*") if path.name != "lock"]
        return folders + self.processes()

    def remove(self):
        subprocess.run(["userdel", self.name], check=True, capture_output=True)
        shutil.rmtree(self.folder)
        shutil.rmtree(self.state, ignore_errors=True)


def make_user(*options):
    files = {path: read(path) for path in ("/etc/subuid", "/etc/subgid")}
    user = User(*options)
    try:
        yield user
    finally:
        user.remove()
    assert all(user.name not in read(path) for path in files)


@pytest.fixture(scope="module", name="with_ids")
def user_with_subordinate_ids():
    for user in make_user():
        assert user.subordinate(), "useradd gave no subordinate ids"
        yield user


@pytest.fixture(scope="module", name="without_ids")
def user_without_subordinate_ids():
    for user in make_user("--key", "SUB_UID_COUNT=0", "--key", "SUB_GID_COUNT=0"):
        assert not user.subordinate()
        yield user


@pytest.fixture(params=["with_ids", "without_ids"])
def user(request):
    user = request.getfixturevalue(request.param)
    yield user
    assert until(lambda: not user.what_is_left()), user.what_is_left()


def as_user(user, *words, **options):
    return run(*words, **user.identity, **options)


def test_without_control_groups_it_is_refused_with_the_limits_and_the_way_out(user):
    ended = as_user(user, user.program("print('ran')"))
    assert (ended.code, ended.out) == (125, "")
    for name in UNENFORCEABLE:
        assert name in ended.err
    assert "not delegated" in ended.err
    assert "--allow-unenforced cpu_time,memory,processes" in ended.err


def test_one_limit_to_go_without_is_not_enough(user):
    ended = as_user(user, "--allow-unenforced", "memory", user.program("print('ran')"))
    assert (ended.code, ended.out) == (125, "")
    assert "cpu_time" in ended.err


def test_it_works_when_told_to_go_without(user):
    ended = as_user(user, *ALLOW, user.program("print(input())"), stdin="through\n")
    assert (ended.code, ended.out) == (0, "through\n"), ended.err


def test_that_a_cell_has_the_users_own_id_is_told_once_with_what_mends_it(user):
    program = user.program('#include <stdio.h>\nint main(void) { puts("ran"); }\n', "main.c")
    ended = as_user(user, *ALLOW, program)
    assert (ended.code, ended.out) == (0, "ran\n")
    if user.subordinate():
        assert ended.err == ""
    else:
        assert ended.err.startswith("retort: note: ")
        assert ended.err.count("\n") == 1
        for word in ("your own user id", "uidmap", "usermod --add-subuids", "retort doctor"):
            assert word in ended.err


def test_whether_a_cell_has_ids_of_its_own_is_in_the_result(user):
    ended = as_user(user, "--json", *ALLOW, user.program("print('ran')"))
    assert (ended.code, ended.err) == (0, "")
    assert json.loads(ended.out)["own_ids"] == bool(user.subordinate())


def test_what_is_not_enforced_is_in_the_result(user):
    result = run_json(*ALLOW, user.program("print('ran')"), **user.identity)
    assert result["status"] == "ok"
    assert sorted(result["stages"][0]["unenforced"]) == sorted(UNENFORCEABLE)


def test_root_enforces_everything(python):
    assert run_json(python(""))["stages"][0]["unenforced"] == []


def test_a_compiled_language_works(user):
    text = '#include <stdio.h>\nint main(void) { puts("compiled"); }\n'
    ended = as_user(user, *ALLOW, user.program(text, "main.c"))
    assert (ended.code, ended.out) == (0, "compiled\n"), ended.err


def test_wall_time_is_enforced_without_control_groups(user):
    program = user.program("import os, time\nif os.fork() == 0: os.setsid()\ntime.sleep(1000)")
    assert as_user(user, *ALLOW, "--limit", "wall_time=300ms", program).code == 124


def test_files_are_collected_as_the_users(user):
    out = user.folder / "out"
    user.folder.chmod(0o777)
    ended = as_user(user, *ALLOW, "-o", out, user.program("open('result', 'w').write('x')"))
    assert ended.code == 0, ended.err
    assert (out / "result").read_text() == "x"
    assert (out / "result").stat().st_uid == user.uid


def host_ids_of_the_program(user):
    """The ids that the host sees while a program runs."""
    program = user.program("import sys\nprint('ready', flush=True)\nsys.stdin.read()")
    identity = user.identity
    with start(*ALLOW, program, stdin=subprocess.PIPE, **identity) as process:
        assert process.stdout.readline() == b"ready\n", process.stderr.read()
        ids = {user_of(pid) for pid in user.processes() if "python3" in read(f"/proc/{pid}/comm")}
        process.stdin.close()
        assert process.wait(20) == 0
    return ids


def test_ids_are_from_the_subordinate_range(with_ids):
    first, count = with_ids.subordinate()
    ids = host_ids_of_the_program(with_ids)
    assert ids
    assert all(first <= number < first + count for number in ids), ids


def test_without_a_subordinate_range_all_is_the_users_own_id(without_ids):
    assert host_ids_of_the_program(without_ids) == {without_ids.uid}


FACTS = """
import json, os, socket
status = dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\\t" in line)
def fails(action):
    try:
        action()
    except OSError as error:
        return type(error).__name__
    return "worked"
def connect():
    with socket.create_connection(("1.1.1.1", 53), 1): pass
print(json.dumps({
    "capabilities": [status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")],
    "no_new_privs": status["NoNewPrivs"],
    "seccomp": status["Seccomp"],
    "groups": status["Groups"].split(),
    "write": [fails(lambda: open(path, "w")) for path in ("/x", "/usr/x", "/etc/x", "/usr/bin/x", "/proc/x")],
    "seen": [path for path in HOST_PATHS if os.path.exists(path)],
    "processes": sorted(int(name) for name in os.listdir("/proc") if name.isdigit()),
    "network": fails(connect),
    "descriptors": sorted(int(name) for name in os.listdir("/proc/self/fd")),
    "variables": sorted(os.environ),
    "passwd": open("/etc/passwd").read() if os.path.exists("/etc/passwd") else "",
    "mounts": open("/proc/self/mounts").read(),
    "writable": sorted(p for p in os.listdir("/") if os.access("/" + p, os.W_OK)),
}))
"""


def check_isolation(facts, names_of_the_host):
    assert set(facts["capabilities"]) == {"0" * 16}
    assert (facts["no_new_privs"], facts["seccomp"]) == ("1", "2")
    assert "worked" not in facts["write"]
    assert facts["seen"] == []
    assert len(facts["processes"]) <= 2
    assert facts["network"] != "worked"
    assert set(facts["descriptors"]) <= {0, 1, 2, 3}  # 3: the listing itself
    assert not [name for name in facts["variables"] if name.startswith(("RETORT_", "XDG_", "SSH_"))]
    assert not [name for name in names_of_the_host if name in facts["passwd"] + facts["mounts"]]
    assert set(facts["writable"]) <= {"box", "tmp", "dev"}


def facts_program(folder):
    host = ["/root", "/home", "/work", "/run/retort", "/etc/shadow", "/etc/subuid", "/sys/fs", "/boot", "/var/lib"]
    return FACTS.replace("HOST_PATHS", repr([*host, str(folder)]))


def test_the_cell_is_closed_for_an_ordinary_user(user):
    ended = as_user(user, *ALLOW, user.program(facts_program(user.folder)))
    assert ended.code == 0, ended.err
    check_isolation(json.loads(ended.out), [user.name, str(user.folder)])


def test_the_cell_is_closed_for_root(python, tmp_path):
    ended = run(python(facts_program(tmp_path)), env={"XDG_RUNTIME_DIR": "/run/user/0"})
    assert ended.code == 0, ended.err
    check_isolation(json.loads(ended.out), [str(tmp_path)])


def test_a_killed_keeper_leaves_no_process_and_the_next_run_sweeps(user):
    program = user.program("for i in 1 2 3; do setsid sleep 1000 & done; wait\n", "daemons.sh")
    with start(*ALLOW, program, **user.identity) as process:
        assert until(lambda: [pid for pid in user.processes() if read(f"/proc/{pid}/comm") == "sleep\n"])
        for pid in user.processes():
            if read(f"/proc/{pid}/comm").startswith("retort-keeper"):
                os.kill(pid, 9)
        assert process.wait(20) == 125
    assert until(lambda: not user.processes()), user.processes()
    assert as_user(user, *ALLOW, user.program("echo swept", "next.sh")).out == "swept\n"


def test_a_folder_of_somebody_else_in_tmp_is_not_used(without_ids):
    user = without_ids
    shutil.rmtree(user.state, ignore_errors=True)
    user.state.mkdir()
    try:
        ended = as_user(user, *ALLOW, user.program("print('ran')"))
        assert (ended.code, ended.out) == (125, "")
        assert str(user.state) in ended.err
    finally:
        user.state.rmdir()


# --- With delegated control groups (version 1) ------------------------------------------------------------------------


@pytest.fixture
def delegated(user):
    """Groups that belong to the user: their folders, one a controller."""
    need(all(Path(f"/sys/fs/cgroup/{name}/tasks").exists() for name in CONTROLLERS), "no control groups of version 1")
    folders = [Path(f"/sys/fs/cgroup/{name}/e2e-{user.name}") for name in CONTROLLERS]
    for folder in folders:
        folder.mkdir()
        for path in (folder, folder / "cgroup.procs", folder / "tasks"):
            os.chown(path, user.uid, user.gid)
    yield folders
    left = [path for folder in folders for path in folder.rglob("*") if path.is_dir()]
    for folder in [*reversed(left), *folders]:
        until(lambda folder=folder: not (folder / "cgroup.procs").read_text())
        folder.rmdir()
    assert not left


def in_groups(user, folders, *words):
    """Starts retort as the user from a shell that root has moved into the groups."""
    script = 'for folder in $1; do echo $$ > "$folder/cgroup.procs" || exit 99; done; shift; exec "$@"'
    change = ["setpriv", f"--reuid={user.uid}", f"--regid={user.gid}", "--clear-groups"]
    done = subprocess.run(
        ["bash", "-c", script, "sh", " ".join(map(str, folders)), *change, RETORT, "run", "--json", *words],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False, cwd=user.folder,
        env=environment(**user.identity["env"]),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    result = json.loads(done.stdout)
    return result, result["stages"][-1]


DELEGATED = {
    "ok": ("print('ran')", []),
    "memory_limit": ("data = bytearray(256 << 20)", ["--limit", "memory=32MiB"]),
    "cpu_time_limit": ("import os\nos.fork()\nwhile True: pass", ["--limit", "cpu_time=200ms"]),
    "process_limit": ("import os\nfor i in range(50): os.fork()", ["--limit", "processes=6"]),
}


@pytest.mark.parametrize("status", DELEGATED)
def test_delegated_groups_enforce_the_limits(status, user, delegated):
    text, options = DELEGATED[status]
    result, stage = in_groups(user, delegated, *options, user.program(text))
    assert result["status"] == status, result["message"]
    assert stage["unenforced"] == []
    assert stage["memory_peak_bytes"] > 0
    assert stage["cpu_time_us"] > 0


def test_groups_of_which_one_is_missing_are_no_groups(user, delegated):
    program = user.program("print('ran')")
    script = 'for folder in $1; do echo $$ > "$folder/cgroup.procs"; done; shift; exec "$@"'
    change = ["setpriv", f"--reuid={user.uid}", f"--regid={user.gid}", "--clear-groups"]
    done = subprocess.run(
        ["bash", "-c", script, "sh", " ".join(map(str, delegated[:2])), *change, RETORT, "run", program],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False, cwd=user.folder,
        env=environment(**user.identity["env"]),
    )  # fmt: skip
    assert done.returncode == 125
    assert b"cpuacct" in done.stderr


def test_runtimes_can_be_listed(user):
    listed = json.loads(retort("runtime", "ls", "--json", **user.identity).out)
    python = next(entry for entry in listed if entry["id"] == "python")
    assert python["available"]
    assert python["version"]
