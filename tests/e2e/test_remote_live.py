"""retort run --host: a table of commands that say the same here and through a server, and streams as they come."""

import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import threading

import harness
import pytest
from harness import retort, start, until
from server import server

pytestmark = pytest.mark.root

MIB = 1 << 20


@pytest.fixture(scope="module")
def one():
    settings = {"rate_anonymous.requests": 100_000, "rate_anonymous.burst": 10_000}
    with server(cache_enabled=False, **settings) as running:
        yield running


# --- A table: the same words, here and there --------------------------------------------------------------------------

FILES = """
import os, sys
os.makedirs('empty/within')
os.makedirs('full')
open('full/tool', 'w').write('#!/bin/sh\\n'); os.chmod('full/tool', 0o755)
open('plain', 'wb').write(bytes(range(256)))
open('nothing', 'w')
os.symlink('plain', 'link')
sys.exit(3)
"""
ECHO = "import sys\nsys.stdout.buffer.write(sys.stdin.buffer.read())\n"
WARNED = '#include <stdio.h>\n#warning look\nint main(void) { puts("out"); fputs("err\\n", stderr); return 5; }\n'
ARGUMENTS = "import sys; print(sys.argv[1:])"
LOOP = "print('before', flush=True)\nwhile True: pass"

# name: program's file, its text, words before the file, words after it, stdin
TABLE = {
    "arguments": ("a.py", ARGUMENTS, [], ["--", "-v", "two words", "ünï", ""], None),
    "no argument": ("a.py", ARGUMENTS, [], ["--"], None),
    "stdin piped": ("a.py", ECHO, [], [], b"a\nb\x00\xff\n"),
    "stdin named": ("a.py", ECHO, ["--stdin", "{folder}/a.py"], [], None),
    "stdin not there": ("a.py", ECHO, ["--stdin", "{folder}/none"], [], None),
    "stdin a folder": ("a.py", ECHO, ["--stdin", "{folder}"], [], None),
    "bytes": ("a.py", "import sys; sys.stdout.buffer.write(bytes(range(256)))", [], [], None),
    "an exception": ("a.py", "print('before'); print(1 / 0)", [], [], None),
    "files": ("a.py", FILES, ["-o", "{out}"], [], None),
    "a language": ("x.txt", "print(1)", ["-l", "python"], [], None),
    "no language": ("x.qqq", "print(1)", [], [], None),
    "a folder": ("d/main.py", "import sub.b", [], ["FOLDER d"], None),
    "a folder without a main file": ("d/b.txt", "", ["-l", "python"], ["FOLDER d"], None),
    "warnings": ("a.c", WARNED, [], [], None),
    "a compile error": ("a.c", "int main(void) { return nothing; }\n", [], [], None),
    "a compiler's limit": ("a.c", "int main(void) {}\n", ["--compile-limit", "cpu_time=1ms"], [], None),
    "cpu time": ("a.py", LOOP, ["--limit", "cpu_time=300ms"], [], None),
    "wall time": ("a.py", "import time\ntime.sleep(60)", ["--limit", "wall_time=1s"], [], None),
    "memory": ("a.py", "b'x' * 10**9", ["--limit", "memory=64MiB"], [], None),
    "output": ("a.py", "print('x' * 10**6)", ["--limit", "output=1000"], [], None),
    "disk": ("a.py", "open('f', 'wb').write(bytes(10**7))", ["--limit", "disk=1MiB"], [], None),
    "a signal": ("a.py", "import os; print('x', flush=True); os.kill(os.getpid(), 11)", [], [], None),
    "a wrong limit": ("a.py", "", ["--limit", "cpu_time=0s", "--limit", "memroy=1MiB"], [], None),
    "a wrong option": ("a.py", "", ["--nothing"], [], None),
}


def tree(folder):
    """Every entry below a folder with its mode, and a file's bytes."""
    found = {}
    for path in sorted(folder.rglob("*")) if folder.exists() else []:
        found[str(path.relative_to(folder))] = (oct(path.lstat().st_mode), None if path.is_dir() else path.read_bytes())
    return found


def both(one, row, source, tmp_path, *flags):
    """The same words on this machine and through the server: how each ended, and what it put into its folder."""
    name, text, before, after, stdin = TABLE[row]
    path = source(name, text)
    if row == "a folder":
        source("d/sub/b.py", "print('from below')")
    if after and after[0].startswith("FOLDER "):
        path, after = tmp_path / after[0].split()[1], []
    for where in ([], ["--host", one.url]):
        out = tmp_path / "out"
        shutil.rmtree(out, ignore_errors=True)
        words = [word.format(folder=tmp_path, out=out) for word in before]
        yield retort("run", *where, *flags, *words, path, *after, stdin=stdin), tree(out)


# What is said of a language that is not known names who does not know it.
SAYS_WHOSE = {"no language"}


