"""/v1/interactive: windows, which keep its messages moving whatever waits; cancel, close and capture."""

import asyncio
import contextlib
import json
import struct
import time

import harness
import pytest
import websockets
from harness import FULL
from live import Deaf, job, open_live
from server import server

MIB = 1 << 20
FLOOD = "import os\nwhile True: os.write(1, b'x' * 65536)\n"
LONG = {"limits": {"run": {"wall_time_us": 100_000_000, "output_bytes": 64 * MIB}}}
MANY = {"limits_run.largest.output": "64MiB", "rate_anonymous.requests": 100000, "rate_anonymous.burst": 10000}


@pytest.fixture(scope="module")
def one():
    with server(**MANY) as running:
        yield running


def talk(one, what, steps, **more):
    async def session():
        async with open_live(one) as live:
            await live.init(what, **more)
            await steps(live)
            return live, await live.end()

    return asyncio.run(session())


async def is_silent(live, seconds=0.5):
    """Nothing comes for a while."""
    try:
        message = await asyncio.wait_for(live.socket.recv(), seconds)
    except asyncio.TimeoutError:
        return True
    raise AssertionError(message[:100])


def test_the_server_sends_of_each_stream_what_its_window_allows(one):
    source = "import os\nos.write(1, b'o' * 3000)\nos.write(2, b'e' * 3000)\nos.read(0, 1)\n"

    async def use(live):
        while len(live.out) < 1000 or len(live.err) < 10:
            await live.hear()
        assert await is_silent(live)
        assert (len(live.out), len(live.err)) == (1000, 10)
        # One stream does not stand in the other's way.
        await live.send(type="window", stream="stderr", bytes=5000)
        while len(live.err) < 3000:
            await live.hear()
        assert len(live.out) == 1000
        await live.send(type="window", stream="stdout", bytes=500)
        while len(live.out) < 1500:
            await live.hear()
        assert await is_silent(live)
        await live.stdin("y")

    live, code = talk(one, job(source, **LONG), use, windows={"stdout": 1000, "stderr": 10})
    # What is left at the end comes without asking.
    assert (live.out, live.err, code) == (b"o" * 3000, b"e" * 3000, 1000)


def test_input_is_granted_as_the_program_takes_it(one):
    source = "import os, time\nos.read(0, 1)\ntime.sleep(1)\nprint(1 + len(open(0, 'rb').read()))\n"
    granted, sent = [], 0

    async def hear(live):
        message = await live.hear()
        if message["type"] == "window":
            assert message["stream"] == "stdin"
            granted.append(message["bytes"])

    async def use(live):
        nonlocal sent
        while not granted:
            await hear(live)
        assert live.heard[-2:] == ["started", "window"]
        while sent < 2 * MIB:
            while sum(granted) == sent:
                await hear(live)
            count = min(sum(granted) - sent, 60000)
            await live.stdin("x" * count)
            sent += count
        await live.send(type="eof")

    live, _ = talk(one, job(source, **LONG), use, windows={})
    assert int(live.out) == sent
    assert sum(granted) >= 2 * MIB and max(granted) <= MIB


def test_whoever_asks_for_no_windows_hears_of_none(one):
    async def use(live):
        await live.stdin("x" * 1000)
        await live.send(type="eof")

    live, _ = talk(one, job("print(len(input()))"), use)
    assert "window" not in live.heard and live.out == b"1000\n"


@pytest.mark.parametrize("windows", [None, {"stdout": 1000}])
def test_a_cancel_ends_the_job_and_its_result_comes(one, windows):
    async def use(live):
        while len(live.out) < 1000:
            await live.hear()
        await live.send(type="cancel")

    more = {"windows": windows} if windows else {}
    live, code = talk(one, job(FLOOD, **LONG), use, **more)
    assert live.result["status"] == "cancelled" and code == 1000


def test_a_cancel_in_the_queue_is_an_answer_too():
    async def session(one):
        async with open_live(one) as first, open_live(one) as second:
            await first.init(job("import time\nprint('up', flush=True)\ntime.sleep(100)", **LONG))
            await first.until_out(b"up")
            await second.init(job("print(1)"))
            await second.until("queued")
            await second.send(type="cancel")
            assert await second.end() == 1000
            assert second.result["status"] == "cancelled" and second.result["stages"] == []

    with server(queue_slots=1, **MANY) as one:
        asyncio.run(session(one))


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_stream_that_is_closed_is_a_broken_pipe_and_the_other_goes_on(one, stream):
    other = {"stdout": "stderr", "stderr": "stdout"}[stream]
    numbers = {"stdout": 1, "stderr": 2}
    source = (
        "import os, time\n"
        f"broken, whole = {numbers[stream]}, {numbers[other]}\n"
        "try:\n"
        "    while True: os.write(broken, b'x' * 4096)\n"
        "except BrokenPipeError: os.write(whole, b'broken')\n"
    )

    async def use(live):
        while not (live.out if stream == "stdout" else live.err):
            await live.hear()
        await live.send(type="close", stream=stream)

    live, code = talk(one, job(source, **LONG), use)
    assert (live.err if stream == "stdout" else live.out) == b"broken"
    assert live.result["status"] == "ok" and code == 1000


def test_a_stream_may_be_closed_before_it_is_there(one):
    source = "#include <stdio.h>\n#include <unistd.h>\n"
    source += "int main() { sleep(1); while (write(1, \"x\", 1) == 1) {} return 7; }\n"

    async def use(live):
        await live.send(type="close", stream="stdout")

    live, _ = talk(one, job(source, "c", cache=False), use)
    stage = live.result["stages"][-1]
    assert (live.out, stage["status"], stage["signal"]) == (b"", "signaled", 13)


