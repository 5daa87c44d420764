"""Stored jobs: accepted means written, and each has exactly one result (P10, P16, P17, S01, S13 of the attacks)."""

import http.client
import json
import random
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from harness import FULL, is_available, need, peak_memory, until
from jobs import LONG_LIMITS, accept, job, make_key, outcomes, result, revoke_key, serve, sleeper, state


@pytest.fixture
def one():
    with serve() as running:
        yield running


def events(running, name, headers=None, timeout=60):
    """A raw reader of text/event-stream: (event, data) and, of each, its id."""
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=timeout)
    connection.request("GET", f"/v1/jobs/{name}/events", headers=headers or {})
    answer = connection.getresponse()
    assert answer.status == 200, answer.read()
    assert answer.headers["Content-Type"] == "text/event-stream"
    event, data, number = None, None, None
    try:
        while line := answer.readline():
            line = line.decode().rstrip("\n")
            if line.startswith("event: "):
                event = line[7:]
            elif line.startswith("data: "):
                data = json.loads(line[6:])
            elif line.startswith("id: "):
                number = line[4:]
            elif not line and event:
                assert list(data) == [event]
                yield event, data[event], number
                event, data, number = None, None, None
    finally:
        connection.close()


# ---- From acceptance to result. ----


def test_a_job_goes_from_queued_to_done_and_keeps_its_result(one):
    accepted = one.post("/v1/jobs", job(stdin="it is stored"))
    assert accepted.status == 202
    assert accepted.json["state"] in ("queued", "running")
    assert (accepted.json["attempts"], accepted.json["finished_us"]) in ((0, None), (1, None))
    done = result(one, accepted.json["id"])
    assert done["result"]["status"] == "ok"
    assert done["result"]["id"] == done["id"]
    assert done["result"]["stages"][-1]["stdout"] == "it is stored\n"
    assert done["attempts"] == 1
    assert done["created_us"] <= done["started_us"] <= done["finished_us"]
    assert "problem" not in done
    assert one.restart().get("/v1/jobs/" + done["id"]).json == done


def test_faults_of_a_request_are_told_at_once(one):
    answer = one.post("/v1/jobs", job(limits={"run": {"cpu_time_us": 10**15}}, webhook="http://example.org/"))
    assert answer.status == 400
    assert {error["pointer"] for error in answer.json["errors"]} == {"/limits/run/cpu_time_us", "/webhook"}
    missing = one.post("/v1/jobs", {"runtime": "python", "archive": {"blob": "0" * 64}})
    assert (missing.status, missing.json["code"]) == (422, "blob_not_found")
    assert one.get("/v1/jobs").json == {"jobs": [], "next": None}


def test_jobs_of_one_caller_begin_in_the_order_of_acceptance():
    with serve(queue_slots=1) as running:
        first = accept(running, sleeper())
        names = [accept(running, job(stdin=str(number))) for number in range(8)]
        assert running.delete(f"/v1/jobs/{first}").status == 204
        begun = [result(running, name)["started_us"] for name in names]
        assert begun == sorted(begun)


def test_the_list_is_paged_from_the_newest(one):
    names = [accept(one, job(stdin=str(number))) for number in range(5)]
    for name in names:
        result(one, name)
    seen, path = [], "/v1/jobs?limit=2"
    while path:
        page = one.get(path).json
        assert len(page["jobs"]) <= 2
        seen += [entry["id"] for entry in page["jobs"]]
        path = page["next"] and "/v1/jobs?limit=2&before=" + page["next"]
    assert seen == names[::-1]
    for query in ("limit=0", "limit=1001", "limit=x", "before=nobody"):
        assert (answer := one.get("/v1/jobs?" + query)).status == 400, query
        assert answer.json["code"] == "invalid_request"


# ---- Idempotency (P16). ----


def test_p16_one_key_is_one_job_in_turn_and_in_parallel_and_after_a_crash(one):
    headers = {"Idempotency-Key": "once only"}
    with ThreadPoolExecutor(16) as pool:
        names = set(pool.map(lambda _: accept(one, headers=headers), range(48)))
    assert len(names) == 1
    name = names.pop()
    result(one, name)
    assert accept(one, headers=headers) == name
    one.restart()
    assert accept(one, headers=headers) == name
    assert [entry["id"] for entry in one.get("/v1/jobs").json["jobs"]] == [name]
    other = one.post("/v1/jobs", job(stdin="another"), headers=headers)
    assert (other.status, other.json["code"]) == (409, "conflict")


