"""Clients that leave, at every moment of every kind of request, cleanly and by a reset: the job ends, its place is free
at once, and nothing of it stays (S10 of the attacks)."""

import base64
import hashlib
import io
import json
import os
import re
import select
import socket
import tarfile

import harness
import pytest
from harness import FULL, PATIENCE, cell_processes, read, until
from jobs import ENDLESS, LONG_LIMITS, accept, job, result, sleeper, state
from live import Deaf, reset
from server import server

pytestmark = pytest.mark.root

SETTINGS = {
    "queue_wait": "15s",  # less than a job lasts that was not ended
    "limits_run.largest.output": "16MiB",
    "rate_anonymous.requests": "none",
    "rate_anonymous.parallel": "none",
}
OCTETS = {"Content-Type": "application/octet-stream"}
LOUD = "import sys\nsys.stdout.write('x' * (12 << 20))\n"
LOUD_LIMITS = {"run": {"output_bytes": 16 << 20}}
FLOOD = "import os\nwhile True: os.write(1, b'x' * 65536)\n"
DAEMONS = "import os, time\nfor _ in range(8):\n    if not os.fork():\n        os.setsid()\n        break\ntime.sleep(1000)\n"
SLOW_CPP = """#include <bits/stdc++.h>
constexpr long f() { long s = 0; for (int i = 0; i < 1000; ++i) for (int k = 0; k < 9000; ++k) s += k; return s; }
static_assert(f() > 0);
int main() {}"""
MANY_FILES = "for i in range(3500): open(f'{i}', 'wb').write(bytes(4000))\n"


@pytest.fixture(scope="module")
def one(request):
    """A server with as many slots as the moment wants, that has opened what it opens once."""
    with server(queue_slots=request.param, **SETTINGS) as running:
        accept(running)
        running.run("c", "int main() {}")
        running.put("/v1/blobs/" + hashlib.sha256(b"").hexdigest(), b"", headers=OCTETS)
        running.keeper = harness.keeper_of(running.process)
        assert until(lambda: is_quiet(running)), what_goes_on(running)
        yield running


# ---- What a server is that has nothing to do. ----


def figures(one):
    return {name: float(value) for name, value in re.findall(r"^(\w+) (\S+)$", one.get("/metrics").text, re.M)}


def cell_groups(one):
    instances = harness.instances_of(one.keeper)
    return [group for instance in instances for folder in harness.group_folders(instance) for group in folder.glob("cell-*")]


def what_goes_on(one):
    health, now = one.get("/health").json, figures(one)
    return {
        "slots taken": health["slots"]["taken"],
        "cells": now["retort_cells_running"],
        "waiting": now["retort_queue_jobs"],
        "waiting bytes": now["retort_queue_bytes"],
        "memory": now["retort_memory_admitted_bytes"],
        "connections": now["retort_connections"] - 1,  # the one that asks
        "processes": cell_processes(),
        "groups": cell_groups(one),
    }


def is_quiet(one):
    return not any(what_goes_on(one).values())


def connect(one):
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.settimeout(PATIENCE)
    raw.connect(("127.0.0.1", one.port))
    return raw


def request(body, path="/v1/run", more=""):
    data = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n{more}\r\n"
    return head.encode(), data


def send(one, body, path="/v1/run", more=""):
    raw = connect(one)
    raw.sendall(b"".join(request(body, path, more)))
    return raw


def hear(raw, pattern):
    """Reads byte by byte until the pattern has come, and nothing behind it."""
    heard = b""
    while not re.search(pattern, heard):
        byte = raw.recv(1)
        assert byte, heard
        heard += byte
    return heard


def is_unanswered(raw):
    return not select.select([raw], [], [], 0)[0]


def with_tests(source, tests, **more):
    return {"runtime": "python", "files": [{"content": source}], "tests": tests, **more}


def names():
    return list(cell_processes().values())