@pytest.mark.parametrize("row", TABLE)
def test_the_same_command_has_the_same_streams_code_and_files(row, one, source, tmp_path):
    (here, files_here), (there, files_there) = both(one, row, source, tmp_path)
    assert there.code == here.code
    assert there.raw == here.raw
    if row in SAYS_WHOSE:
        assert (here.err.count("\n"), there.err.count("\n")) == (1, 1)
    else:
        assert there.err == here.err
    assert files_there == files_here
    assert bool(files_here) == (row == "files")


def shape(value):
    """Names and kinds, without figures."""
    if isinstance(value, dict):
        return {key: shape(part) for key, part in value.items()}
    if isinstance(value, list):
        return [shape(part) for part in value]
    return "number" if isinstance(value, int) and not isinstance(value, bool) else value


@pytest.mark.parametrize("row", TABLE)
def test_the_same_command_with_json_has_the_same_record(row, one, source, tmp_path):
    (here, files_here), (there, files_there) = both(one, row, source, tmp_path, "--json")
    assert (there.code, files_there) == (here.code, files_here)
    if not here.raw:
        assert not there.raw
        return
    local, remote = json.loads(here.out), json.loads(there.out)
    assert isinstance(remote.pop("id"), str)
    # All text is the same, and so is every name; figures are numbers.
    assert shape(remote) == shape(local)
    codes = [[stage["exit_code"] for stage in record["stages"]] for record in (local, remote)]
    assert codes[0] == codes[1]


# --- Streams as they come ---------------------------------------------------------------------------------------------


def test_a_line_is_answered_before_the_input_ends(one, python):
    program = python("import sys\nfor line in sys.stdin: print('got', line, end='', flush=True)")
    with start("--host", one.url, program, stdin=subprocess.PIPE) as running:
        for word in (b"one\n", b"two\n"):
            running.stdin.write(word)
            running.stdin.flush()
            assert running.stdout.readline() == b"got " + word
        running.stdin.close()
        assert running.wait(20) == 0
        assert running.stdout.read() == running.stderr.read() == b""


def test_stderr_comes_while_nobody_reads_stdout(one, python):
    text = "import os, sys, threading\nos.write(1, b'x')\n"
    text += "threading.Thread(target=lambda: os.write(1, b'x' * (2**22 - 1)), daemon=True).start()\n"
    text += "sys.stdin.readline()\nos.write(2, b'here\\n')\nsys.stdin.readline()\nos._exit(4)\n"
    limits = ["--limit", "output=8MiB", "--limit", "wall_time=30s"]
    with start("--host", one.url, *limits, python(text), stdin=subprocess.PIPE) as running:
        running.stdin.write(b"\n")
        running.stdin.flush()
        assert running.stderr.readline() == b"here\n"
        running.stdin.write(b"\n")
        running.stdin.flush()
        written = running.stdout.read()
        assert running.wait(20) == 4
    assert 0 < len(written) <= 2**22 and set(written) == {ord("x")}


def test_input_is_not_read_before_there_is_a_program(one, source, tmp_path):
    """What a compile error leaves unread is there for who comes next."""
    with open(source("input", "kept"), "rb") as stdin:
        ended = retort("run", "--host", one.url, source("a.c", "nothing"), stdin=stdin)
        assert ended.code == 65
        assert stdin.read() == b"kept"


PASS = "import shutil, sys\nshutil.copyfileobj(sys.stdin.buffer, sys.stdout.buffer, 1 << 20)\n"


def test_256_mebibytes_go_through_both_ways_in_little_memory(python, tmp_path):
    block = os.urandom(MIB)
    limits = {"limits_run.largest.output": "1GiB", "limits_run.largest.wall_time": "600s"}
    with server(**limits) as one:
        one.run("python", "print(1)")
        words = ["--limit", "output=1GiB", "--limit", "wall_time=300s", "--limit", "cpu_time=60s"]
        with start("--host", one.url, *words, python(PASS), stdin=subprocess.PIPE) as running:

            def feed():
                for _ in range(256):
                    running.stdin.write(block)
                running.stdin.close()

            feeder = threading.Thread(target=feed)
            feeder.start()
            for _ in range(256):
                assert running.stdout.read(MIB) == block
            assert running.stdout.read() == b""
            peaks = [harness.peak_memory(pid) for pid in (running.pid, one.pid)]
            feeder.join()
            assert running.wait(60) == 0, running.stderr.read()
    assert peaks[0] is None or peaks[0] < 64 * MIB
    assert peaks[1] < 128 * MIB


