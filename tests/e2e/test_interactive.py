"""/v1/interactive: a job whose streams are messages of a WebSocket."""

import asyncio
import json
import os
import signal
import subprocess
import time
import uuid
from pathlib import Path

import harness
import pytest
from live import Deaf, job, open_live
from server import server

MANY = {"limits_run.largest.output": "64MiB", "rate_anonymous.requests": 100000, "rate_anonymous.burst": 10000}
MIB = 1 << 20
ECHO = "import sys\nfor line in sys.stdin:\n    sys.stdout.write('echo ' + line)\n    sys.stdout.flush()\n"
SLEEP = "import time\nprint('up', flush=True)\ntime.sleep(600)\n"
LONG = {"limits": {"run": {"wall_time_us": 100_000_000}}}


@pytest.fixture(scope="module")
def one():
    with server(**MANY) as running:
        yield running


def taken(one):
    return one.get("/health").json["slots"]["taken"]


def becomes(question, seconds=20):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if question():
            return True
        time.sleep(0.02)
    return False


def is_free(one, seconds=20):
    return becomes(lambda: taken(one) == 0, seconds)


def runs(nonce):
    """Is there a process with this word on its command line?"""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                words = (folder / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if nonce.encode() in words:
                return True
    return False


def peak_bytes(pid):
    text = open(f"/proc/{pid}/status").read()
    return int(next(line for line in text.splitlines() if line.startswith("VmHWM")).split()[1]) * 1024


async def echo(one, rounds):
    nonce = uuid.uuid4().hex
    async with open_live(one) as live:
        await live.init(job(ECHO))
        for n in range(rounds):
            await live.stdin(f"{nonce} {n} ☃\n")
            await live.until_out(f"{nonce} {n} ☃\n".encode())
        await live.send(type="eof")
        assert await live.end() == 1000
    assert live.out.decode() == "".join(f"echo {nonce} {n} ☃\n" for n in range(rounds))
    assert live.heard[0] in ("started", "queued") and live.heard[-1] == "result"
    assert live.result["status"] == "ok"
    return nonce


def test_a_program_answers_line_by_line(one):
    asyncio.run(echo(one, 30))
    assert is_free(one)


def test_twenty_sessions_at_once_have_each_their_own_streams():
    async def all_of_them(one):
        return await asyncio.gather(*(echo(one, 5) for _ in range(20)))

    with server(**MANY, **{"rate_anonymous.parallel": 100}) as one:
        assert len(set(asyncio.run(all_of_them(one)))) == 20
        assert is_free(one)


def test_nodes_websocket_talks_to_it(one):
    nonce = uuid.uuid4().hex
    url = one.url.replace("http", "ws") + "/v1/interactive"
    script = Path(__file__).with_name("interactive.js")
    environment = {**os.environ, "NODE_PATH": "/usr/share/nodejs"}
    done = subprocess.run(
        ["node", str(script), url, nonce, "10"], capture_output=True, text=True, timeout=60, env=environment
    )
    assert done.returncode == 0, done.stderr
    heard = json.loads(done.stdout)
    assert heard["stdout"] == "".join(f"echo {nonce} {n} ☃\n" for n in range(1, 11))
    assert (heard["started"], heard["result"], heard["close"]) == (1, "ok", 1000)


async def talk(one, what, steps=None, **more):
    """One session to its end: what was heard, and the close code."""
    async with open_live(one) as live:
        await live.init(what, **more)
        if steps:
            await steps(live)
        code = await live.end()
    return live, code


def test_input_that_comes_early_is_kept(one):
    async def early(live):
        await live.stdin("one\n")
        await live.stdin(b"two\n\xff")
        await live.send(type="eof")

    source = "import sys\nsys.stdout.buffer.write(sys.stdin.buffer.read())\n"
    live, code = asyncio.run(talk(one, job(source, stdin="zero\n"), early))
    assert (live.out, code) == (b"zero\none\ntwo\n\xff", 1000)


def test_stages_before_the_run_are_told(one):
    source = "#include <stdio.h>\nint main() { puts(\"hi\"); }\n"
    live, _ = asyncio.run(talk(one, job(source, "c", cache=False)))
    heard = [kind for kind in live.heard if kind != "queued"]
    assert heard == ["stage", "started", "stdout", "result"]
    assert live.stages[0]["name"] == "compile" and live.stages[0]["status"] == "ok"
    live, code = asyncio.run(talk(one, job("int main() {", "c")))
    assert live.result["status"] == "compile_error" and "started" not in live.heard
    assert code == 1000


def test_files_come_with_the_result(one):
    live, _ = asyncio.run(talk(one, job("open('out.txt', 'w').write('kept')", collect=["out.txt"])))
    assert [file["content"] for file in live.result["files"]] == ["kept"]


def test_a_signal_reaches_the_program(one):
    # Python runs a handler between calls: a signal just before a long one would wait for its end.
    source = (
        "import os, signal, time\n"
        "signal.signal(signal.SIGUSR1, lambda *_: os.write(1, b'usr1'))\n"
        "print('up', flush=True)\n"
        "while True: time.sleep(0.05)\n"
    )

    async def send_two(live):
        await live.until_out(b"up")
        await live.send(type="signal", name="SIGUSR1")
        await live.until_out(b"usr1")
        await live.send(type="signal", name="SIGINT")

    live, code = asyncio.run(talk(one, job(source), send_two))
    assert b"KeyboardInterrupt" in live.err and code == 1000
    assert live.result["status"] in ("signaled", "nonzero_exit")


def test_a_terminal_has_a_size_and_a_keyboard(one):
    source = (
        "import os, signal, subprocess, sys, time\n"
        "def size(*_):\n"
        "    os.write(1, subprocess.run(['stty', 'size'], capture_output=True).stdout)\n"
        "signal.signal(signal.SIGWINCH, size)\n"
        "print('tty', all(os.isatty(n) for n in (0, 1, 2)), flush=True)\n"
        "size()\n"
        "while os.get_terminal_size(0).columns != 120: time.sleep(0.05)\n"
        "print('read', repr(sys.stdin.read()), flush=True)\n"
        "while True: time.sleep(0.05)\n"
    )

    async def use(live):
        await live.until_out(b"24 80")
        await live.send(type="resize", rows=40, columns=120)
        await live.until_out(b"40 120")
        await live.stdin("typed\n")
        await live.stdin("\x04")
        await live.until_out(b"read 'typed\\n'")
        await live.stdin("\x03")

    live, code = asyncio.run(talk(one, job(source), use, terminal={"rows": 24, "columns": 80}))
    assert b"tty True\r\n" in live.out and b"KeyboardInterrupt" in live.out and b"^C" in live.out
    assert (live.err, code) == (b"", 1000)
    assert live.result["status"] in ("signaled", "nonzero_exit")


def test_a_terminal_may_change_before_it_is_there(one):
    async def grow(live):
        await live.send(type="resize", rows=50, columns=132)

    source = "import subprocess\nsubprocess.run(['stty', 'size'])\n"
    program = job("#include <stdlib.h>\nint main() { return system(\"stty size\"); }\n", "c", cache=False)
    for what in (program,):
        live, _ = asyncio.run(talk(one, what, grow, terminal={"rows": 24, "columns": 80}))
        assert live.out == b"50 132\r\n", (live.out, source)


def test_output_is_limited(one):
    source = "import os\nwhile True: os.write(1, b'x' * 65536)\n"
    live, code = asyncio.run(talk(one, job(source, limits={"run": {"output_bytes": 100_000}})))
    assert live.result["status"] == "output_limit" and code == 1000
    assert live.out == b"x" * 100_000


def test_characters_are_whole_and_bytes_come_as_they_are(one):
    source = (
        "import os, time\n"
        "for byte in 'snow ☃ 𝄞\\n'.encode():\n"
        "    os.write(1, bytes([byte]))\n"
        "os.write(1, bytes(range(256)))\n"
        "os.write(1, b'\\xc3')\n"
        "assert os.read(0, 1) == b'y'  # the half is there before the whole\n"
        "os.write(1, b'\\xa9')\n"
    )

    async def answer_half(live):
        await live.until_out(bytes(range(256)) + b"\xc3")
        await live.stdin("y")

    live, _ = asyncio.run(talk(one, job(source), answer_half))
    assert live.out == "snow ☃ 𝄞\n".encode() + bytes(range(256)) + "é".encode()
    assert live.result["status"] == "ok"


def test_messages_may_come_in_fragments_of_one_character(one):
    async def session():
        async with open_live(one) as live:
            await live.socket.send(list(json.dumps({"type": "init", "job": job(ECHO)})))
            await live.socket.send(list(json.dumps({"type": "stdin", "data": "fragments ☃\n"})))
            await live.send(type="eof")
            await live.end()
        return live

    assert asyncio.run(session()).out == "echo fragments ☃\n".encode()


WRONG = [
    ("not JSON", "{"),
    ("no object", "[]"),
    ("no type", "{}"),
    ("binary", b"{}"),
    ("an unknown type", {"type": "nothing"}),
    ("init twice", {"type": "init", "job": job(SLEEP)}),
    ("an announcement late", {"type": "announce", "runtime": "python"}),
    ("an unknown field", {"type": "eof", "now": True}),
    ("stdin without data", {"type": "stdin"}),
    ("stdin that is no text", {"type": "stdin", "data": 1}),
    ("base64 that is none", {"type": "stdin", "data": "?", "encoding": "base64"}),
    ("an unknown encoding", {"type": "stdin", "data": "", "encoding": "utf16"}),
    ("too much at once", {"type": "stdin", "data": "x" * (MIB + 1)}),
    ("signal 0", {"type": "signal", "name": "0"}),
    ("a signal by number", {"type": "signal", "name": 9}),
    ("signal -1", {"type": "signal", "name": "-1"}),
    ("an unknown signal", {"type": "signal", "name": "SIGNOTHING"}),
    ("a signal of the kernel's", {"type": "signal", "name": "SIGSEGV"}),
    ("resize without a terminal", {"type": "resize", "rows": 1, "columns": 1}),
    ("a size of nothing", {"type": "resize", "rows": 0, "columns": 1}),
]


@pytest.mark.parametrize("message", [m for _, m in WRONG], ids=[name for name, _ in WRONG])
def test_a_message_that_is_wrong_ends_the_session_and_its_job(one, message):
    nonce = uuid.uuid4().hex

    async def session():
        async with open_live(one) as live:
            await live.init(job(SLEEP, args=[nonce], **LONG))
            await live.until_out(b"up")
            assert runs(nonce)
            await live.socket.send(message if isinstance(message, (str, bytes)) else json.dumps(message))
            return live, await live.end()

    live, code = asyncio.run(session())
    assert code == 1008 and live.problem["code"] == "invalid_request", live.problem
    assert live.heard[-1] == "error" and live.socket.close_reason
    assert is_free(one, 5) and not runs(nonce)


@pytest.mark.parametrize(
    "first, code",
    [
        ({"type": "stdin", "data": ""}, "invalid_request"),
        ({"type": "init"}, "invalid_request"),
        ({"type": "init", "job": 1}, "invalid_request"),
        ({"type": "init", "job": {"runtime": "nothing", "files": [{"content": ""}]}}, "unknown_runtime"),
        ({"type": "init", "job": job("", tests=[{}])}, "invalid_request"),
        ({"type": "init", "job": job(""), "terminal": {"rows": 24}}, "invalid_request"),
        ({"type": "init", "job": job(""), "terminal": {"rows": 24, "columns": 4097}}, "invalid_request"),
        ({"type": "init", "job": job("", limits={"run": {"memory_bytes": 1 << 50}})}, "limit_out_of_bounds"),
        ({"type": "announce"}, "invalid_request"),
        ({"type": "announce", "runtime": "python", "files": []}, "invalid_request"),
    ],
)
def test_a_beginning_that_is_wrong_is_told_with_its_place(one, first, code):
    async def session():
        async with open_live(one) as live:
            await live.send(**first)
            return live, await live.end()

    live, closed = asyncio.run(session())
    assert (live.problem["code"], closed) == (code, 1008)
    assert is_free(one, 5)


@pytest.mark.parametrize("how", ["close", "reset"])
def test_whoever_leaves_ends_the_job_at_once(one, how):
    nonce = uuid.uuid4().hex
    deaf = Deaf(one)
    deaf.send(type="init", job=job(SLEEP, args=[nonce], **LONG))
    assert becomes(lambda: runs(nonce))
    getattr(deaf, how)()
    assert is_free(one, 5) and not runs(nonce)


def test_whoever_leaves_is_noticed_behind_input_that_nobody_reads(one):
    nonce = uuid.uuid4().hex
    deaf = Deaf(one)
    deaf.send(type="init", job=job(SLEEP, args=[nonce], **LONG))
    assert becomes(lambda: runs(nonce))
    deaf.raw.settimeout(1)
    with pytest.raises(TimeoutError):
        while True:
            deaf.send(type="stdin", data="x" * 60000)
    deaf.close()
    assert is_free(one, 10) and not runs(nonce)


def test_a_client_that_never_reads_stops_the_program_and_not_the_clock():
    flood = "import os\nwhile True: os.write(1, b'x' * 65536)\n"
    with server(**MANY) as one:
        one.run("python", "print(1)")
        before = peak_bytes(one.pid)
        deaf = [Deaf(one) for _ in range(2)]
        limits = {"run": {"wall_time_us": 3_000_000, "output_bytes": 64 * MIB}}
        for each in deaf:
            each.send(type="init", job=job(flood, limits=limits))
        assert becomes(lambda: taken(one) == 2)
        # The time ends the program, and its place is free, although nobody has read a byte.
        assert is_free(one, 20)
        assert peak_bytes(one.pid) - before < 24 * MIB
        assert one.run("python", "print(2)")["status"] == "ok"
        for each in deaf:
            each.close()


def test_input_that_nobody_reads_is_not_taken_beyond_a_bound():
    with server(**MANY) as one:
        one.run("python", "print(1)")
        before = peak_bytes(one.pid)
        deaf = Deaf(one)
        deaf.send(type="init", job=job("import time\ntime.sleep(3)\n"))
        deaf.raw.settimeout(1)
        sent = 0
        with pytest.raises(TimeoutError):
            while sent < 64 * MIB:
                deaf.send(type="stdin", data="x" * 60000)
                sent += 60000
        assert peak_bytes(one.pid) - before < 16 * MIB
        assert is_free(one)
        deaf.close()


def test_much_goes_through_both_ways(one):
    source = "import sys, shutil\nshutil.copyfileobj(sys.stdin.buffer, sys.stdout.buffer)\n"
    data = os.urandom(100_000)

    async def session():
        async with open_live(one) as live:
            await live.init(job(source, limits={"run": {"output_bytes": 64 * MIB, "wall_time_us": 60_000_000}}))
            await live.until("started")

            async def feed():
                for _ in range(80):
                    await live.stdin(data)
                await live.send(type="eof")

            _, code = await asyncio.gather(feed(), live.end())
            return live, code

    live, code = asyncio.run(session())
    assert code == 1000 and live.result["status"] == "ok"
    assert live.out == data * 80


def test_a_place_may_be_waited_for_before_the_job_is_sent():
    async def session(one):
        async with open_live(one) as first, open_live(one) as second, open_live(one) as third:
            await first.init(job(SLEEP, **LONG))
            await first.until_out(b"up")
            await second.send(type="announce", runtime="c", limits={"run": {"memory_bytes": 64 * MIB}})
            await second.until("queued")
            await third.init(job("print('third')"))
            await third.until("queued")
            assert (second.queued, third.queued[-1]) == ([0], 1)
            assert "ready" not in second.heard
            await first.socket.close()
            await second.until("ready")
            await second.init(
                job("#include <stdio.h>\nint main() { puts(\"second\"); }", "c", limits={"run": {"memory_bytes": 64 * MIB}})
            )
            assert await second.end() == 1000 and second.out == b"second\n"
            assert await third.end() == 1000 and third.out == b"third\n"

    with server(queue_slots=1, **MANY) as one:
        asyncio.run(session(one))
        assert is_free(one)


def test_an_announcement_is_kept_to(one):
    async def session(what):
        async with open_live(one) as live:
            await live.send(type="announce", runtime="c", **small)
            await live.until("ready")
            await live.init(what)
            return live, await live.end()

    small = {"limits": {"compile": {"memory_bytes": 256 * MIB}, "run": {"memory_bytes": 32 * MIB}}}
    large = {"limits": {"compile": {"memory_bytes": 256 * MIB}, "run": {"memory_bytes": 257 * MIB}}}
    source = "int main() { return 7; }"
    live, code = asyncio.run(session(job(source, "c", **small)))
    assert live.result["stages"][-1]["exit_code"] == 7 and code == 1000
    for what in (job("print(1)"), job(source, "c", **large), job(source, "c", stdin=1)):
        live, code = asyncio.run(session(what))
        assert live.result is None and live.problem["code"] == "invalid_request" and code == 1008
    assert is_free(one, 5)


def test_nobody_holds_a_place_by_saying_nothing():
    async def silent(one, *first):
        async with open_live(one) as live:
            for message in first:
                await live.send(**message)
            return live, await live.end()

    async def both(one):
        return await asyncio.gather(silent(one), silent(one, {"type": "announce", "runtime": "python"}))

    with server(**MANY) as one:
        begun = time.monotonic()
        for live, code in asyncio.run(both(one)):
            assert (live.problem["code"], code) == ("request_timeout", 1008)
        assert 8 < time.monotonic() - begun < 40
        assert is_free(one, 5)


def test_what_does_not_fit_is_refused_in_words():
    async def session(one):
        async with open_live(one) as first, open_live(one) as second, open_live(one) as third:
            await first.init(job(SLEEP, **LONG))
            await first.until_out(b"up")
            await second.init(job("print(1)"))
            await second.until("queued")
            await third.init(job("print(1)"))
            assert await third.end() == 1013 and third.problem["code"] == "queue_full"

    with server(queue_slots=1, queue_length=1, **MANY) as one:
        asyncio.run(session(one))
        plain = one.get("/v1/interactive")
        assert plain.status == 426 and plain.json["code"] == "upgrade_required"
        assert plain.headers["Upgrade"] == "websocket"
        assert is_free(one, 5)


def test_a_server_that_stops_tells_its_sessions():
    async def session(one):
        async with open_live(one) as live:
            await live.init(job(SLEEP, **LONG))
            await live.until_out(b"up")
            one.process.send_signal(signal.SIGTERM)
            return live, await live.end()

    with server(server_drain_timeout="1s", **MANY) as one:
        live, code = asyncio.run(session(one))
        assert live.result["status"] == "cancelled" and code == 1000
        assert one.process.wait(timeout=30) == 0
