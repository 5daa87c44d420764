"""kill -9 of retort, of its keeper, of both: every process of the cell dies, and the next run sweeps the rest."""

import os
import random
import re
import signal
import socket
import struct
import subprocess

import pytest
from harness import (
    GROUPS,
    KEEPER,
    STATE,
    cell_processes,
    children,
    environment,
    group_folders,
    keeper_of,
    name_of,
    need,
    read,
    run,
    start,
    until,
    user_of,
    what_is_left,
)

pytestmark = pytest.mark.root

TRIES = 30
INSTANCE = 4007  # far from the lowest free number, which every `retort run` takes

DAEMONS = """
for i in 1 2 3 4; do
  setsid bash -c 'trap "" HUP TERM INT; while :; do sleep 1000; done' &
done
wait
"""


def kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


@pytest.mark.parametrize("victim", ["retort", "keeper", "both"])
def test_a_killed_process_leaves_no_process_and_the_next_run_sweeps(victim, source):
    program = source("daemons.sh", DAEMONS)
    chance = random.Random(victim)
    struck_a_cell = 0
    for attempt in range(TRIES):
        delay = chance.uniform(0, 0.3)
        with start(program) as process:
            keeper = keeper_of(process) if victim != "retort" else None
            until(lambda: False, delay)
            struck_a_cell += bool(cell_processes())
            if victim != "keeper":
                kill(process.pid)
            if victim != "retort":
                kill(keeper)
            code = process.wait(20)
            assert code == (125 if victim == "keeper" else -signal.SIGKILL), process.stderr.read()
            if victim == "keeper":
                assert b"keeper" in process.stderr.read()
            where = f"attempt {attempt}, {victim} killed after {delay:.3f} s"
            assert until(lambda: not cell_processes(), 10), f"{where}: {cell_processes()}"
        next_run = run(source("next.sh", "echo swept"))
        assert (next_run.code, next_run.out) == (0, "swept\n"), f"{where}: {next_run.err}"
        assert not (left := what_is_left()), f"{where}: {left}"
    assert struck_a_cell > TRIES // 3, "most tries came before the cell or after its end"


def test_a_keeper_killed_while_it_makes_a_cell_takes_the_cell_with_it(source):
    """The moment between the fork of a cell's first process and its exec: a copy of the keeper must not stay."""
    program = source("daemons.sh", DAEMONS)
    chance = random.Random(2)
    for attempt in range(40):
        with start(program) as process:
            keeper = keeper_of(process)
            assert until(lambda: children(keeper) or process.poll() is not None, step=0)
            until(lambda: False, chance.uniform(0, 0.002), step=0.0005)
            kill(keeper)
            assert process.wait(10) == 125, f"attempt {attempt}: {process.stderr.read()}"
        assert until(lambda: not cell_processes(), 10), f"attempt {attempt}: {cell_processes()}"
    assert run(source("next.sh", "echo swept")).out == "swept\n"


def test_the_first_process_of_a_cell_dies_with_the_keeper_before_it_is_retort_init(source):
    """Both are stopped between the fork and the exec. A stopped process sees no pipe close: only the kernel can end it."""
    program = source("daemons.sh", DAEMONS)
    for _ in range(100):
        with start(program) as process:
            keeper = keeper_of(process)
            assert until(lambda: children(keeper) or process.poll() is not None, step=0)
            os.kill(keeper, signal.SIGSTOP)
            first = children(keeper)[0]
            # In its control group it is past the beginning, and waits for the keeper to go on.
            waits = until(lambda: "/retort/" in read(f"/proc/{first}/cgroup") and state_of(first) == "S", 0.2)
            os.kill(first, signal.SIGSTOP)
            try:
                if not waits or name_of(first) != "retort-keeper" or user_of(first) != 0:
                    continue  # it was quicker
                assert until(lambda: state_of(first) == "T")
                kill(keeper)
                assert until(lambda: user_of(first) is None, 10), f"{name_of(first)} is still {state_of(first)}"
                assert process.wait(10) == 125
                break
            finally:
                kill(first)
                kill(keeper)
    else:
        pytest.fail("it was quicker each time")
    assert run(source("next.sh", "echo swept")).out == "swept\n"


def state_of(pid):
    found = re.search(r"^State:\t(.)", read(f"/proc/{pid}/status"), re.M)
    return found[1] if found else ""