def test_streams_may_be_binary_messages_both_ways(one):
    source = "import os, sys\ndata = sys.stdin.buffer.read()\nos.write(1, data)\nos.write(2, data[::-1])\n"
    data = bytes(range(256)) * 100
    streams = {1: b"", 2: b""}

    async def session():
        async with open_live(one) as live:
            await live.init(job(source), binary=True)
            await live.socket.send(b"\0" + data)
            await live.send(type="stdin", data="text still goes")
            await live.send(type="eof")
            heard = []
            async for message in live.socket:
                if isinstance(message, bytes):
                    streams[message[0]] += message[1:]
                else:
                    heard.append(json.loads(message)["type"])
            return heard

    heard = asyncio.run(session())
    data += b"text still goes"
    assert streams == {1: data, 2: data[::-1]}
    assert heard[-1] == "result" and not {"stdout", "stderr"} & set(heard)


@pytest.mark.parametrize("message", [b"", b"\1x", b"x", b"\0" + bytes(MIB + 1)], ids=["empty", "1", "x", "large"])
def test_a_binary_message_that_is_wrong_ends_the_session(one, message):
    async def use(live):
        await live.until("started")
        await live.socket.send(message)

    live, code = talk(one, job("import time\ntime.sleep(100)", **LONG), use, binary=True)
    assert (live.problem["code"], code) == ("invalid_request", 1008)


def test_streams_may_be_closed_again_and_after_their_end_and_the_session_goes_on(one):
    source = "import os, time\nos.close(1)\nos.close(2)\ntime.sleep(100)\n"

    async def use(live):
        await live.until("started")
        for _ in range(3):
            for stream in ("stdout", "stderr"):
                await live.send(type="close", stream=stream)
                await asyncio.sleep(0.1)
        await live.send(type="cancel")

    live, code = talk(one, job(source, **LONG), use)
    assert (live.problem, code) == (None, 1000)
    assert live.result["status"] == "cancelled"


def test_a_message_after_init_is_smaller_than_init_may_be(one):
    async def use(live):
        await live.until("started")
        with contextlib.suppress(websockets.ConnectionClosed):
            await live.socket.send(json.dumps({"type": "stdin", "data": "x" * (3 * MIB)}))

    files = [{"name": "main.py", "content": "import time\ntime.sleep(100)"}, {"name": "large", "content": "x" * (3 * MIB)}]
    _, code = talk(one, job("", files=files, **LONG), use)
    assert code == 1009


@pytest.mark.skipif(not FULL, reason="takes longer than the patience of the server")
def test_an_init_that_has_begun_may_be_slow(one):
    deaf = Deaf(one)
    text = json.dumps({"type": "init", "job": job("print('slow')" + " " * 200)}).encode()
    deaf.raw.sendall(b"\x81\xfe" + struct.pack(">H", len(text)) + bytes(4) + text[:10])
    time.sleep(13)
    deaf.raw.sendall(text[10:])
    deaf.raw.settimeout(harness.PATIENCE)
    heard = b""
    while b'"result"' not in heard:
        more = deaf.raw.recv(4096)
        assert more, heard
        heard += more


def test_captured_output_is_in_the_result_as_of_a_plain_job(one):
    source = "import sys\nprint(input() * 40000)\nsys.stderr.buffer.write(b'\\xff')\n"

    async def use(live):
        await live.stdin("a")
        await live.send(type="eof")

    limits = {"limits": {"run": {"output_bytes": 1000}}}
    live, _ = talk(one, job(source, **limits), use, capture=True)
    plain = one.run("python", source, stdin="a", **limits)
    assert "stdout" not in live.heard and "stderr" not in live.heard
    kept = ("status", "stdout", "stdout_total_bytes", "stderr", "stderr_encoding", "truncated")
    assert [live.result["stages"][-1][name] for name in kept] == [plain["stages"][-1][name] for name in kept]
    assert len(live.result["stages"][-1]["stdout"]) == 1000


def test_empty_folders_and_the_right_to_be_executed_come_with_the_result(one):
    source = "import os\nos.makedirs('a/b')\nopen('t', 'w').write('x')\nos.chmod('t', 0o755)\nopen('p', 'w')\n"
    result = one.run("python", source, collect=["."])
    assert result["folders"] == [{"name": "a/b"}]
    files = {file["name"]: file for file in result["files"]}
    assert files["t"] == {"name": "t", "size_bytes": 1, "executable": True, "content": "x"}
    assert "executable" not in files["p"]


WRONG = [
    ({"type": "window", "stream": "stdout", "bytes": 1}, {}),
    ({"type": "window", "stream": "stdin", "bytes": 1}, {"windows": {}}),
    ({"type": "window", "stream": "stdout", "bytes": 0}, {"windows": {}}),
    ({"type": "window", "stream": "stdout"}, {"windows": {}}),
    ({"type": "window", "stream": "stdout", "bytes": 2**30}, {"windows": {"stdout": 1}}),
    ({"type": "close"}, {}),
    ({"type": "close", "stream": "stdin"}, {}),
    ({"type": "cancel", "now": True}, {}),
    (None, {"windows": {"stdin": 1}}),
    (None, {"windows": {"stdout": -1}}),
    (None, {"windows": []}),
    (None, {"capture": 1}),
]


@pytest.mark.parametrize("message, more", WRONG, ids=[json.dumps(row) for row in WRONG])
def test_what_is_wrong_ends_the_session(one, message, more):
    async def use(live):
        if message:
            await live.until("started")
            await live.socket.send(json.dumps(message))

    live, code = talk(one, job("import time\ntime.sleep(100)", **LONG), use, **more)
    assert (live.problem["code"], code) == ("invalid_request", 1008)
