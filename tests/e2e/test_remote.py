"""retort run --host: the same command through a server has the same output, exit code and result as on this machine."""

import json
import os
import signal
import socket
import subprocess
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path

import harness
import pytest
from harness import RETORT, retort, start, until
from server import make_key, server

pytestmark = pytest.mark.root


@pytest.fixture(scope="module")
def host():
    with server(**{"rate_anonymous.requests": 100_000, "rate_anonymous.burst": 10_000}, cache_enabled=False) as one:
        yield one


@pytest.fixture
def leaves_nothing():
    """The server is there for the whole module; its end is checked by its own fixture."""


def run(host, *words, **options):
    return retort("run", "--host", host.url, *words, **options)


def both(host, *words, **options):
    """The command on this machine and through the server."""
    return retort("run", *words, **options), run(host, *words, **options)


def test_a_folder_begins_with_its_main_file_and_files_come_back(host, source, tmp_path):
    source("src/helper.py", "def write(): open('made.txt', 'w').write('by helper')")
    source("src/main.py", "import helper, os; helper.write(); os.mkdir('d'); open('d/raw', 'wb').write(b'\\xff')")
    ended = run(host, "-l", "python", "-o", tmp_path / "out", tmp_path / "src")
    assert (ended.code, ended.err) == (0, "")
    assert (tmp_path / "out/made.txt").read_text() == "by helper"
    assert (tmp_path / "out/d/raw").read_bytes() == b"\xff"
    here, there = both(host, "--json", "-o", tmp_path / "two", tmp_path / "src")
    files = [sorted(json.loads(ended.out)["files"], key=lambda file: file["name"]) for ended in (here, there)]
    assert files[0] == files[1]
    assert files[0]


def test_files_are_written_within_the_folder_only(host, python, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "there").symlink_to(tmp_path / "victim")
    ended = run(host, "-o", out, python("open('there', 'w').write('x'); open('fine', 'w').write('y')"))
    assert ended.code == 0
    assert "there was not collected: " in ended.err
    assert not (tmp_path / "victim").exists()
    assert (out / "fine").read_text() == "y"


def test_an_unknown_language_and_version_and_file_are_told_as_here(host, python, source):
    for words in (["-l", "pyhton"], ["-l", "python@2"], ["-l", ""]):
        here, there = both(host, *words, python(""))
        assert (here.code, there.code) == (64, 64), words
        assert there.out == ""
    here, there = both(host, source("a.qqq", ""))
    assert (here.code, there.code) == (64, 64)
    assert there.err.startswith("retort: 'a.qqq' tells no language: no runtime of the server has the extension 'qqq'")
    here, there = both(host, "missing.py")
    assert (there.code, there.err) == (here.code, here.err)


def test_every_fault_of_a_request_is_told_with_its_place(host, python):
    ended = run(host, "--limit", "memory=1TiB", "--limit", "wall_time=24h", python(""))
    assert (ended.code, ended.out, ended.err.count("\n")) == (64, "", 1)
    assert ended.err.startswith("retort: limit_out_of_bounds: ")
    assert "/limits/run/memory_bytes: " in ended.err
    assert "/limits/run/wall_time_us: " in ended.err


def test_what_is_for_this_machine_alone_is_refused(host, python):
    ended = run(host, "--allow-unenforced", "memory", python(""))
    assert (ended.code, ended.err.count("\n")) == (64, 1)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("json_flag", [[], ["--json"]])
def test_a_signal_ends_the_job_on_the_server(number, json_flag, host, python):
    path = python("print('x', flush=True)\nwhile True: pass")
    with start("--host", host.url, "--limit", "cpu_time=40s", *json_flag, path) as running:
        assert until(lambda: "python3" in harness.cell_processes().values())
        running.send_signal(number)
        assert running.wait(timeout=10) == 128 + number
        assert not harness.cell_processes()


def test_a_signal_ends_the_wait_for_input(host, python):
    with start("--host", host.url, python("print('up', flush=True); input()"), stdin=subprocess.PIPE) as running:
        assert running.stdout.readline() == b"up\n"
        running.send_signal(signal.SIGINT)
        assert running.wait(timeout=10) == 130


def test_a_full_queue_is_told_with_when_to_come_again(python, source):
    with server(queue_slots=1, queue_length=1) as one:
        path = python("while True: pass")
        runs = [start("--host", one.url, "--limit", "cpu_time=40s", path) for _ in range(2)]
        assert until(lambda: (h := one.get("/health").json)["slots"]["taken"] == 1 == h["queue"]["length"])
        ended = run(one, path, timeout=20)
        for running in runs:
            running.send_signal(signal.SIGTERM)
            with running:
                assert running.wait(timeout=20) == 143
    assert ended.code == 125
    assert ended.err.startswith("retort: queue_full: ")
    assert ended.err.endswith(" s\n")
    assert "; try again in " in ended.err


# --- Servers and keys -------------------------------------------------------------------------------------------------


