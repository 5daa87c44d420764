"""The server as its callers and its operator meet it."""

import base64
import io
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
import zipfile

import harness
import pytest
from server import server

HELLO = {"runtime": "python", "files": [{"content": "print(input())"}], "stdin": "hello"}
SLEEPER = {"runtime": "python", "files": [{"content": "import time; time.sleep(30)"}]}


@pytest.fixture(scope="module")
def one():
    with server() as running:
        yield running


# ---- One job. ----


def test_a_job_is_answered_with_output_verdict_and_figures(one):
    result = one.run("python", "import sys\nprint(input())\nsys.exit(3)", stdin="in\n")
    (stage,) = result["stages"]
    assert result["status"] == "nonzero_exit" and stage["exit_code"] == 3 and stage["stdout"] == "in\n"
    assert stage["wall_time_us"] > 0 and stage["cpu_time_us"] > 0 and stage["memory_peak_bytes"] > 0
    assert result["id"] and result["timing"]["queue_us"] >= 0


@pytest.mark.parametrize(
    "runtime, source",
    {
        "python": "print(sum(map(int, input().split())))",
        "c": '#include <stdio.h>\nint main(){int a,b;scanf("%d %d",&a,&b);printf("%d\\n",a+b);}',
        "cpp": "#include <iostream>\nint main(){int a,b;std::cin>>a>>b;std::cout<<a+b<<'\\n';}",
        "bash": "read a b; echo $((a+b))",
        "perl": "my ($a,$b)=split ' ',<STDIN>; print $a+$b,\"\\n\"",
        "javascript": "const [a,b]=require('fs').readFileSync(0,'utf8').split(' ').map(Number);console.log(a+b)",
        "java": "import java.util.*;public class Main{public static void main(String[] x){"
        "Scanner s=new Scanner(System.in);System.out.println(s.nextInt()+s.nextInt());}}",
    }.items(),
)
def test_every_runtime_runs_test_sets_alike(one, runtime, source):
    tests = [{"stdin": f"{i} {i * i}", "expected_stdout": str(i + i * i)} for i in range(4)]
    answer = one.post("/v1/run", {"runtime": runtime, "files": [{"content": source}], "tests": tests, "parallel": 2})
    assert answer.status == 200, answer.text
    result = answer.json
    assert result["status"] == "ok", result
    assert [test["status"] for test in result["tests"]] == ["ok"] * 4


def test_a_wrong_answer_names_the_test_and_stops_early(one):
    tests = [{"name": f"t{i}", "stdin": str(i), "expected_stdout": "0"} for i in range(4)]
    result = one.post("/v1/run", HELLO | {"tests": tests, "stop_early": True, "parallel": 1} | {"stdin": None}).json
    assert result["code"] == "invalid_request"  # null is not "left out"
    body = {k: v for k, v in HELLO.items() if k != "stdin"} | {"tests": tests, "stop_early": True, "parallel": 1}
    result = one.post("/v1/run", body).json
    assert result["status"] == "wrong_answer" and "t1" in result["message"]
    assert [test["status"] for test in result["tests"]] == ["ok", "wrong_answer", "skipped", "skipped"]


def test_files_come_back_and_a_compile_is_cached(one):
    body = {"runtime": "cpp", "files": [{"content": '#include <fstream>\nint main(){std::ofstream("o.bin")<<"\\xff\\x00";}'}]}
    first = one.post("/v1/run", body | {"collect": ["o.bin"]}).json
    assert first["status"] == "ok", first
    assert first["files"] == [{"name": "o.bin", "size_bytes": 1, "content": "/w==", "content_encoding": "base64"}]
    second = one.post("/v1/run", body).json
    assert second["cached"] and second["stages"][0]["cached"] and not first["cached"]
    third = one.post("/v1/run", body | {"cache": False}).json
    assert not third["cached"]


def test_an_archive_is_a_project(one, tmp_path):
    (tmp_path / "main.py").write_text("from pkg.words import W\nprint(W)")
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg/words.py").write_text("W = 'zipped'")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as bundle:
        for path in ("main.py", "pkg/words.py"):
            bundle.write(tmp_path / path, path)
    body = {"runtime": "python", "archive": {"content": base64.b64encode(buffer.getvalue()).decode()}}
    result = one.post("/v1/run", body).json
    assert result["status"] == "ok" and result["stages"][-1]["stdout"] == "zipped\n", result