def is_process(word):
    """Is there a process in a cell with a word on its command line that ends like this?"""
    return any(f"{word}\0" in read(f"/proc/{pid}/cmdline") for pid in cell_processes())


def caught(one, body, condition, path="/v1/run"):
    """A request that is left in a stage that is short: tried until it was seen in it."""
    for _ in range(40):
        raw = send(one, body, path)
        if until(lambda: condition() or not is_unanswered(raw), step=0) and is_unanswered(raw):
            return raw
        raw.close()
    pytest.fail("it was quicker each time")


# ---- The moments: each yields a socket, which is then left, and may look after what it began. ----

MOMENTS = {}


def moment(function, slots=1):
    MOMENTS[function.__name__] = (function, slots)
    return function


def wide_moment(function):
    return moment(function, slots=3)


@moment
def within_the_request_line(one):
    raw = connect(one)
    raw.sendall(b"POST /v1/r")
    yield raw


@moment
def within_the_headers(one):
    raw = connect(one)
    raw.sendall(request(sleeper())[0][:-10])
    yield raw


@moment
def asked_to_go_on(one):
    head, _ = request(sleeper(), more="Expect: 100-continue\r\n")
    raw = connect(one)
    raw.sendall(head)
    hear(raw, rb"100 Continue\r\n\r\n")
    yield raw


@moment
def at_the_first_byte_of_the_body(one):
    head, data = request(sleeper())
    raw = connect(one)
    raw.sendall(head + data[:1])
    yield raw


