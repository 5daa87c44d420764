"""Starts retort as its users do, and finds what a run left behind."""

import contextlib
import json
import os
import re
import subprocess
import time
import uuid
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("RETORT_BIN") or REPOSITORY / "build/dev/bin").resolve()
RETORT = BIN / "retort"
KEEPER = BIN / "retort-keeper"

STATE = Path("/run/retort")
GROUPS = Path("/sys/fs/cgroup")
# Ids of cells of root's keepers: a block of 65536 for each instance (src/keeper/user_namespace.cc).
FIRST_ID, LAST_ID, BLOCK = 0x7000_0000, 0x7FFF_FFFF, 0x1_0000

# Keepers inherit it, so that a test tells its own from those of others on the same machine.
TOKEN = f"RETORT_E2E={uuid.uuid4()}"

IS_ROOT = os.geteuid() == 0
# The whole of what is promised under load; without it a part that every test run has time for.
FULL = os.environ.get("RETORT_LOAD") == "full"
PATIENCE = 60  # seconds until a command that does not end counts as hanging


def environment(**more):
    variables = {name: value for name, value in os.environ.items() if not name.startswith("RETORT_")}
    name, value = TOKEN.split("=")
    return variables | {name: value} | {name: str(value) for name, value in more.items()}


def need(condition, reason):
    """Skips the test unless the condition holds; a failure when RETORT_REQUIRE=all."""
    if condition:
        return
    if os.environ.get("RETORT_REQUIRE") == "all":
        pytest.fail(f"RETORT_REQUIRE=all, and {reason}", pytrace=False)
    pytest.skip(reason)


@dataclass
class Ended:
    code: int
    raw: bytes
    errors: bytes

    @property
    def out(self):
        return self.raw.decode(errors="replace")

    @property
    def err(self):
        return self.errors.decode(errors="replace")


def retort(*words, stdin=None, timeout=PATIENCE, env=None, **options):
    """Runs retort to its end. stdin: bytes or text to be piped, an open file, or nothing (/dev/null)."""
    if isinstance(stdin, str):
        stdin = stdin.encode()
    source = {"input": stdin} if isinstance(stdin, bytes) else {"stdin": stdin or subprocess.DEVNULL}
    done = subprocess.run(
        [RETORT, *map(os.fspath, words)],
        capture_output=True,
        timeout=timeout,
        env=environment(**(env or {})),
        check=False,
        **source,
        **options,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def run(*words, **options):
    return retort("run", *words, **options)


def run_json(*words, **options):
    """The result of `retort run --json`; it must end with 0, as it does whenever a result was reached."""
    ended = run("--json", *words, **options)
    assert ended.code == 0, ended.err
    return json.loads(ended.out)


class Running(subprocess.Popen):
    """A retort at work; it does not outlive the `with` that holds it."""

    def __exit__(self, *failure):
        if self.poll() is None:
            self.kill()
        super().__exit__(*failure)


def start(*words, env=None, **options):
    """Starts `retort run` as the leader of a process group of its own, as a shell does."""
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return Running(
        [RETORT, "run", *map(os.fspath, words)],
        env=environment(**(env or {})),
        process_group=0,
        **(streams | options),
    )


def until(condition, seconds=20, step=0.005):
    """The first true value of the condition, or its last one when the time is over."""
    end = time.monotonic() + seconds
    while not (value := condition()) and time.monotonic() < end:
        time.sleep(step)
    return value


def is_available(runtime):
    return runtime in {entry["id"] for entry in json.loads(retort("runtime", "ls", "--json").out) if entry["available"]}


# The same program in every language that comes with Retort: its file's name and its text.
HELLO = {
    "python": ("hello.py", 'print("hello")\n'),
    "c": ("hello.c", '#include <stdio.h>\nint main(void) { puts("hello"); }\n'),
    "cpp": ("hello.cpp", '#include <iostream>\nint main() { std::cout << "hello\\n"; }\n'),
    "bash": ("hello.sh", "echo hello\n"),
    "perl": ("hello.pl", 'print "hello\\n";\n'),
    "javascript": ("hello.js", 'console.log("hello");\n'),
    "java": ("Hello.java", 'class Hello { public static void main(String[] a) { System.out.println("hello"); } }\n'),
}


# --- What /proc, /run and the control groups show ---------------------------------------------------------------------


def read(path):
    try:
        return Path(path).read_text(errors="replace")
    except OSError:  # it ended meanwhile
        return ""


def processes():
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]


