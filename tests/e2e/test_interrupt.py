"""SIGINT, SIGTERM and SIGHUP end a run at once."""

import fcntl
import json
import os
import random
import signal

import pytest
from harness import STATE, cell_processes, keeper_of, name_of, read, run, start, until

pytestmark = pytest.mark.root

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
SOON = 10  # seconds; a run that was not ended goes on for 30

SLOW_COMPILER = """
id = "slow"
name = "Slow"
extensions = ["slow"]
needs = ["/usr/bin/sleep"]
version_command = ["/usr/bin/sleep", "--version"]
main = "main.slow"
[compile]
command = ["/usr/bin/sleep", "1000"]
artefacts = ["program"]
[run]
command = ["./program"]
"""

# Deaf to all that can be ignored, with a daemon that is as deaf.
DEAF = """
import os, signal, time
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP): signal.signal(number, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
    time.sleep(1000)
print("ready", flush=True)
time.sleep(1000)
"""


def send(process, number):
    """As a terminal does it: Ctrl-C goes to the whole process group, the others to one process."""
    if number == signal.SIGINT:
        os.killpg(process.pid, number)
    else:
        process.send_signal(number)


def ends_when_interrupted(process):
    os.killpg(process.pid, signal.SIGINT)
    return process.poll() is not None


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_ends_the_run_stage(number, python):
    with start(python(DEAF)) as process:
        assert process.stdout.readline() == b"ready\n"
        send(process, number)
        assert process.wait(SOON) == 128 + number
        assert not cell_processes()
        assert b"cancelled" in process.stderr.read()


@pytest.mark.parametrize("number", SIGNALS)
def test_with_json_the_result_is_printed_and_the_exit_code_tells_of_the_signal(number, python):
    with start("--json", python(DEAF)) as process:
        assert until(lambda: "python3" in cell_processes().values())
        send(process, number)
        assert process.wait(SOON) == 128 + number
        result = json.loads(process.stdout.read())
        assert result["status"] == "cancelled"
        assert [stage["status"] for stage in result["stages"]] == ["cancelled"]


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_ends_the_compile_stage(number, source, manifests):
    with start(source("main.slow", ""), env=manifests(slow=SLOW_COMPILER)) as process:
        assert until(lambda: "sleep" in cell_processes().values()), process.stderr.read()
        send(process, number)
        assert process.wait(SOON) == 128 + number
        assert not cell_processes()


def test_a_real_compiler_is_interrupted(source):
    program = source("main.c", "#include __FILE__\n" * 2 + "int main(void) {}\n")
    with start("--compile-limit", "memory=64MiB", program) as process:
        until(lambda: "cc1" in cell_processes().values(), 5)
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(SOON) in (128 + signal.SIGINT, 65, 137)  # or it was quicker


def test_an_interrupt_works_while_nobody_reads_the_output(python):
    with start(python("while True: print('x' * 1000)")) as process:
        assert until(lambda: "python3" in cell_processes().values())
        until(lambda: False, 0.5)  # until the pipe is full
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(SOON) == 128 + signal.SIGINT


def test_a_second_interrupt_works_while_nobody_reads_the_result(python):
    with start("--json", "--limit", "output=4MiB", python("while True: print('x' * 1000)")) as process:
        assert until(lambda: "python3" in cell_processes().values())
        until(lambda: False, 0.5)  # until there is more than the pipe takes
        os.killpg(process.pid, signal.SIGINT)
        assert until(lambda: not cell_processes())
        assert until(lambda: ends_when_interrupted(process), SOON, step=0.2)


def test_a_second_interrupt_works_while_nobody_reads_the_compilers_warnings(source):
    text = "".join(f"#warning {'w' * 200} {number}\n" for number in range(1000)) + "int main(void) {}\n"
    with start(source("main.c", text)) as process:
        assert until(lambda: "cc1" in cell_processes().values())
        assert until(lambda: not cell_processes())
        until(lambda: False, 0.3)  # until the pipe is full
        assert until(lambda: ends_when_interrupted(process), SOON, step=0.2)


def test_an_interrupt_works_while_stdin_is_open_and_silent(python):
    read_end, write_end = os.pipe()
    try:
        with start(python("import sys\nprint('ready', flush=True)\nsys.stdin.read()"), stdin=read_end) as process:
            assert process.stdout.readline() == b"ready\n"
            os.killpg(process.pid, signal.SIGINT)
            assert process.wait(SOON) == 128 + signal.SIGINT
    finally:
        os.close(read_end)
        os.close(write_end)


def test_many_signals_are_as_good_as_one(python):
    with start(python(DEAF)) as process:
        assert process.stdout.readline() == b"ready\n"
        for _ in range(20):
            os.killpg(process.pid, signal.SIGINT)
            process.send_signal(signal.SIGTERM)
        assert process.wait(SOON) in (130, 143)


def test_a_signal_at_any_moment_leaves_nothing(source):
    """The fixture looks afterwards; here it must only end soon, with a code that tells of the signal."""
    program = source("main.c", "#include <unistd.h>\nint main(void) { sleep(1000); }\n")
    chance = random.Random(1)
    for _ in range(20):
        delay = chance.uniform(0, 0.15)
        with start(program) as process:
            until(lambda: False, delay)
            os.killpg(process.pid, signal.SIGINT)
            # Before it watches for signals the signal itself ends it; the keeper then cleans up.
            assert process.wait(SOON) in (130, -signal.SIGINT), f"after {delay:.3f} s"
            process.communicate()


# --- Before there is a job --------------------------------------------------------------------------------------------


@pytest.fixture
def held_turn(source):
    """The lock that keepers take to begin and to end, in other hands. Those of other users of this machine wait as well."""
    assert run(source("first.sh", "true")).code == 0  # it exists from here on
    with open(STATE / "lock", "rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock


def is_waiting_for_a_lock(pid):
    return "flock" in read(f"/proc/{pid}/wchan") or f" {pid} " in "".join(
        line for line in read("/proc/locks").splitlines() if "->" in line
    )


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_ends_a_run_whose_keeper_waits(number, source, held_turn):
    before = set(os.listdir(STATE))
    with start(source("main.sh", "echo started")) as process:
        keeper = keeper_of(process)
        assert until(lambda: name_of(keeper) == "retort-keeper" and is_waiting_for_a_lock(keeper))
        send(process, number)
        assert process.wait(SOON) == 128 + number
        assert process.stdout.read() == b""
        assert not name_of(keeper)
        assert set(os.listdir(STATE)) == before


def test_a_signal_ends_a_run_whose_keeper_is_stuck(source, held_turn):
    """Stopped while it waits, so that it does not even hear that it is called off."""
    with start(source("main.sh", "echo started")) as process:
        keeper = keeper_of(process)
        assert until(lambda: name_of(keeper) == "retort-keeper" and is_waiting_for_a_lock(keeper))
        os.kill(keeper, signal.SIGSTOP)
        assert until(lambda: "(stopped)" in read(f"/proc/{keeper}/status"))
        send(process, signal.SIGINT)
        assert process.wait(SOON) == 128 + signal.SIGINT
        assert not name_of(keeper)


def test_a_signal_ends_a_run_that_asks_for_the_version(source, manifests):
    slow = SLOW_COMPILER.replace('["/usr/bin/sleep", "--version"]', '["/usr/bin/sleep", "1000"]')
    with start("-l", "slow@1", source("main.slow", ""), env=manifests(slow=slow)) as process:
        assert until(lambda: "sleep" in cell_processes().values()), process.stderr.read()
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(SOON) == 128 + signal.SIGINT
        assert not cell_processes()