@pytest.mark.parametrize("key", ["", "x" * 256, "caf\u00e9", "tab\there"])
def test_p16_an_idempotency_key_is_bounded_and_printable(one, key):
    connection = http.client.HTTPConnection("127.0.0.1", one.port, timeout=20)
    body = json.dumps(job())
    connection.putrequest("POST", "/v1/jobs")
    for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body))}.items():
        connection.putheader(name, value)
    connection.putheader("Idempotency-Key", key.encode("latin-1"))
    connection.endheaders(body.encode())
    answer = connection.getresponse()
    assert (answer.status, json.loads(answer.read())["code"]) in ((400, "invalid_request"), (400, "bad_request"))
    connection.close()


# ---- Events. ----


def test_events_tell_the_place_the_start_each_test_and_the_result():
    with serve(queue_slots=1) as running:
        first = accept(running, sleeper())
        assert until(lambda: state(running, first) == "running")
        tests = [{"stdin": str(number), "expected_stdout": str(number)} for number in range(3)]
        body = {"runtime": "python", "files": [{"content": "print(input())"}], "tests": tests, "check": {"kind": "tokens"}}
        name = accept(running, body)
        stream = events(running, name)
        assert next(stream)[:2] == ("queued", {"ahead": 0})
        assert running.delete(f"/v1/jobs/{first}").status == 204
        rest = list(stream)
        told = [event for event, _, _ in rest if event != "queued"]
        assert told == ["started", "test", "test", "test", "result"]
        assert [data["index"] for event, data, _ in rest if event == "test"] == [0, 1, 2]
        assert rest[-1][1] == running.get(f"/v1/jobs/{name}").json["result"]
        # Of one that is done, the result is all there is.
        assert [event for event, _, _ in events(running, name)] == ["result"]


def test_events_tell_each_stage():
    need(is_available("c"), "there is no C compiler")
    with serve(queue_slots=1) as running:
        first = accept(running, sleeper())
        body = {"runtime": "c", "files": [{"content": "int main(void) { return 0; }\n"}], "cache": False}
        name = accept(running, body)
        stream = events(running, name)
        next(stream)
        running.delete(f"/v1/jobs/{first}")
        rest = list(stream)
        stages = [data["name"] for event, data, _ in rest if event == "stage"]
        assert stages == ["compile"]
        assert rest[-1][0] == "result"


def test_a_reader_that_comes_again_goes_on_after_its_last_event():
    with serve(queue_slots=1) as running:
        first = accept(running, sleeper())
        tests = [{"stdin": str(number)} for number in range(4)]
        source = "import time\nprint(input())\ntime.sleep(0.3)\n"
        name = accept(running, {"runtime": "python", "files": [{"content": source}], "tests": tests})
        keeps = events(running, name)
        next(keeps)
        running.delete(f"/v1/jobs/{first}")
        seen = []
        for event, data, number in keeps:
            if event == "test":
                seen.append(number)
            if len(seen) == 2:
                break
        again = list(events(running, name, {"Last-Event-ID": seen[0]}))
        assert [data["index"] for event, data, _ in again if event == "test"] == [1, 2, 3]
        assert again[-1][0] == "result"
        keeps.close()
        assert [event for event, _, _ in events(running, name, {"Last-Event-ID": "nonsense"})] == ["result"]


def test_a_reader_that_leaves_holds_up_nobody_and_many_read_one_job(one):
    name = accept(one, sleeper())
    assert until(lambda: state(one, name) == "running")
    streams = [events(one, name) for _ in range(20)]
    assert {next(stream)[0] for stream in streams} == {"started"}
    for stream in streams[:10]:
        stream.close()
    assert one.delete(f"/v1/jobs/{name}").status == 204
    for stream in streams[10:]:
        assert list(stream)[-1][0] == "result"