@pytest.mark.root
def test_where_nothing_unpacks_archives_they_are_refused_at_once_and_the_server_says_so():
    hide = "mount --bind /dev/null /usr/bin/bsdtar"
    hidden = ["unshare", "--mount", "--propagation", "private", "sh", "-c"]
    archive = {"runtime": "python", "archive": {"content": "aGVsbG8="}}
    with server(launch=[*hidden, hide + ' && exec "$0" "$@"']) as one:
        [line] = re.findall(r".*archives are refused.*", one.log.read_text())
        assert "apt-get install libarchive-tools" in line
        for path in ("/v1/run", "/v1/jobs"):
            answer = one.post(path, archive)
            assert (answer.status, answer.json["code"]) == (422, "archives_unavailable"), answer.text
            assert answer.json["errors"][0]["pointer"] == "/archive"
        batch = one.post("/v1/batches", {"jobs": [HELLO, archive]})
        assert (batch.status, batch.json["errors"][0]["code"]) == (422, "archives_unavailable"), batch.text
    doctor = [harness.RETORT, "doctor", "--json"]
    told = subprocess.run([*hidden, hide + ' && exec "$0" "$@"', *doctor], capture_output=True, env=harness.environment())
    check = next(check for check in json.loads(told.stdout)["checks"] if check["id"] == "archives")
    assert not check["found"] and check["mend"] == "apt-get install libarchive-tools"


# ---- Refusals. ----


def test_every_fault_is_listed_with_its_pointer(one):
    answer = one.post(
        "/v1/run", {"runtime": "pyhton", "files": [{"name": "../x", "content": 1}], "limits": {"run": {"cpu_time_us": 0}}, "stdn": ""}
    )
    assert answer.status in (400, 422) and answer.headers["Content-Type"] == "application/problem+json"
    pointers = {error["pointer"] for error in answer.json["errors"]}
    assert {"/stdn", "/files/0/name", "/files/0/content"} <= pointers
    assert any("stdin" in error["detail"] for error in answer.json["errors"] if error["pointer"] == "/stdn")


@pytest.mark.parametrize(
    "method, path, headers, body, status, code",
    [
        ("GET", "/v1/nothing", {}, None, 404, "not_found"),
        ("GET", "/v1/run", {}, None, 405, "method_not_allowed"),
        ("POST", "/v1/run", {"Content-Type": "text/plain"}, "{}", 415, "unsupported_media_type"),
        ("POST", "/v1/run", {"Content-Type": "application/json"}, "{", 400, "invalid_json"),
        ("POST", "/v1/run", {"Content-Type": "application/json"}, '{"a":1,"a":2}', 400, "invalid_json"),
        ("GET", "/v1/runtimes", {"Host": "evil.example"}, None, 403, "host_not_allowed"),
        ("GET", "/v1/runtimes", {"Origin": "https://evil.example"}, None, 403, "origin_not_allowed"),
        ("GET", "/v1/runtimes", {"Authorization": "Bearer nonsense"}, None, 401, "unauthorized"),
        ("GET", "/v1/runtimes/nothing", {}, None, 404, "not_found"),
    ],
)
def test_problems_have_a_stable_code(one, method, path, headers, body, status, code):
    answer = one.request(method, path, body, headers=headers)
    assert (answer.status, answer.json["code"]) == (status, code), answer.text
    assert answer.json["status"] == status and answer.json["title"]


def test_a_large_body_is_refused_before_it_is_sent(one):
    with socket.create_connection(("127.0.0.1", one.port)) as client:
        client.sendall(
            b"POST /v1/run HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: 1073741824\r\nExpect: 100-continue\r\n\r\n"
        )
        answer = client.recv(65536)
    assert answer.startswith(b"HTTP/1.1 413 ") and b"body_too_large" in answer


def test_answers_hold_no_path_of_the_host(one):
    texts = [
        one.post("/v1/run", {"runtime": "x" * 100}).text,
        one.post("/v1/run", {"runtime": "python", "files": [{"name": "/etc/passwd", "content": ""}]}).text,
        one.get("/v1/runtimes").text,
        one.get("/v1/%2e%2e/etc").text,
    ]
    for text in texts:
        assert str(one.folder) not in text and str(harness.REPOSITORY) not in text


# ---- The queue. ----


def in_background(call):
    results = []
    thread = threading.Thread(target=lambda: results.append(call()))
    thread.start()
    return thread, results


def slots_taken(one):
    return one.get("/health").json["slots"]["taken"]


def until(condition):
    deadline = time.monotonic() + harness.PATIENCE
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.01)
    return False


def send_job(one, body):
    """A connection with a job under way, whose answer nobody reads."""
    data = json.dumps(body).encode()
    client = socket.create_connection(("127.0.0.1", one.port))
    client.sendall(
        b"POST /v1/run HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(data) + data
    )
    return client


def test_a_full_queue_says_so_and_when_to_come_back():
    with server(queue_slots=1, queue_length=2) as one:
        clients = [send_job(one, SLEEPER) for _ in range(3)]
        assert until(lambda: one.get("/health").json["queue"]["length"] == 2)
        began = time.monotonic()
        answer = one.post("/v1/run", HELLO)
        took = time.monotonic() - began
        assert answer.status == 429 and answer.json["code"] == "queue_full"
        assert int(answer.headers["Retry-After"]) >= 1 and "forecast_us" in answer.json
        assert took < 5
        # Those who leave make room: the running one and the waiting ones alike.
        for client in clients:
            client.close()
        assert until(lambda: one.get("/health").json["queue"]["length"] == 0 and slots_taken(one) == 0)
        assert one.post("/v1/run", HELLO).json["status"] == "ok"
        assert until(lambda: slots_taken(one) == 0)