@moment
def in_the_middle_of_a_large_body(one):
    head, data = request(sleeper(stdin="x" * (4 << 20)))
    raw = connect(one)
    raw.sendall(head + data[: len(data) // 2])
    yield raw


@moment
def before_the_last_byte_of_the_body(one):
    head, data = request(sleeper())
    raw = connect(one)
    raw.sendall(head + data[:-1])
    yield raw


@moment
def within_a_chunk(one):
    raw = connect(one)
    raw.sendall(
        b"POST /v1/run HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{"
    )
    yield raw


@moment
def idle_between_two_requests(one):
    raw = connect(one)
    raw.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
    hear(raw, rb"\r\n\r\n")
    yield raw


@moment
def behind_a_request_that_is_not_read_yet(one):
    raw = connect(one)
    raw.sendall(b"".join(request(sleeper())) * 2)
    assert until(lambda: "python3" in names())
    yield raw


@moment
def while_it_waits_for_a_place(one):
    holder = send(one, sleeper())
    assert until(lambda: "python3" in names())
    raw = send(one, sleeper())
    assert until(lambda: one.get("/health").json["queue"]["length"] == 1)
    yield raw
    assert until(lambda: one.get("/health").json["queue"]["length"] == 0)
    assert "python3" in names()
    holder.close()


@moment
def while_its_archive_is_unpacked(one):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:bz2") as archive:
        member = tarfile.TarInfo("random")
        member.size = 5 << 20
        archive.addfile(member, io.BytesIO(os.urandom(member.size)))
        member = tarfile.TarInfo("main.py")
        archive.addfile(member)
    body = {"runtime": "python", "main": "main.py", "archive": {"content": base64.b64encode(packed.getvalue()).decode()}}
    yield caught(one, body, lambda: "bsdtar" in names())


@moment
def while_it_is_compiled(one):
    body = {"runtime": "cpp", "files": [{"content": SLOW_CPP}], "cache": False}
    yield caught(one, body, lambda: "cc1plus" in names())


@moment
def while_its_cell_is_made(one):
    yield caught(one, sleeper(), lambda: (found := names()) and "python3" not in found)


@moment
def while_it_runs(one):
    raw = send(one, sleeper())
    assert until(lambda: "python3" in names())
    yield raw


@moment
def while_many_processes_run(one):
    raw = send(one, job(DAEMONS, limits=LONG_LIMITS))
    assert until(lambda: names().count("python3") == 9)
    yield raw


@wide_moment
def while_several_tests_run(one):
    tests = [{"stdin": str(number), "expected_stdout": ""} for number in range(6)]
    raw = send(one, with_tests(ENDLESS, tests, limits=LONG_LIMITS, parallel=3))
    assert until(lambda: names().count("python3") == 3)
    yield raw


@moment
def while_its_output_is_judged(one):
    judge = {"runtime": "python", "files": [{"name": "judge.py", "content": ENDLESS}], "limits": LONG_LIMITS}
    tests = [{"stdin": "1", "expected_stdout": "1"}]
    raw = send(one, with_tests("print(1)", tests, check={"kind": "program", "program": judge}))
    assert until(lambda: is_process("judge.py") or not is_unanswered(raw)), hear(raw, rb"}")
    yield raw


@moment
def while_its_files_are_collected(one):
    yield caught(one, job(MANY_FILES, collect=["."]), lambda: is_process("collect"))


@moment
def before_it_reads_the_answer(one):
    raw = send(one, job(LOUD, limits=LOUD_LIMITS))
    assert until(lambda: not is_unanswered(raw))
    yield raw


@moment
def within_the_answer(one):
    raw = send(one, job(LOUD, limits=LOUD_LIMITS))
    hear(raw, rb"xxxxxxxxxx")
    yield raw


@moment
def before_a_batchs_first_answer(one):
    raw = send(one, {"jobs": [sleeper()] * 50}, "/v1/batches")
    hear(raw, rb"\r\n\r\n")
    assert until(lambda: "python3" in names())
    yield raw


@moment
def within_a_batchs_second_answer(one):
    loud = job(LOUD, limits=LOUD_LIMITS)
    raw = send(one, {"jobs": [job(), *[loud] * 5]}, "/v1/batches")
    hear(raw, rb"xxxxxxxxxx")
    yield raw


@moment
def after_a_batchs_third_answer(one):
    raw = send(one, {"jobs": [*[job()] * 3, *[sleeper()] * 50]}, "/v1/batches")
    for _ in range(3):
        hear(raw, rb'"index":[^\n]*\n')
    assert until(lambda: "python3" in names())
    yield raw


@moment
def as_a_stored_job_is_accepted(one):
    """It is nobody's connection that it lives by: what was sent whole is run, exactly once."""
    before = len(one.get("/v1/jobs").json["jobs"])
    yield send(one, job(stdin="left"), "/v1/jobs")
    assert until(lambda: len(one.get("/v1/jobs").json["jobs"]) == before + 1)
    name = one.get("/v1/jobs").json["jobs"][0]["id"]
    assert result(one, name)["result"]["stages"][0]["stdout"] == "left\n"


@moment
def within_a_jobs_events(one):
    name = accept(one, sleeper())
    raw = connect(one)
    raw.sendall(f"GET /v1/jobs/{name}/events HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    hear(raw, rb"event: started")
    yield raw
    assert until(lambda: figures(one)["retort_connections"] == 1)
    assert state(one, name) == "running"
    assert one.delete(f"/v1/jobs/{name}").status == 204


@moment
def within_a_stored_result(one):
    name = accept(one, job(LOUD, limits=LOUD_LIMITS))
    result(one, name)
    raw = connect(one)
    raw.sendall(f"GET /v1/jobs/{name} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    hear(raw, rb"xxxxxxxxxx")
    yield raw


@moment
def within_a_blob_that_is_sent(one):
    before = len(blob_files(one))
    raw = connect(one)
    raw.sendall(b"PUT /v1/blobs/%s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000000\r\n\r\n" % (b"1" * 64) + bytes(5 << 20))
    assert until(lambda: len(blob_files(one)) == before + 1)
    yield raw
    assert until(lambda: len(blob_files(one)) == before)


@moment
def within_a_blob_that_is_fetched(one):
    data = bytes(9 << 20)
    name = hashlib.sha256(data).hexdigest()
    assert one.put("/v1/blobs/" + name, data, headers=OCTETS).status in (200, 201)
    raw = connect(one)
    raw.sendall(f"GET /v1/blobs/{name} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    hear(raw, rb"\0\0\0")
    yield raw


def blob_files(one):
    return [path for path in (one.state / "blobs").rglob("*") if path.is_file()]


# ---- Of a WebSocket. ----


def interactive(one, source=ENDLESS, **more):
    deaf = Deaf(one)
    deaf.send(type="init", job={"runtime": "python", "files": [{"content": source}], "limits": LONG_LIMITS}, **more)
    return deaf


@moment
def within_a_handshake(one):
    raw = connect(one)
    raw.sendall(b"GET /v1/interactive HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n")
    yield raw


@moment
def before_an_interactive_job_is_sent(one):
    yield Deaf(one).raw


@moment
def within_the_frame_of_an_interactive_job(one):
    deaf = Deaf(one)
    deaf.raw.sendall(b"\x81\xfe\x40\x00" + bytes(4) + b'{"type": "init"')
    yield deaf.raw


@moment
def while_an_interactive_job_waits_for_a_place(one):
    holder = interactive(one)
    assert until(lambda: "python3" in names())
    deaf = interactive(one)
    hear(deaf.raw, rb'"queued"')
    yield deaf.raw
    assert until(lambda: one.get("/health").json["queue"]["length"] == 0)
    holder.close()


@moment
def with_a_place_and_no_interactive_job(one):
    deaf = Deaf(one)
    deaf.send(type="announce", runtime="python")
    hear(deaf.raw, rb'"ready"')
    yield deaf.raw


@moment
def within_an_interactive_jobs_input(one):
    deaf = interactive(one)
    hear(deaf.raw, rb"begun")
    deaf.send(type="stdin", data="y" * 60000)
    deaf.raw.sendall(b"\x81\xfe\x40\x00" + bytes(4) + b'{"type": "stdin", "data": "yyy')
    yield deaf.raw


@moment
def within_an_interactive_jobs_output(one):
    deaf = interactive(one, FLOOD)
    hear(deaf.raw, rb"xxxxxxxxxx")
    yield deaf.raw


@moment
def after_the_end_of_an_interactive_jobs_input(one):
    deaf = interactive(one, "import sys\nsys.stdin.read()\nprint('read', flush=True)\n" + ENDLESS)
    deaf.send(type="eof")
    hear(deaf.raw, rb"read")
    yield deaf.raw


@moment
def at_a_terminal(one):
    deaf = interactive(one, terminal={"rows": 24, "columns": 80})
    hear(deaf.raw, rb"begun")
    yield deaf.raw


WAYS = ["close", "reset"]  # in turn; with the whole load each moment by both
LEAVING = [(slots, name, how) for index, (name, (_, slots)) in enumerate(MOMENTS.items())
           for how in (WAYS if FULL else WAYS[index % 2 :][:1])]  # fmt: skip


@pytest.mark.parametrize("one, name, how", LEAVING, indirect=["one"])
def test_s10_a_client_that_leaves_frees_its_place_and_leaves_nothing(one, name, how):
    before = harness.steady_descriptors(one.pid, one.keeper)
    steps = MOMENTS[name][0](one)
    raw = next(steps)
    raw.close() if how == "close" else reset(raw)
    next(steps, None)
    # In the only place there is; where it were still taken, this would be refused.
    assert one.run("python", "print(input())", "next")["stages"][0]["stdout"] == "next\n"
    assert until(lambda: is_quiet(one)), what_goes_on(one)
    # The connection that has asked may be the last to go.
    assert until(lambda: not harness.changed_descriptors(before)), harness.changed_descriptors(before)
    log = one.log.read_text(errors="replace")
    assert not re.search(r" error |exception|without an answer", log), log[-2000:]