def test_a_killed_init_ends_the_run_and_leaves_nothing(source):
    with start(source("daemons.sh", DAEMONS)) as process:
        assert until(lambda: list(cell_processes().values()).count("sleep") == 4)
        keeper = keeper_of(process)
        for init in children(keeper):
            kill(init)
        assert process.wait(10) == 125
        assert not cell_processes()


def test_a_keeper_killed_between_two_stages_does_not_leave_retort_waiting(source):
    """retort is stopped during the compile stage, so that it hears of that stage's end and of the death at once."""
    program = source("main.c", "int main(void) { return 0; }\n")
    for _ in range(12):
        with start(program) as process:
            keeper = keeper_of(process)
            assert until(lambda: children(keeper), step=0.001)  # the first cell's init
            process.send_signal(signal.SIGSTOP)
            assert until(lambda: not children(keeper))
            until(lambda: False, 0.1)  # its last word is on the way
            kill(keeper)
            until(lambda: False, 0.1)
            process.send_signal(signal.SIGCONT)
            assert process.wait(10) == 125
        assert run(source("next.sh", "echo swept")).code == 0


# --- Instances --------------------------------------------------------------------------------------------------------

HEADER = struct.Struct("=IIQ")  # kind, version, id (src/keeper/frames.h)
HELLO, REFUSED = 1, 6
FAULT_BUSY = 5  # base::Fault


class Keeper:
    """A keeper of its own, with this process as its client."""

    def __init__(self, instance, first=""):
        """first: shell commands in front, for what the keeper is to inherit."""
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.process = subprocess.Popen(
            ["bash", "-c", first + 'exec "$0" --instance "$1" 3<&"$2"', KEEPER, str(instance), str(theirs.fileno())],
            pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment(),
        )  # fmt: skip
        theirs.close()
        self.socket.settimeout(20)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()
        try:
            self.process.wait(10)
        finally:
            self.process.kill()
            self.process.stderr.close()

    def receive(self):
        frame = self.socket.recv(1024)
        kind, version, _ = HEADER.unpack_from(frame)
        assert version == 1
        return kind, frame[HEADER.size :]


def test_a_second_keeper_of_an_instance_is_refused_and_the_first_goes_on():
    with Keeper(INSTANCE) as first:
        kind, body = first.receive()
        assert kind == HELLO
        assert struct.unpack_from("=III", body)[2] == INSTANCE
        with Keeper(INSTANCE) as second:
            kind, body = second.receive()
            fault, _ = struct.unpack_from("=Ii", body)
            text = body[8:].split(b"\0")[0].decode()
            assert (kind, fault) == (REFUSED, FAULT_BUSY)
            assert f"{STATE}/{INSTANCE}" in text
            assert "running" in text
            assert second.process.wait(10) not in (0, None)
        assert first.process.poll() is None
        assert (STATE / str(INSTANCE)).is_dir()
        assert group_folders(INSTANCE)
    assert first.process.returncode == 0


def test_a_keeper_ends_when_its_client_speaks_nonsense():
    with Keeper(INSTANCE) as keeper:
        assert keeper.receive()[0] == HELLO
        keeper.socket.send(b"\xff" * 100)
        assert keeper.process.wait(10) == 0


@pytest.mark.parametrize("number", ["4096", "-1", "x", "", "1/../2"])
def test_an_instance_that_is_no_number_of_one_is_refused(number):
    words = [KEEPER, "--instance", number]
    done = subprocess.run(words, capture_output=True, env=environment(), timeout=10, check=False)
    assert done.returncode == 64


def test_a_stale_instance_with_a_living_process_in_its_groups_is_swept(source):
    with Keeper(INSTANCE) as keeper:
        assert keeper.receive()[0] == HELLO
        kill(keeper.process.pid)
        keeper.process.wait(10)
    groups = group_folders(INSTANCE)
    assert len(groups) >= 3, groups
    with subprocess.Popen(["sleep", "1000"]) as sleeper:
        try:
            for folder in groups:
                cell = folder / "cell-1" / "deeper"
                cell.mkdir(parents=True)
                (cell / "cgroup.procs").write_text(str(sleeper.pid))
            ended = run(source("next.sh", "echo swept"))
            assert (ended.code, ended.out) == (0, "swept\n"), ended.err
            assert sleeper.wait(10) == -signal.SIGKILL
        finally:
            sleeper.kill()
    assert not [folder for folder in groups if folder.exists()]
    assert not (STATE / str(INSTANCE)).exists()