@pytest.mark.parametrize("body", [SLEEPER, SLEEPER | {"files": [{"content": "import os\nfor _ in range(9): os.fork()\nwhile 1: pass"}]}])
def test_a_client_that_goes_away_frees_its_place_at_once(one, body):
    client = send_job(one, body)
    assert until(lambda: slots_taken(one) == 1)
    client.close()
    assert until(lambda: slots_taken(one) == 0)


def test_a_job_that_wants_more_memory_than_there_is_is_refused_at_once():
    with server(queue_memory="3GiB") as one:
        answer = one.post("/v1/run", HELLO | {"limits": {"run": {"memory_bytes": 4 << 30}}})
        assert answer.status in (400, 422) and answer.json["code"] == "limit_out_of_bounds"


# ---- Privilege, start and end. ----


@pytest.mark.root
def test_the_server_has_no_privilege_and_sees_no_cell(one):
    status = open(f"/proc/{one.pid}/status").read()
    assert re.search(r"^CapEff:\s+0+$", status, re.M) and re.search(r"^CapBnd:\s+0+$", status, re.M)
    assert re.search(r"^NoNewPrivs:\s+1$", status, re.M)
    uids = re.search(r"^Uid:\s+(.*)$", status, re.M).group(1).split()
    assert "0" not in uids
    groups = re.search(r"^Groups:(.*)$", status, re.M).group(1).split()
    assert groups in ([], [re.search(r"^Gid:\s+(\d+)", status, re.M).group(1)])


def test_it_does_not_listen_beyond_loopback_without_keys(tmp_path):
    ended = subprocess.run(
        [harness.RETORT, "serve", "--listen", "0.0.0.0:0", "--set", f"server.state={tmp_path}/s", "--set", "server.require_keys=false"],
        capture_output=True, text=True, env=harness.environment(), timeout=harness.PATIENCE,
    )  # fmt: skip
    assert ended.returncode == 64 and "allow_anonymous" in ended.stderr, ended


@pytest.mark.root
def test_two_servers_on_one_state_folder_are_one_too_many(one):
    ended = subprocess.run(
        [harness.RETORT, "serve", "--listen", "127.0.0.1:0", "--set", f"server.state={one.state}"],
        capture_output=True, text=True, env=harness.environment(), timeout=harness.PATIENCE,
    )  # fmt: skip
    assert ended.returncode == 125 and str(one.pid) in ended.stderr, ended


def test_sigterm_drains_and_a_second_one_does_not_wait():
    with server(queue_slots=2) as one:
        quick = HELLO | {"files": [{"content": "import time; time.sleep(1); print(input())"}]}
        thread, results = in_background(lambda: one.post("/v1/run", quick))
        assert until(lambda: slots_taken(one) == 1)
        one.process.send_signal(signal.SIGTERM)
        thread.join()
        assert results[0].status == 200 and results[0].json["status"] == "ok"
        assert one.process.wait(timeout=harness.PATIENCE) == 0
    with server(queue_slots=2) as one:
        thread, results = in_background(lambda: one.post("/v1/run", SLEEPER))
        assert until(lambda: slots_taken(one) == 1)
        began = time.monotonic()
        one.process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        one.process.send_signal(signal.SIGTERM)
        assert one.process.wait(timeout=harness.PATIENCE) == 0
        thread.join()
        assert results[0].json["status"] == "cancelled" and time.monotonic() - began < 20


def test_sighup_reloads_and_a_bad_file_changes_nothing():
    big = HELLO | {"stdin": "x" * (2 << 20)}
    with server() as one:
        # The server reads it again as the user that it has become.
        config = one.folder / "retort.toml"
        config.write_text("[http]\nlargest_body = '1MiB'\n")
        one.kill()
        one.arguments = ["--config", str(config)]
        one.start()
        assert one.post("/v1/run", big).status == 413
        for text, log in (("[http]\nlargest_body = '4MiB'\n", "settings reloaded"), ("[http]\nlargest_body = 3\n", "stay as they were")):
            config.write_text(text)
            one.process.send_signal(signal.SIGHUP)
            assert until(lambda: log in one.log.read_text())
            assert one.post("/v1/run", big).status == 200


def test_metrics_and_openapi_are_served(one):
    one.run("python", "print(1)")
    text = one.get("/metrics").text
    assert re.search(r'^retort_jobs_total\{[^}]*runtime="python"[^}]*\} [1-9]', text, re.M), text[:2000]
    document = one.get("/openapi.json").json
    assert document["openapi"].startswith("3.1") and "/v1/run" in document["paths"]
