"""Whose turn it is: keys in turn, and within a key the larger priority first."""

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