def test_a_reader_that_reads_nothing_is_cut_and_nothing_piles_up_for_it():
    with serve(http_write_timeout="1s", queue_slots=1) as running:
        first = accept(running, sleeper())
        body = job("print('x' * 60000)", tests=[{"stdin": ""} for _ in range(120)])
        del body["stdin"]
        name = accept(running, body)
        reader = socket.socket()
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        reader.connect(("127.0.0.1", running.port))
        reader.sendall(f"GET /v1/jobs/{name}/events HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        reader.settimeout(30)
        head = b""
        while b"event: queued" not in head:
            head += reader.recv(4096)
        before = peak_memory(running.pid)
        assert running.delete(f"/v1/jobs/{first}").status == 204
        assert result(running, name)["result"]["status"] == "ok"
        read = bytearray()
        reader.settimeout(30)
        try:
            while piece := reader.recv(1 << 20):
                read += piece
        except ConnectionResetError:
            pass
        reader.close()
        assert b"event: result" not in read
        assert peak_memory(running.pid) - before < 100 << 20


def test_the_stream_of_a_job_that_waits_ends_when_the_server_stops():
    with serve(queue_slots=1, server_drain_timeout="1s") as running:
        accept(running, sleeper())
        name = accept(running, job())
        stream = events(running, name)
        assert next(stream)[0] == "queued"
        running.process.send_signal(signal.SIGTERM)
        assert [event for event, _, _ in stream if event in ("result", "problem")] == []
        assert running.process.wait(30) == 0


# ---- Cancel (P17). ----


def test_p17_a_cancelled_job_keeps_that_as_its_result_and_a_second_delete_forgets_it():
    with serve(queue_slots=1) as running:
        runs = accept(running, sleeper())
        assert until(lambda: state(running, runs) == "running")
        waits = [accept(running) for _ in range(20)]  # more than are in memory
        for name in [runs, waits[0], waits[-1]]:
            assert running.delete(f"/v1/jobs/{name}").status == 204
            done = running.get(f"/v1/jobs/{name}").json
            assert (done["state"], done["result"]["status"]) == ("done", "cancelled")
            assert done["result"]["id"] == name
            assert running.delete(f"/v1/jobs/{name}").status == 204
            assert running.get(f"/v1/jobs/{name}").status == 404
            assert running.delete(f"/v1/jobs/{name}").status == 404
        for name in waits[1:-1]:
            assert result(running, name)["result"]["status"] == "ok"


def test_p17_a_storm_of_cancels_leaves_each_job_one_result_and_the_server_well(one):
    chance = random.Random(17)
    names = [accept(one, job("import time\ntime.sleep(0.02)")) for _ in range(40)]

    def cancel(name):
        time.sleep(chance.uniform(0, 0.5))
        return one.delete(f"/v1/jobs/{name}").status

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(cancel, names * 2))
    assert set(answers) <= {204, 404}
    for name in names:
        assert until(lambda name=name: state(one, name) in ("done", 404), 30, 0.02)
    assert one.run("python", "print(1)")["status"] == "ok"


# ---- Whose it is (P10). ----


@pytest.fixture
def keyed():
    with serve(queue_slots=2, server_require_keys=True) as running:
        yield running


def test_p10_anothers_job_is_as_unknown_as_none(keyed):
    alice, bob = make_key(keyed, "alice"), make_key(keyed, "bob")
    name = accept(keyed, job(), key=alice)
    result(keyed, name, key=alice)
    unknown = name[:-1] + ("a" if name[-1] != "a" else "b")
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/events")):
        foreign = keyed.request(method, f"/v1/jobs/{name}{path}", key=bob)
        none = keyed.request(method, f"/v1/jobs/{unknown}{path}", key=bob)
        assert foreign.status == none.status == 404
        assert foreign.text.replace(name, "ID") == none.text.replace(unknown, "ID")
        assert len(foreign.raw) == len(none.raw)
    assert keyed.get("/v1/jobs", key=bob).json["jobs"] == []
    assert keyed.get(f"/v1/jobs?before={name}", key=bob).status == 400
    # One idempotency key of two owners is two jobs.
    headers = {"Idempotency-Key": "same"}
    assert accept(keyed, key=alice, headers=headers) != accept(keyed, key=bob, headers=headers)


# ---- Crashes (S01) and drains (S13). ----


def test_s01_each_accepted_job_has_exactly_one_result_however_often_the_server_is_killed():
    jobs, kills = (200, 10) if FULL else (60, 3)
    chance = random.Random(1)
    # A job that runs at every kill is no poison, and must not be given up as one. That the others' attempts count what
    # began, and not every restart, is looked at below.
    with serve(queue_slots=2, async_attempts=10) as running:
        accepted, lock = {}, threading.Lock()

        def send(number):
            headers = {"Idempotency-Key": f"job {number}"}
            body = job("import time\ntime.sleep(0.05)\nprint(input())", stdin=f"nonce {number}")
            for _ in range(200):
                try:
                    answer = running.post("/v1/jobs", body, headers=headers, timeout=20)
                except (OSError, http.client.HTTPException):
                    time.sleep(0.05)
                    continue
                if answer.status == 202:
                    with lock:
                        accepted.setdefault(number, answer.json["id"])
                    return
                time.sleep(0.05)
            raise AssertionError(f"job {number} was not accepted")

        with ThreadPoolExecutor(4) as pool:
            sent = [pool.submit(send, number) for number in range(jobs)]
            for _ in range(kills):
                time.sleep(chance.uniform(0.2, 1.2))
                running.restart()
            for future in sent:
                future.result()
        assert len(set(accepted.values())) == jobs
        for number, name in accepted.items():
            done = result(running, name)
            assert done["result"]["status"] == "ok", done
            assert done["result"]["stages"][-1]["stdout"] == f"nonce {number}\n"
        listed = running.get("/v1/jobs?limit=1000").json["jobs"]
        assert {entry["id"] for entry in listed} == set(accepted.values())
        # A kill finds two that run, and two whose results are on their way to the disk.
        assert sum(entry["attempts"] for entry in listed) <= jobs + 4 * kills


