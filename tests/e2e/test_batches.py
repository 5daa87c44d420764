"""Batches: many jobs in one request, each told of when it ends (S10 of the attacks)."""

import json
import socket
import time

import pytest
from harness import cell_processes, is_available, need, until
from jobs import ENDLESS, LONG_LIMITS, job, make_key, serve


@pytest.fixture
def one():
    with serve() as running:
        yield running


def lines(answer):
    assert answer.status == 200, answer.text
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    return [json.loads(line) for line in answer.text.splitlines()]


def test_three_hundred_jobs_each_answer_with_their_own_nonce(one):
    jobs = [job(stdin=f"nonce {number}") for number in range(300)]
    told = lines(one.post("/v1/batches", {"jobs": jobs}, timeout=300))
    assert sorted(line["index"] for line in told) == list(range(300))
    for line in told:
        assert line["result"]["status"] == "ok"
        assert line["result"]["stages"][-1]["stdout"] == f"nonce {line['index']}\n"
    assert len({line["result"]["id"] for line in told}) == 300


def test_lines_come_in_the_order_in_which_jobs_end(one):
    slow = job("import time\ntime.sleep(2)\nprint(input())")
    told = lines(one.post("/v1/batches", {"jobs": [slow, job(), job()]}))
    assert [line["index"] for line in told][-1] == 0


def test_every_fault_of_every_job_refuses_the_whole_batch(one):
    jobs = [job(), job(), job(limits={"run": {"cpu_time_us": 0}}), {"runtime": "python", "files": [{"name": "../x", "content": ""}]}]
    answer = one.post("/v1/batches", {"jobs": jobs + [{"runtime": "none", "files": [{"content": ""}]}, 4, job(webhook="http://a/")]})
    assert answer.status == 400
    assert [error["pointer"] for error in answer.json["errors"]] == [
        "/jobs/2/limits/run/cpu_time_us",
        "/jobs/3/files/0/name",
        "/jobs/4/runtime",
        "/jobs/5",
        "/jobs/6/webhook",
    ]
    many = one.post("/v1/batches", {"jobs": [4] * 200}).json
    assert len(many["errors"]) == 100
    assert many["errors_omitted"] == 100


@pytest.mark.parametrize("body", [{}, [], {"jobs": {}}, {"jobs": []}, {"jobs": [], "more": 1}, {"jobs": [job()] * 1001}])
def test_a_batch_is_an_object_of_one_to_a_thousand_jobs(one, body):
    answer = one.post("/v1/batches", body)
    assert (answer.status, answer.json["code"]) == (400, "invalid_request")


def test_a_batch_feeds_itself_within_its_callers_bound():
    with serve(server_require_keys=True) as running:
        key = make_key(running, "narrow", concurrency=1)
        told = lines(running.post("/v1/batches", {"jobs": [job(stdin=str(n)) for n in range(40)]}, key=key))
        assert [line["result"]["status"] for line in told] == ["ok"] * 40
        # One at a time: in their order.
        assert [line["index"] for line in told] == list(range(40))


def test_a_batch_waits_where_the_queue_is_full():
    with serve(queue_slots=1, queue_length=1) as running:
        told = lines(running.post("/v1/batches", {"jobs": [job(stdin=str(n)) for n in range(20)]}))
        assert sorted(line["index"] for line in told) == list(range(20))
        assert {line["result"]["status"] for line in told} == {"ok"}


def test_a_job_that_does_not_take_place_is_a_line_with_its_problem(one):
    blob = {"runtime": "python", "archive": {"blob": "0" * 64}}
    told = {line["index"]: line for line in lines(one.post("/v1/batches", {"jobs": [job(), blob]}))}
    assert told[0]["result"]["status"] == "ok"
    assert told[1]["problem"]["code"] == "blob_not_found"
    (line,) = [line for line in one.log.read_text().splitlines() if "code=blob_not_found" in line]
    assert "job did not take place" in line and "kind=batch" in line


def send_raw(running, body):
    text = json.dumps(body).encode()
    client = socket.create_connection(("127.0.0.1", running.port), timeout=30)
    client.sendall(
        b"POST /v1/batches HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n" % len(text) + text
    )
    return client


def started(running):
    return running.get("/health").json["slots"]["taken"]


def test_s10_a_client_that_leaves_cancels_the_rest_at_once(one):
    sleepers = [job(ENDLESS, limits=LONG_LIMITS)] * 500
    client = send_raw(one, {"jobs": sleepers})
    assert until(lambda: started(one) == 2)
    client.close()
    began = time.monotonic()
    assert until(lambda: started(one) == 0, 10)
    assert one.run("python", "print(1)")["status"] == "ok"
    assert time.monotonic() - began < 20
    assert until(lambda: not [name for name in cell_processes().values() if name.startswith("python")], 10)


def test_a_client_that_reads_nothing_holds_up_its_own_jobs_alone(one):
    """Its lines fill the socket, and then no more of its jobs begin."""
    need(is_available("python"), "there is no Python")
    loud = job("print('x' * 60000)")
    client = send_raw(one, {"jobs": [loud] * 900})
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    assert until(lambda: started(one) > 0)
    assert until(lambda: [started(one) for _ in range(20) if not time.sleep(0.05)] == [0] * 20, 120)
    assert one.run("python", "print(1)")["status"] == "ok"
    client.close()