def user_of(pid):
    """The user of a process that is not dead: one that waits for the host's process 1 to reap it is."""
    status = read(f"/proc/{pid}/status")
    if re.search(r"^State:\tZ", status, re.M) and re.search(r"^PPid:\t1$", status, re.M):
        return None
    found = re.search(r"^Uid:\t(\d+)", status, re.M)
    return int(found[1]) if found else None


def name_of(pid):
    return read(f"/proc/{pid}/comm").strip()


def children(pid):
    return [int(child) for child in read(f"/proc/{pid}/task/{pid}/children").split()]


def peak_memory(pid):
    """Bytes of VmHWM, or nothing when the process has ended."""
    found = re.search(r"^VmHWM:\s+(\d+) kB", read(f"/proc/{pid}/status"), re.M)
    return int(found[1]) * 1024 if found else None


def keeper_of(process):
    """The keeper that a running retort has started."""
    return until(lambda: next(iter(children(process.pid)), None))


def is_of_this_session(pid):
    return TOKEN in read(f"/proc/{pid}/environ").split("\0")


def foreign_instances():
    """Instances of living keepers that this test session did not start."""
    found = set()
    for pid in processes():
        if read(f"/proc/{pid}/comm").startswith("retort-keeper") and not is_of_this_session(pid):
            found |= instances_of(pid)
    return found


def instances_of(keeper):
    """The instance that a keeper has, in a set; none as long as it has none, or when it has ended."""
    try:
        files = [os.readlink(entry.path) for entry in os.scandir(f"/proc/{keeper}/fd")]
    except OSError:
        return set()
    return {int(match[1]) for file in files if (match := re.fullmatch(rf"{STATE}/(\d+)/lock", file))}


def cell_processes():
    """Processes with an id that only cells of root's keepers have, but for those of others: pid to name."""
    foreign = foreign_instances()
    found = {}
    for pid in processes():
        user = user_of(pid)
        if user is not None and FIRST_ID <= user <= LAST_ID and (user - FIRST_ID) // BLOCK not in foreign:
            found[pid] = name_of(pid)
    return found


def group_folders(instance=None):
    """Folders in the control groups of root: .../retort/N-TOKEN of one instance, or of all; then also an empty .../retort."""
    found = []
    for hierarchy in [GROUPS, *(Path(entry.path) for entry in os.scandir(GROUPS) if entry.is_dir())]:
        ours = hierarchy / "retort"
        try:
            found += [Path(entry.path) for entry in os.scandir(ours) if entry.is_dir()] or [ours]
        except OSError:
            continue
    return [folder for folder in found if instance is None or instance_of(folder) == str(instance)]


def instance_of(folder):
    """The number in the name of a folder of control groups."""
    return folder.name.split("-")[0]


def leftovers():
    """Everything that a run which is over should have taken away, as text for people."""
    foreign = {str(instance) for instance in foreign_instances()}
    found = [f"process {pid} ({name})" for pid, name in cell_processes().items()]
    if STATE.is_dir():
        found += [f"{STATE / name}" for name in os.listdir(STATE) if name != "lock" and name not in foreign]
    found += [str(folder) for folder in group_folders() if instance_of(folder) not in foreign]
    found += [
        f"process {pid} ({name})"
        for pid in processes()
        if (name := name_of(pid)) in ("retort", "retort-keeper", "retort-init") and is_of_this_session(pid)
    ]
    return found


def what_is_left(before=(), seconds=10):
    """What is there after a bounded wait, and was not before; others' keepers may come and go in the meantime."""
    end = time.monotonic() + seconds
    while (found := [thing for thing in leftovers() if thing not in before]) and time.monotonic() < end:
        time.sleep(0.02)
    return found


def descriptors(pid):
    """What they are, without numbers; one that is closed while this looks is not there."""
    found = Counter()
    for entry in os.scandir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            found[re.sub(r"\d+", "N", os.readlink(entry.path))] += 1
    return found


def changed_descriptors(before):
    """Of each process whose are others than before: those that came, and those that went."""
    now = {pid: descriptors(pid) for pid in before}
    return {pid: (now[pid] - was, was - now[pid]) for pid, was in before.items() if now[pid] != was}


def steady_descriptors(*pids):
    """Not in the middle of what they do by themselves from time to time."""
    while True:
        seen = {pid: descriptors(pid) for pid in pids}
        time.sleep(0.05)
        if not changed_descriptors(seen):
            return seen
