"""kill -9 at chosen system calls, not at chosen times: of the keeper while it makes a cell, uses it and takes it down (S02),
and of the server while it accepts, runs and stores jobs (S01)."""

import collections
import http.client
import os
import re
import shutil
import signal
import subprocess

import pytest
from harness import BIN, FULL, cell_processes, environment, read, run, until, what_is_left
from jobs import accept, result, serve

pytestmark = pytest.mark.root

STRACE = ["strace", "-D", "-qq", "-a1"]  # -D: the program stays the child of whoever started it


def lines(trace):
    """The names of the calls in a trace of one process, in their order."""
    return [found[1] for line in read(trace).splitlines() if (found := re.match(r"(?:\d+ +)?(\w+)\(", line))]


def points(calls, begin):
    """(name, which): the first, the middle and the last call of each name after the first `begin`."""
    ready = calls.index(begin)
    before = collections.Counter(calls[:ready])
    found = []
    for name, count in collections.Counter(calls[ready:]).items():
        found += [(name, before[name] + which) for which in sorted({1, (count + 1) // 2, count})]
    return found


@pytest.fixture
def programs(tmp_path):
    """A folder with Retort's programs; the keeper in it runs under strace with the words of the file `words`."""
    for name in ("retort", "retort-init"):
        try:
            os.link(BIN / name, tmp_path / name)
        except OSError:  # another file system
            shutil.copy2(BIN / name, tmp_path / name)
    keeper = tmp_path / "retort-keeper"
    keeper.write_text(f'#!/bin/bash\nexec {" ".join(STRACE)} $(<"{tmp_path}/words") "{BIN}/retort-keeper" "$@"\n')
    keeper.chmod(0o755)
    return tmp_path


def run_under(programs, words, program):
    (programs / "words").write_text(words)
    command = [programs / "retort", "run", program]
    return subprocess.run(command, input=b"nonce\n", capture_output=True, env=environment(), timeout=60, check=False)


def test_s02_a_keeper_that_dies_at_any_system_call_leaves_nothing(programs, source):
    program = source("main.py", "print(input())\n")
    trace = programs / "trace"
    whole = run_under(programs, f"-o {trace}", program)
    assert (whole.returncode, whole.stdout) == (0, b"nonce\n"), whole.stderr
    struck = collections.Counter()
    places = points(lines(trace), "recvmsg")
    assert len(places) > 40, places
    for name, which in places:
        where = f"{name} number {which}"
        done = run_under(programs, f"-o /dev/null -e trace={name} -e inject={name}:signal=KILL:when={which}", program)
        # Too late to matter is a right answer; anything else is our failure, and says so.
        assert done.returncode in (0, 125), f"{where}: {done.returncode} {done.stderr}"
        assert done.stdout in ((b"nonce\n",) if done.returncode == 0 else (b"", b"nonce\n")), where
        assert done.returncode == 0 or b"keeper" in done.stderr, f"{where}: {done.stderr}"
        struck[done.returncode] += 1
        assert until(lambda: not cell_processes(), 10), f"{where}: {cell_processes()}"
    assert struck[125] > len(places) // 3, struck
    after = run(source("next.sh", "echo swept"))
    assert (after.code, after.out) == (0, "swept\n"), after.err
    assert not (left := what_is_left()), left


# Calls of the server on the way of a stored job: its connection, its rows, its keeper, its answer; how many of them it may
# make, once it listens, until it dies.
CALLS = {"accept4": 2, "recvmsg": 10, "sendmsg": 5, "pwrite64": 40, "fdatasync": 2, "write": 2, "read": 1, "close": 20}
POINTS = list(CALLS.items())
if FULL:
    POINTS += [(name, which) for name in CALLS for which in (1, 3, 7, 15)]


@pytest.mark.parametrize(("name", "which"), POINTS)
def test_s01_a_server_that_dies_at_any_system_call_keeps_what_it_accepted(name, which):
    numbers = [f"nonce {number}" for number in range(8)]
    with serve(async_attempts=10) as running:
        inject = f"inject={name}:signal=KILL:when={which}"
        command = ["strace", "-f", "-qq", "-o", "/dev/null", "-p", str(running.pid), "-e", f"trace={name}", "-e", inject]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL) as tracer:
            assert until(lambda: "TracerPid:\t0" not in read(f"/proc/{running.pid}/status"), 10)
            before = {number: sent for number in numbers if (sent := send(running, number))}
            struck = until(lambda: running.process.poll(), 10)
            tracer.send_signal(signal.SIGINT)
        # 125: it was the keeper that died, of which the server cannot get another; it says so and ends.
        assert struck in (-signal.SIGKILL, 125), f"{struck}: {running.log.read_text()[-2000:]}"
        running.restart()
        accepted = {number: send(running, number) for number in numbers}  # who had no answer asks again
        assert before.items() <= accepted.items()
        for number, name in accepted.items():
            done = result(running, name)
            assert done["result"]["status"] == "ok", done
            assert done["result"]["stages"][-1]["stdout"] == f"{number}\n"
        listed = running.get("/v1/jobs?limit=1000").json["jobs"]
        assert sorted(entry["id"] for entry in listed) == sorted(accepted.values())


def send(running, number):
    """The job's id, or nothing when the server has died."""
    body = {"runtime": "bash", "files": [{"content": "cat"}], "stdin": f"{number}\n"}
    try:
        return accept(running, body, headers={"Idempotency-Key": number})
    except (OSError, http.client.HTTPException):
        return None
