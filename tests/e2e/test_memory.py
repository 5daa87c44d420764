"""A server that is short of memory: it refuses or answers rightly, lives on, and loses nothing it accepted (S06)."""

import asyncio
import hashlib
import os
import random
from contextlib import contextmanager
from pathlib import Path

import harness
import pytest
from harness import until
from jobs import result
from load import Connection
from server import server

pytestmark = pytest.mark.root

MIB = 1 << 20
PATIENT = {
    "queue_wait": "2min",
    "rate_anonymous.requests": "none",
    "rate_anonymous.parallel": "none",
    "limits_run.largest.output": "16MiB",
}
# Says what it was given, and as much again.
SOURCE = """import hashlib, sys
data = sys.stdin.buffer.read()
print(len(data), hashlib.sha256(data).hexdigest())
sys.stdout.write("x" * int(sys.argv[1]))
"""
GROUPS = Path("/sys/fs/cgroup/memory")


def large(chance):
    """A job with much input, and what it must answer."""
    data = chance.randbytes(1 << 10).hex() * chance.randrange(512, 3 << 10)
    output = chance.randrange(0, 4 * MIB)
    body = {
        "runtime": "python",
        "files": [{"content": SOURCE}],
        "args": [str(output)],
        "stdin": data,
        "limits": {"run": {"output_bytes": 16 * MIB}},
    }
    return body, f"{len(data)} {hashlib.sha256(data.encode()).hexdigest()}\n" + "x" * output


def is_refusal(reply):
    """Of want of room, and such that a client knows when to come back."""
    if reply.status == 413:
        return True
    return reply.status in (429, 503) and b"retry-after: " in reply.headers.lower()


async def push(one, at_once, rounds, seed):
    """Large jobs side by side, some of them stored; how many were answered and refused, and what was accepted."""
    accepted, answered, refused = {}, [], []

    async def client(number):
        chance = random.Random(seed + number)
        for turn in range(rounds):
            connection = Connection(one.port)
            body, output = large(chance)
            is_stored = (number + turn) % 4 == 0
            reply = await connection.request("POST", "/v1/jobs" if is_stored else "/v1/run", body)
            connection.close()
            if reply.status == 202:
                accepted[reply.json["id"]] = output
            elif reply.status == 200:
                assert reply.json["status"] == "ok" and reply.json["stages"][0]["stdout"] == output
                answered.append(reply)
            else:
                assert is_refusal(reply), reply
                refused.append(reply)

    await asyncio.gather(*(client(number) for number in range(at_once)))
    return accepted, answered, refused


def each_has_its_result(one, accepted):
    for name, output in accepted.items():
        ended = result(one, name, seconds=120)
        # One that found no memory three times is given up, and says so.
        if "problem" in ended:
            assert ended["problem"]["code"] in ("internal_error", "unavailable"), ended
        else:
            assert ended["result"]["status"] == "ok", ended["result"]
            assert ended["result"]["stages"][0]["stdout"] == output


def lives_well(one):
    assert one.process.poll() is None, one.log.read_text(errors="replace")[-2000:]
    assert until(lambda: one.get("/health").json["slots"]["taken"] == 0, 60, 0.1)
    # What was refused for a while is taken again.
    assert until(lambda: one.run("python", "print(input())", "well")["status"] == "ok", 20, 0.1)


def test_s06_where_allocations_fail_it_refuses_and_goes_on():
    with server(**PATIENT) as one:
        one.run("python", "print(1)")
        size = int(harness.read(f"/proc/{one.pid}/statm").split()[0]) * os.sysconf("SC_PAGE_SIZE")
    # The soft limit is the server's alone.
    with server(launch=["prlimit", f"--as={size + 64 * MIB}:unlimited"], **PATIENT) as one:
        accepted, answered, refused = asyncio.run(push(one, 24, 4, seed=1))
        assert refused and accepted and answered
        lives_well(one)
        each_has_its_result(one, accepted)


@contextmanager
def memory_group(size):
    harness.need((GROUPS / "memory.limit_in_bytes").exists(), "no control groups of version 1")
    folder = GROUPS / f"retort-e2e-{os.getpid()}"
    folder.mkdir()
    try:
        (folder / "memory.limit_in_bytes").write_text(str(size))
        yield folder
    finally:
        assert until(lambda: is_removed(folder), 10)


def is_removed(folder):
    try:
        folder.rmdir()
    except OSError:
        return False
    return True


def test_s06_in_a_tight_control_group_it_refuses_and_is_not_killed():
    with memory_group(192 * MIB) as group:
        enter = ["sh", "-c", f'echo $$ > {group}/cgroup.procs && exec "$0" "$@"']
        with server(launch=enter, queue_memory="1GiB", **PATIENT) as one:
            assert one.pid in map(int, (group / "cgroup.procs").read_text().split())
            accepted, answered, refused = asyncio.run(push(one, 40, 4, seed=100))
            assert refused and accepted and answered
            lives_well(one)
            # What another server finds is what was accepted.
            one.restart()
            each_has_its_result(one, accepted)