def test_input_that_the_program_leaves_does_not_end_the_session(python):
    """Longer than the server lets a connection be silent."""
    text = "import sys, time\ntime.sleep(8)\nprint(len(sys.stdin.buffer.read()))"
    with server(http_idle_timeout="2s") as one:
        ended = retort("run", "--host", one.url, "--limit", "wall_time=30s", python(text), stdin=b"x" * 4 * MIB)
    assert (ended.code, ended.out, ended.err) == (0, f"{4 * MIB}\n", "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_job_that_waits_for_a_place(number, python):
    with server(queue_slots=1) as one:
        first = start("--host", one.url, "--limit", "wall_time=60s", python("import time\ntime.sleep(50)"))
        assert until(lambda: one.get("/health").json["slots"]["taken"] == 1)
        with start("--host", one.url, python("print(1)", "b.py")) as second:
            assert until(lambda: one.get("/health").json["queue"]["length"] == 1)
            second.send_signal(number)
            assert second.wait(10) == 128 + number
            assert second.stdout.read() == second.stderr.read() == b""
        assert until(lambda: one.get("/health").json["queue"]["length"] == 0)
        first.send_signal(signal.SIGTERM)
        with first:
            assert first.wait(10) == 143


def test_a_client_that_is_killed_leaves_nothing(one, python):
    with start("--host", one.url, python("import time\ntime.sleep(50)")) as running:
        assert until(lambda: "python3" in harness.cell_processes().values())
        running.kill()
        running.wait(10)
    assert until(lambda: not harness.cell_processes())
    assert until(lambda: one.get("/health").json["slots"]["taken"] == 0)


def test_a_server_that_dies_is_told_in_one_line(python):
    with server() as one:
        with start("--host", one.url, python("print('x', flush=True)\nimport time\ntime.sleep(50)")) as running:
            assert running.stdout.readline() == b"x\n"
            one.kill()
            assert running.wait(20) == 125
            told = running.stderr.read().decode()
        one.restart()
    assert told.startswith("retort: http://127.0.0.1:"), told
    assert told.count("\n") == 1


def test_sources_that_are_more_than_a_server_takes_are_told_with_the_setting(one, python):
    ended = retort("run", "--host", one.url, python("#" * 9 * MIB))
    assert (ended.code, ended.out, ended.err.count("\n")) == (64, "", 1)
    assert ended.err.startswith("retort: body_too_large: ") and "http.largest_body" in ended.err


# --- The way there ----------------------------------------------------------------------------------------------------


def pour(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


class Relay:
    """Takes connections and passes their bytes on to `port`, after `greet` has made them what they are to be."""

    def __init__(self, port, greet):
        self.port, self.greet, self.heads = port, greet, []
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.own_port = self.listening.getsockname()[1]

    def __enter__(self):
        threading.Thread(target=self.serve, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listening.close()

    def serve(self):
        while True:
            try:
                client, _ = self.listening.accept()
            except OSError:
                return
            threading.Thread(target=self.relay, args=(client,), daemon=True).start()

    def relay(self, client):
        try:
            client = self.greet(client, self.heads)
        except OSError:
            return
        with client, socket.create_connection(("127.0.0.1", self.port)) as upstream:
            back = threading.Thread(target=pour, args=(upstream, client), daemon=True)
            back.start()
            pour(client, upstream)
            back.join()


def read_head(client, heads):
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += client.recv(1)
    heads.append(head.decode())
    client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
    return client


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_is_asked_for_a_tunnel_unless_none_is_wanted(scheme, one, python):
    with Relay(one.port, read_head) as proxy:
        address = {f"{scheme}_proxy": f"http://127.0.0.1:{proxy.own_port}"}
        words = ["run", "--host", f"{scheme}://box.invalid:8080", "-l", "python", python("print(input())")]
        ended = retort(*words, stdin=b"through\n", env=address)
        assert proxy.heads and proxy.heads[0].startswith("CONNECT box.invalid:8080 HTTP/1.1\r\n")
        if scheme == "http":
            # The server takes no name for itself that it does not know.
            assert (ended.code, ended.err.count("\n")) == (125, 1)
        asked = len(proxy.heads)
        ended = retort("run", "--host", one.url, python("print(1)"), env=address | {"no_proxy": "127.0.0.1"})
        assert (ended.out, len(proxy.heads)) == ("1\n", asked)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for localhost that signs itself."""
    path = tmp_path_factory.mktemp("tls") / "own.pem"
    words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    words += ["-addext", "subjectAltName=DNS:localhost", "-keyout", path, "-out", path]
    subprocess.run(words, check=True, capture_output=True)
    return path


def test_https_is_spoken_to_who_has_a_certificate_of_the_systems(one, certificate, python):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.set_alpn_protocols(["h2", "http/1.1"])

    def greet(client, heads):
        secure = context.wrap_socket(client, server_side=True)
        heads.append(secure.selected_alpn_protocol())
        return secure

    with Relay(one.port, greet) as front:
        url = f"https://localhost:{front.own_port}"
        unknown = retort("run", "--host", url, python("print(1)"))
        assert (unknown.code, unknown.out, unknown.err.count("\n")) == (125, "", 1)
        assert "certificate" in unknown.err
        # In a mount namespace of its own the system knows this one.
        into = "mount --bind \"$0\" /etc/ssl/certs/ca-certificates.crt && exec \"$@\""
        words = ["unshare", "--mount", "sh", "-c", into, certificate, harness.RETORT, "run", "--host", url]
        words += ["-l", "python", python("import sys\nd = sys.stdin.read()\nprint(len(d), d[:4])")]
        done = subprocess.run(
            [str(word) for word in words], input=b"abcd" * MIB, capture_output=True, env=harness.environment(), timeout=60
        )
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{4 * MIB} abcd\n".encode(), b"")
    assert front.heads[-1] == "http/1.1"