def test_the_server_may_come_from_the_environment_and_an_empty_host_is_this_machine(host, python):
    path = python("import os; print(1)")
    before = host.log.read_text().count("operation=interactive ")
    assert retort("run", path, env={"RETORT_HOST": host.url}).out == "1\n"
    assert host.log.read_text().count("operation=interactive ") == before + 1
    assert retort("run", "--host", "", path, env={"RETORT_HOST": host.url}).out == "1\n"
    assert host.log.read_text().count("operation=interactive ") == before + 1


def test_a_unix_socket_is_a_server_too(python):
    # Root owns its folder, so the server opens it before it becomes somebody else: in one of its own.
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        with server(server_unix_socket=f"{folder}/http"):
            ended = retort("run", "--host", f"unix:{folder}/http", python("print(input())"), stdin="in\n")
    assert (ended.code, ended.out, ended.err) == (0, "in\n", "")


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "unix:/nowhere/at-all", "http://no-such-host.invalid"])
def test_a_server_that_is_not_there_is_told_in_one_line(url, python):
    ended = retort("run", "--host", url, python(""))
    assert (ended.code, ended.out, ended.err.count("\n")) == (125, "", 1)
    assert ended.err.startswith(f"retort: {url}: ")


@pytest.mark.parametrize("url", ["box", "ftp://box", "unix:relative", "http://me:secret@box", "http://box/?key=secret"])
def test_what_is_no_server_is_a_wrong_command_line(url, python):
    ended = retort("run", "--host", url, python(""))
    assert (ended.code, ended.err.count("\n")) == (64, 1)
    assert "me:secret" not in ended.err


@contextmanager
def recorder(answer):
    """Answers every request alike and keeps their heads."""
    heads = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve():
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    heads.append(connection.recv(65536).decode())
                    connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}", heads
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()


TEAPOT = b"HTTP/1.1 418 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


def test_the_key_comes_from_the_environment_or_a_file_that_is_secret(python, tmp_path):
    key = tmp_path / "retort/key"
    key.parent.mkdir()
    key.write_text("retort_of_the_file\n")
    config = {"XDG_CONFIG_HOME": tmp_path}
    with recorder(TEAPOT) as (url, heads):
        ended = retort("run", "--host", url, python(""), env=config)
        assert (ended.code, heads) == (125, [])
        assert f"{key} is not yours alone" in ended.err and "chmod 600" in ended.err
        assert "retort_of" not in ended.err
        key.chmod(0o600)
        assert retort("run", "--host", url, python(""), env=config).code == 125
        assert retort("run", "--host", url, python(""), env=config | {"RETORT_KEY": "retort_of_env"}).code == 125
        assert retort("run", "--host", url, python(""), env={"RETORT_KEY": "a\r\nX-Bad: b"}).code == 64
        assert retort("run", "--host", url, python(""), env={"XDG_CONFIG_HOME": "/nowhere"}).code == 125
    assert len(heads) == 3
    assert "\r\nAuthorization: Bearer retort_of_the_file\r\n" in heads[0]
    assert "\r\nAuthorization: Bearer retort_of_env\r\n" in heads[1]
    assert "Authorization" not in heads[2]


def test_a_key_is_not_taken_elsewhere(python):
    with recorder(TEAPOT) as (elsewhere, stolen):
        moved = f"HTTP/1.1 307 Moved\r\nLocation: {elsewhere}/v1/runtimes\r\nContent-Length: 0\r\n\r\n".encode()
        with recorder(moved) as (url, heads):
            ended = retort("run", "--host", url, python(""), env={"RETORT_KEY": "retort_x"})
    assert (ended.code, len(heads), stolen) == (125, 1, [])
    assert elsewhere in ended.err


def test_a_server_that_wants_a_key_says_so_and_takes_it(python):
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        state = Path(folder) / "state"
        key, reader = make_key(state, "run"), make_key(state, "read")
        with server(server_require_keys=True, server_state=state) as one:
            without = retort("run", "--host", one.url, python(""))
            forbidden = retort("run", "--host", one.url, "-l", "python", python(""), env={"RETORT_KEY": reader})
            # The language is named, so that nothing needs to be looked up, which this key may not do.
            ended = retort("run", "--host", one.url, "-l", "python", python("print(1)"), env={"RETORT_KEY": key})
    assert without.code == 125
    assert without.err.startswith("retort: unauthorized: ")
    assert "RETORT_KEY" in without.err
    assert (forbidden.code, forbidden.err.startswith("retort: forbidden: ")) == (125, True)
    assert (ended.code, ended.out, ended.err) == (0, "1\n", "")


def test_an_answer_that_is_no_result_is_told(python):
    body = b'{"runtimes": [{"id": "python", "extensions": ["py"]}], "status": "ok", "stages": []}'
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
    with recorder(head % len(body) + body) as (url, _):
        ended = retort("run", "--host", url, python("print(1)"))
    assert (ended.code, ended.out, ended.err.count("\n")) == (125, "", 1)
    assert "is no result of Retort's" in ended.err
