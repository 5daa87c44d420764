"""What is kept of stored jobs, and for how long: shares, damage, and requests that are sent again (P16 of the attacks)."""

import hashlib
import http.client
import json
import os
import signal

from harness import until
from jobs import accept, job, kept_database, make_key, result, serve, sleeper, state

LOUD = "print('x' * 60000)"


def put_blob(running, data):
    digest = hashlib.sha256(data).hexdigest()
    answer = running.put(f"/v1/blobs/{digest}", data, headers={"Content-Type": "application/octet-stream"})
    assert answer.status == 201, answer.text
    return digest


# ---- How much. ----


def test_no_more_is_stored_than_the_server_keeps():
    with serve(queue_slots=1, async_most_stored=3) as running:
        first = accept(running, sleeper(), headers={"Idempotency-Key": "first"})
        for _ in range(2):
            accept(running, sleeper())
        refused = running.post("/v1/jobs", job())
        assert (refused.status, refused.json["code"]) == (507, "storage_full")
        # What is stored already needs no room.
        assert accept(running, sleeper(), headers={"Idempotency-Key": "first"}) == first
        assert running.delete(f"/v1/jobs/{first}").status == 204
        assert running.delete(f"/v1/jobs/{first}").status == 204
        accept(running)


def test_results_are_forgotten_in_their_time():
    with serve(queue_slots=1, async_keep_results="1s") as running:
        name = accept(running)
        assert until(lambda: state(running, name) == 404, 30, 0.05)
        assert running.get("/v1/jobs").json["jobs"] == []


def test_one_key_cannot_fill_the_bytes_of_requests_for_the_others():
    with serve(queue_slots=1, server_require_keys=True, async_bytes="1MiB") as running:
        many, few = make_key(running, "many"), make_key(running, "few")
        first = accept(running, sleeper(), key=many)
        accept(running, job("#" * (600 << 10)), key=many)
        refused = running.post("/v1/jobs", job(), key=many)
        assert (refused.status, refused.json["code"]) == (429, "too_many_jobs")
        assert "bytes of jobs and results" in refused.json["detail"]
        accept(running, key=few)
        assert running.delete(f"/v1/jobs/{first}", key=many).status == 204


def test_the_bytes_of_what_is_deleted_or_was_there_already_are_free_again():
    with serve(queue_slots=1, async_bytes="1MiB") as running:
        big = job("#" * (700 << 10))
        for _ in range(3):
            name = accept(running, big, headers={"Idempotency-Key": "again"})
            assert accept(running, big, headers={"Idempotency-Key": "again"}) == name
            result(running, name)
            assert running.delete(f"/v1/jobs/{name}").status == 204


def test_one_keys_many_results_do_not_push_out_anothers_few():
    with serve(queue_slots=1, server_require_keys=True, async_bytes="1MiB") as running:
        many, few = make_key(running, "many"), make_key(running, "few")
        kept = accept(running, key=few)
        result(running, kept, key=few)
        first = accept(running, sleeper(), key=many)
        names = [accept(running, job(LOUD), key=many) for _ in range(30)]
        assert running.delete(f"/v1/jobs/{first}", key=many).status == 204
        # Nobody waits for the minute in which what is old is looked for.
        assert until(lambda: state(running, names[0], key=many) == 404, 40, 0.1)
        assert until(lambda: state(running, names[-1], key=many) == "done", 40, 0.1)
        assert result(running, kept, key=few)["result"]["status"] == "ok"
        assert until(lambda: running.post("/v1/jobs", job(), key=few).status == 202, 10, 0.2)
        assert until(lambda: running.post("/v1/jobs", job(), key=many).json.get("code") == "too_many_jobs", 10, 0.2)


# ---- Damage. ----


def test_a_job_whose_blob_is_damaged_before_its_turn_ends_all_the_same():
    with serve(queue_slots=1, async_attempts=2) as running:
        digest = put_blob(running, b"as it was sent")
        first = accept(running, sleeper())
        name = accept(running, job(stdin={"blob": digest}))
        os.truncate(running.state / "blobs" / digest[:2] / digest[2:], 3)
        assert running.delete(f"/v1/jobs/{first}").status == 204
        done = result(running, name)
        assert done["problem"]["code"] == "internal_error"
        assert "given up after 2 attempts" in done["problem"]["detail"]
        assert done["attempts"] == 2
        assert "is not what was stored" in running.log.read_text()
        # Its seat is free.
        assert running.run("python", "print(1)")["status"] == "ok"


# ---- A database that another process keeps. ----


def test_a_kept_database_refuses_jobs_for_now_and_loses_none():
    with serve() as running:
        name = accept(running, job("import time; time.sleep(0.5); print(input())"))
        with kept_database(running):
            refused = running.post("/v1/jobs", job(), headers={"Idempotency-Key": "kept"})
            assert (refused.status, refused.json["code"]) == (503, "unavailable")
            assert "another process keeps" in refused.json["detail"] and "Retry-After" in refused.headers
            assert str(running.state) not in refused.text
        assert result(running, name)["result"]["status"] == "ok"
        result(running, accept(running, headers={"Idempotency-Key": "kept"}))
        assert running.get("/v1/jobs").json["jobs"][1]["id"] == name


# ---- Sent again (P16). ----


def test_p16_what_was_accepted_is_found_again_whatever_has_changed_since():
    with serve(queue_slots=1, server_drain_timeout="20s") as running:
        digest = put_blob(running, b"for a while")
        config = running.folder / "retort.toml"
        config.write_text("")
        running.kill()
        running.arguments = ["--config", str(config)]
        running.start()
        body, headers = job(stdin={"blob": digest}), {"Idempotency-Key": "once"}
        name = accept(running, body, headers=headers)
        assert result(running, name)["result"]["status"] == "ok"

        def again():
            assert accept(running, body, headers=headers) == name
            other = running.post("/v1/jobs", job(stdin="another"), headers=headers)
            assert (other.status, other.json["code"]) == (409, "conflict")

        # Its blob is gone.
        assert running.delete(f"/v1/blobs/{digest}").status == 204
        assert running.post("/v1/jobs", body).json["code"] == "blob_not_found"
        again()
        # Its runtime is.
        config.write_text("[runtimes.python]\nenabled = false\n")
        running.process.send_signal(signal.SIGHUP)
        assert until(lambda: running.post("/v1/jobs", body).json["code"] == "unknown_runtime")
        again()
        # The server takes nothing new.
        connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=30)

        def send(body, headers):
            headers = {"Content-Type": "application/json"} | headers
            connection.request("POST", "/v1/jobs", json.dumps(body), headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())

        config.write_text("")
        running.process.send_signal(signal.SIGHUP)
        assert until(lambda: send(body, {})[1]["code"] == "blob_not_found")
        keeps_it_waiting = accept(running, sleeper())
        assert until(lambda: state(running, keeps_it_waiting) == "running")
        running.process.send_signal(signal.SIGTERM)
        assert until(lambda: send(job(), {})[1].get("code") == "draining")
        status, answer = send(body, headers)
        assert (status, answer["id"], answer["state"]) == (202, name, "done")
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(30) == 0
