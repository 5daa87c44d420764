"""A cell whose first process, retort-init, is struck by its host (S03): it ends whole, and the answer is never `ok`."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest
from harness import cell_processes, until
from jobs import accept, job, result, serve

pytestmark = pytest.mark.root

QUICK = "import time\nprint('right', flush=True)\ntime.sleep(2)\n"
GREEDY = "import time\ntime.sleep(2)\nheld = []\nwhile True: held.append(bytearray(b'x' * (1 << 20)))\n"


def the_init():
    """Of the one cell whose program runs."""
    assert until(lambda: "python3" in cell_processes().values(), 20, 0.005), cell_processes()
    (init,) = [pid for pid, name in cell_processes().items() if name == "retort-init"]
    return init


def out_of_memory(init):
    """Whom the kernel takes when memory runs out."""
    with open(f"/proc/{init}/oom_score_adj", "w", encoding="ascii") as file:
        file.write("1000")


STRIKES = [
    ("killed", QUICK, lambda init: os.kill(init, signal.SIGKILL), {"internal_error"}),
    ("stopped", QUICK, lambda init: os.kill(init, signal.SIGSTOP), {"internal_error", "wall_time_limit"}),
    ("out of memory", GREEDY, out_of_memory, {"memory_limit"}),
]


@pytest.mark.parametrize(("source", "strike", "statuses"), [row[1:] for row in STRIKES], ids=[row[0] for row in STRIKES])
def test_s03_a_cell_whose_init_is_struck_ends_whole_and_is_never_ok(source, strike, statuses):
    body = job(source, limits={"run": {"wall_time_us": 8_000_000, "memory_bytes": 64 << 20}})
    with serve() as running:
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(running.post, "/v1/run", body)
            strike(the_init())
            answer = asked.result(60)
        assert answer.status == 200 and answer.json["status"] in statuses, answer.text
        assert not cell_processes()
        assert running.run("python", "print(1)")["status"] == "ok"


def test_s03_a_stored_job_whose_cell_is_lost_runs_again_so_often():
    with serve(async_attempts=2) as running:
        name = accept(running, job(QUICK))
        os.kill(the_init(), signal.SIGKILL)
        done = result(running, name)
        assert (done["attempts"], done["result"]["status"]) == (2, "ok")
        name = accept(running, job(QUICK))
        for _ in range(2):
            init = the_init()
            os.kill(init, signal.SIGKILL)
            assert until(lambda init=init: init not in cell_processes(), 10)
        done = result(running, name)
        assert (done["attempts"], done["result"]["status"]) == (2, "internal_error")