@pytest.fixture
def foreign_groups():
    """Groups with a process in them, as a keeper of another container makes them: our number, a token of its own."""
    hierarchies = [GROUPS / "memory/retort", GROUPS / "pids/retort"]
    need(all((hierarchy.parent / "tasks").exists() for hierarchy in hierarchies), "no control groups of version 1")
    groups = [hierarchy / f"{INSTANCE}-0123456789abcdef" / "cell-1" for hierarchy in hierarchies]
    with subprocess.Popen(["sleep", "1000"]) as sleeper:
        try:
            for group in groups:
                group.mkdir(parents=True)
                (group / "cgroup.procs").write_text(str(sleeper.pid))
            yield groups, sleeper
        finally:
            sleeper.kill()
            sleeper.wait()
            for folder in [folder for group in groups for folder in (group, group.parent)]:
                until(lambda folder=folder: remove(folder), 10)
            for hierarchy in hierarchies:
                remove(hierarchy)


def remove(folder):
    """True when it is gone."""
    try:
        folder.rmdir()
    except FileNotFoundError:
        pass
    except OSError:
        return False
    return True


@pytest.mark.parametrize("state", ["token", "half a token", "no token"])
def test_groups_of_another_keeper_with_the_same_number_are_not_swept(state, source, foreign_groups):
    groups, sleeper = foreign_groups
    with Keeper(INSTANCE) as keeper:
        assert keeper.receive()[0] == HELLO
        kill(keeper.process.pid)
        keeper.process.wait(10)
    token = (STATE / str(INSTANCE) / "token").read_text()
    own = [folder for folder in group_folders(INSTANCE) if folder.name == f"{INSTANCE}-{token}"]
    assert len(own) >= 3, own
    if state != "token":  # as when the keeper was killed before it made its groups
        assert all(remove(folder) for folder in own)
        (STATE / str(INSTANCE) / "token").unlink()
    if state == "half a token":
        (STATE / str(INSTANCE) / "token").write_text("0123456789abcde")
    ended = run(source("next.sh", "echo swept"))
    assert (ended.code, ended.out) == (0, "swept\n"), ended.err
    assert sleeper.poll() is None
    assert sorted(group_folders(INSTANCE)) == sorted(group.parent for group in groups)
    assert not (STATE / str(INSTANCE)).exists()


def test_no_two_keepers_have_the_same_token():
    tokens = set()
    for _ in range(3):
        with Keeper(INSTANCE) as keeper:
            assert keeper.receive()[0] == HELLO
            token = (STATE / str(INSTANCE) / "token").read_text()
            assert {folder.name for folder in group_folders(INSTANCE)} == {f"{INSTANCE}-{token}"}
            tokens.add(token)
    assert len(tokens) == 3


def test_a_keeper_that_cannot_write_its_token_says_so_and_leaves_nothing():
    """With a limit of 0 for files that it writes, which ends it by an errno when the signal is ignored."""
    with Keeper(INSTANCE, "trap '' XFSZ; ulimit -f 0;") as keeper:
        kind, body = keeper.receive()
        assert kind == REFUSED
        assert b"token" in body
        assert keeper.process.wait(10) not in (0, None)
    assert not (STATE / str(INSTANCE)).exists()


def test_an_instance_that_cannot_be_removed_is_in_nobodys_way(source):
    folder = STATE / str(INSTANCE + 1)
    folder.mkdir(parents=True)
    foreign = folder / "foreign"
    foreign.write_text("not ours to remove")
    try:
        assert run(source("main.py", "print(1)")).out == "1\n"
        assert foreign.exists()
    finally:
        foreign.unlink()
        (folder / "lock").unlink(missing_ok=True)
        folder.rmdir()


def test_a_living_keepers_groups_are_not_swept(source):
    with start(source("daemons.sh", DAEMONS)) as process:
        assert until(lambda: list(cell_processes().values()).count("sleep") == 4)
        before = cell_processes()
        assert run(source("next.sh", "echo beside")).out == "beside\n"
        assert set(before) <= set(cell_processes())
        assert name_of(keeper_of(process)) == "retort-keeper"
        process.terminate()
        assert process.wait(10) == 143
