"""Quotas: what is admitted at one time is within them whatever it is sent as (P15 of the attacks), and nobody has all."""

import socket

import pytest
from jobs import accept, job, make_key, result, serve
from harness import until

SPIN = "while True: pass"
SLEEP = "import time\ntime.sleep(1000)"
# 10 s for each job that runs, of 25 s an hour.
LIMITS = {"run": {"cpu_time_us": 9_000_000, "extra_time_us": 1_000_000, "wall_time_us": 50_000_000}}


@pytest.fixture(scope="module")
def running():
    with serve(server_require_keys=True, queue_slots=4, **{"rate_key.cpu_time": "25s"}) as one:
        yield one


@pytest.fixture
def key(running):
    return make_key(running, "quota")


def limits(seconds):
    return {"run": {"cpu_time_us": int((seconds - 1) * 1e6), "extra_time_us": 1_000_000}}


def sleeper(**more):
    return job(SLEEP, limits=LIMITS, **more)


def code(answer):
    return answer.status, answer.json["code"]


def test_jobs_at_one_time_may_use_the_sum_of_their_ceilings_and_what_is_cancelled_is_free_again(running, key):
    names = [accept(running, sleeper(), key=key) for _ in range(2)]
    refused = running.post("/v1/jobs", sleeper(), key=key)
    assert code(refused) == (429, "rate_limited")
    assert int(refused.headers["Retry-After"]) >= 1
    assert code(running.post("/v1/run", sleeper(), key=key)) == (429, "rate_limited")
    assert code(running.post("/v1/batches", {"jobs": [sleeper()]}, key=key)) == (429, "rate_limited")
    # Another key has a quota of its own.
    assert running.post("/v1/run", job(limits=LIMITS), key=make_key(running, "other")).status == 200
    for name in names:
        assert running.delete(f"/v1/jobs/{name}", key=key).status == 204
    # They slept: two of them may run again.
    for name in [accept(running, sleeper(), key=key) for _ in range(2)]:
        assert running.delete(f"/v1/jobs/{name}", key=key).status == 204


def test_a_job_is_settled_to_what_it_used_and_a_cancelled_one_keeps_that(running, key):
    name = accept(running, job(SPIN, limits=LIMITS), key=key)
    assert until(lambda: running.get(f"/v1/jobs/{name}", key=key).json["state"] == "running", 30)
    ended = running.post("/v1/run", job(SPIN, limits=limits(4)), key=key)
    assert ended.json["status"] == "cpu_time_limit"
    used = ended.json["stages"][-1]["cpu_time_us"] / 1e6
    assert used >= 3
    running.delete(f"/v1/jobs/{name}", key=key)
    used += running.get(f"/v1/jobs/{name}", key=key).json["result"]["stages"][-1]["cpu_time_us"] / 1e6
    assert used > 3
    assert code(running.post("/v1/run", job(limits=limits(25 - used + 0.1)), key=key)) == (429, "rate_limited")
    assert running.post("/v1/run", job(limits=limits(25 - used - 0.1)), key=key).status == 200


def test_every_test_of_a_job_counts(running, key):
    few = job(limits=LIMITS, tests=[{"stdin": "x"}] * 2)
    many = job(limits=LIMITS, tests=[{"stdin": "x"}] * 3)
    for body in (few, many):
        del body["stdin"]
    assert running.post("/v1/run", few, key=key).status == 200
    refused = running.post("/v1/run", many, key=key)
    assert code(refused) == (400, "limit_out_of_bounds"), "waiting does not help"
    assert refused.json["largest_us"] == 25_000_000


def test_a_batch_is_all_of_its_jobs(running, key):
    assert code(running.post("/v1/batches", {"jobs": [sleeper()] * 3}, key=key)) == (400, "limit_out_of_bounds")
    name = accept(running, sleeper(), key=key)
    assert code(running.post("/v1/batches", {"jobs": [job(limits=LIMITS)] * 2}, key=key)) == (429, "rate_limited")
    running.delete(f"/v1/jobs/{name}", key=key)
    told = running.post("/v1/batches", {"jobs": [job(limits=LIMITS)] * 2}, key=key)
    assert told.status == 200 and told.text.count('"status":"ok"') >= 2
    # And it is settled: the same again.
    assert running.post("/v1/batches", {"jobs": [job(limits=LIMITS)] * 2}, key=key).status == 200


def test_asking_again_for_the_same_job_is_charged_once(running, key):
    headers = {"Idempotency-Key": "once"}
    name = accept(running, sleeper(), key=key, headers=headers)
    for _ in range(5):
        assert accept(running, sleeper(), key=key, headers=headers) == name
    other = accept(running, sleeper(), key=key)
    assert code(running.post("/v1/jobs", sleeper(), key=key)) == (429, "rate_limited")
    # Also where there is no room for another.
    assert accept(running, sleeper(), key=key, headers=headers) == name
    for each in (name, other):
        running.delete(f"/v1/jobs/{each}", key=key)


def test_a_job_that_is_refused_later_on_is_charged_nothing(running, key):
    for _ in range(3):
        answer = running.post("/v1/jobs", job(limits=LIMITS) | {"stdin": {"blob": "0" * 64}}, key=key)
        assert code(answer) == (422, "blob_not_found")
    for _ in range(2):
        assert result(running, accept(running, job(limits=LIMITS), key=key), key=key)["result"]["status"] == "ok"


# ---- What nobody can take from the others. ----


def announce(running, key, size):
    """A POST of so many bytes of which the first has come; what the server says, or nothing."""
    raw = socket.create_connection(("127.0.0.1", running.port))
    head = f"POST /v1/run HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n"
    raw.sendall(f"{head}Content-Length: {size}\r\n\r\n{{".encode())
    raw.settimeout(0.5)
    try:
        return raw, raw.recv(4096).decode()
    except TimeoutError:
        return raw, ""


def test_a_quarter_of_the_room_for_bodies_is_never_one_keys():
    with serve(server_require_keys=True, queue_bytes="4MiB", http_largest_body="1MiB") as one:
        slow, other = make_key(one, "slow"), make_key(one, "other")
        begun = []
        while len(begun) < 8:
            raw, said = announce(one, slow, 1 << 20)
            begun.append(raw)
            if said:
                break
        assert len(begun) == 4 and said.startswith("HTTP/1.1 503 ") and "of yours" in said, said
        assert one.post("/v1/run", job(stdin="x" * (700 << 10)), key=other).status == 200
        for raw in begun:
            raw.close()
        assert until(lambda: one.post("/v1/run", job(stdin="x" * (700 << 10)), key=slow).status == 200)


def test_wrong_keys_from_an_address_do_not_keep_out_right_ones():
    with serve(server_require_keys=True, **{"rate_anonymous.requests": 30, "rate_anonymous.burst": 5}) as one:
        key = make_key(one, "right")
        wrong = [one.post("/v1/run", job(), key=f"{key[:-3]}{n:03}").status for n in range(20)]
        assert wrong[0] == 401 and wrong[-1] == 429
        assert one.post("/v1/run", job(), key=key).status == 200