def test_s01_a_job_that_takes_the_server_with_it_is_given_up():
    with serve(queue_slots=1, async_attempts=2) as running:
        poison = accept(running, sleeper())
        behind = accept(running)
        for _ in range(2):
            assert until(lambda: state(running, poison) == "running", 30)
            running.restart()
        done = result(running, poison)
        assert done["attempts"] == 2
        assert done["problem"]["code"] == "internal_error"
        assert "given up after 2 attempts" in done["problem"]["detail"]
        # Its neighbour waited each time, and is not to blame.
        done = result(running, behind)
        assert (done["result"]["status"], done["attempts"]) == ("ok", 1)


def test_s13_a_drain_finishes_what_it_can_and_puts_the_rest_back():
    # The long one holds one of two seats, and outlasts the time to drain however many come behind it.
    many, pause, seconds = (1000, 0.02, 40) if FULL else (12, 0.3, 6)
    with serve(queue_slots=2, server_drain_timeout="2s") as running:
        long = accept(running, job(f"import time\ntime.sleep({seconds})\nprint('long')", limits=LONG_LIMITS))
        short = f"import time\ntime.sleep({pause})\nprint(input())"
        with ThreadPoolExecutor(8) as pool:
            names = list(pool.map(lambda number: accept(running, job(short, stdin=f"nonce {number}")), range(many)))

        def states():
            return {entry["id"]: entry["state"] for entry in running.get("/v1/jobs?limit=1000").json["jobs"]}

        assert until(lambda: state(running, long) == "running" and "running" in {states().get(name) for name in names})
        assert running.stop() == 0
        running.start()
        assert "queued" in states().values(), "all had ended before"
        done = result(running, long)
        assert done["result"]["status"] == "ok"
        assert done["attempts"] == 1, "an attempt that the server ended itself does not count"
        for number, name in enumerate(names):
            done = result(running, name)
            assert (done["result"]["status"], done["attempts"]) == ("ok", 1), done
            assert done["result"]["stages"][-1]["stdout"] == f"nonce {number}\n"


# ---- What is no more when the job's turn comes. ----


def test_a_job_whose_key_was_revoked_meanwhile_is_not_run():
    with serve(queue_slots=1, server_require_keys=True) as running:
        keeps, goes = make_key(running, "keeps"), make_key(running, "goes")
        first = accept(running, sleeper(), key=keeps)
        assert until(lambda: state(running, first, key=keeps) == "running")
        accept(running, job("print('never')"), key=goes)
        last = accept(running, key=keeps)
        revoke_key(running, goes)
        assert running.delete(f"/v1/jobs/{first}", key=keeps).status == 204
        assert result(running, last, key=keeps)["result"]["status"] == "ok"
        stored = until(lambda: outcomes(running)[1], 20, 0.05)
        assert json.loads(stored)["problem"]["code"] == "unauthorized"
        assert "revoked" in json.loads(stored)["problem"]["detail"]
        assert until(lambda: running.get("/v1/jobs", key=goes).status == 401, 20, 0.05)


def test_a_job_whose_runtime_has_gone_says_so():
    with serve(queue_slots=1, server_drain_timeout="1s") as running:
        accept(running, sleeper())
        name = accept(running)
        assert running.stop() == 0
        running.settings["runtimes.python.enabled"] = "false"
        running.start()
        done = result(running, name)
        assert done["problem"]["code"] == "unknown_runtime"
        assert done["problem"]["instance"] == f"/v1/jobs/{name}"
        assert "result" not in done


def test_stored_jobs_keep_to_their_keys_concurrency():
    with serve(queue_slots=2, server_require_keys=True) as running:
        narrow, other = make_key(running, "narrow", concurrency=1), make_key(running, "other")
        names = [accept(running, sleeper(), key=narrow) for _ in range(3)]
        assert until(lambda: state(running, names[0], key=narrow) == "running")
        # Of two seats one is left for somebody else.
        assert result(running, accept(running, key=other), key=other)["result"]["status"] == "ok"
        assert [state(running, name, key=narrow) for name in names] == ["running", "queued", "queued"]
