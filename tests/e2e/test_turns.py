"""Whose turn it is: keys in turn, and within a key the larger priority first."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from harness import until
from jobs import accept, job, make_key, result, serve, sleeper, state

CLOCK = "import time\nprint(time.time_ns())"  # on one slot, these are in the order of the runs


@pytest.fixture
def running():
    with serve(queue_slots=1) as one:
        yield one


def waiting(running):
    return running.get("/health").json["queue"]["length"]


def order_of_runs(running, jobs):
    """Sends (name, key, priority) in this order while the one slot is taken; the names in the order of their runs."""
    first = accept(running, sleeper())
    assert until(lambda: state(running, first) == "running")
    with ThreadPoolExecutor(len(jobs)) as pool:
        answers = {}
        for number, (name, key, priority) in enumerate(jobs):
            answers[name] = pool.submit(running.post, "/v1/run", job(CLOCK, priority=priority), key=key)
            assert until(lambda number=number: waiting(running) == number + 1)
        assert running.delete(f"/v1/jobs/{first}").status == 204
        results = {name: answer.result().json for name, answer in answers.items()}
    assert {answer["status"] for answer in results.values()} == {"ok"}, results
    return sorted(results, key=lambda name: int(results[name]["stages"][-1]["stdout"]))


@pytest.mark.parametrize("priority", [0, 100], ids=["", "of a high priority"])
def test_who_has_queued_much_does_not_keep_another_waiting(running, priority):
    """Also not by a priority, which counts among one's own jobs alone."""
    much, little = make_key(running, "much"), make_key(running, "little")
    jobs = [(f"much {number}", much, priority) for number in range(20)] + [(f"little {number}", little, 0) for number in range(2)]
    order = order_of_runs(running, jobs)
    assert {"little 0", "little 1"} < set(order[:4]), order
    assert [name for name in order if name.startswith("much")] == [f"much {number}" for number in range(20)]


def test_of_one_key_the_larger_priority_goes_first_and_equal_ones_in_their_order(running):
    key, other = make_key(running, "one"), make_key(running, "other")
    priorities = [0, 0, -5, 7, 0, 50, 7, -100]
    jobs = [(number, key, priority) for number, priority in enumerate(priorities)]
    assert order_of_runs(running, jobs) == [5, 3, 6, 0, 1, 4, 2, 7]
    # And among those of others it stays so.
    mixed = [((who, number), who, priority) for number, priority in enumerate([1, 2, 3]) for who in (key, other)]
    order = order_of_runs(running, mixed)
    for who in (key, other):
        assert [number for name, number in order if name == who] == [2, 1, 0]


def test_stored_jobs_of_keys_take_turns_as_well(running):
    much, little = make_key(running, "much"), make_key(running, "little")
    first = accept(running, sleeper())
    assert until(lambda: state(running, first) == "running")
    names = {accept(running, job(CLOCK), key=much): much for _ in range(20)}
    late = {accept(running, job(CLOCK), key=little): little for _ in range(2)}
    assert until(lambda: waiting(running) >= 4)  # of each key, those that are next
    assert running.delete(f"/v1/jobs/{first}").status == 204
    ran = {name: int(result(running, name, key=key)["result"]["stages"][-1]["stdout"]) for name, key in (names | late).items()}
    order = sorted(ran, key=ran.get)
    assert set(late) < set(order[:4]), [name in late for name in order]


def test_priorities_count_among_all_stored_jobs_of_a_key_also_after_a_restart(running):
    key = make_key(running, "stored")
    first = accept(running, sleeper(), key=key)
    assert until(lambda: state(running, first, key=key) == "running")
    low = [accept(running, job(CLOCK), key=key) for _ in range(12)]
    high = [accept(running, job(CLOCK, priority=priority), key=key) for priority in (50, 100)]
    running.restart()  # the first is run again, before or after the highest
    assert until(lambda: running.get("/health").json["slots"]["taken"] == 1)
    until(lambda: state(running, first, key=key) == "running", 5)
    assert running.delete(f"/v1/jobs/{first}", key=key).status == 204
    ran = {name: int(result(running, name, key=key)["result"]["stages"][-1]["stdout"]) for name in low + high}
    assert sorted(ran, key=ran.get) == [*reversed(high), *low]


def test_a_jobs_priority_counts_that_came_last_when_many_are_stored(running):
    key = make_key(running, "late")
    first = accept(running, sleeper(), key=key)
    assert until(lambda: state(running, first, key=key) == "running")
    low = [accept(running, job(CLOCK), key=key) for _ in range(12)]
    assert until(lambda: waiting(running) >= 2)
    late = accept(running, job(CLOCK, priority=1), key=key)
    assert running.delete(f"/v1/jobs/{first}", key=key).status == 204
    ran = {name: int(result(running, name, key=key)["result"]["stages"][-1]["stdout"]) for name in [*low, late]}
    # Those that were next already may go before it.
    assert sorted(ran, key=ran.get).index(late) <= 3
    assert [name for name in sorted(ran, key=ran.get) if name != late] == low


def test_a_batch_is_run_by_priority_and_told_by_place(running):
    priorities = [0, 5, 0, -5, 100, 5, 7, 0]
    answer = running.post("/v1/batches", {"jobs": [job(CLOCK, priority=priority) for priority in priorities]})
    lines = [json.loads(line) for line in answer.text.splitlines()]
    ran = {line["index"]: int(line["result"]["stages"][-1]["stdout"]) for line in lines}
    assert sorted(ran, key=ran.get) == [4, 6, 1, 5, 0, 2, 7, 3]
