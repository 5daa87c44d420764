"""What the server keeps: full disks (S05 of the attacks), damage, and caches that somebody has touched."""

import os
import re
import subprocess
from contextlib import contextmanager
from pathlib import Path

import jobs
import pytest
from harness import until
from server import USER, make_key, server

CPP = {"runtime": "cpp", "files": [{"content": '#include <cstdio>\nint main(){std::puts("compiled");}'}]}
PYTHON = {"runtime": "python", "files": [{"content": "print(input())"}], "stdin": "x"}


def entries(one):
    return [path for path in (one.state / "cache").iterdir() if re.fullmatch("[0-9a-f]{64}", path.name)]


def output(answer):
    assert answer.status == 200, answer.text
    return answer.json["stages"][-1]["stdout"]


@pytest.mark.root
@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "swap"])
def test_a_poisoned_or_torn_entry_is_never_served(damage):
    with server() as one:
        assert output(one.post("/v1/run", CPP)) == "compiled\n"
        assert one.post("/v1/run", CPP).json["cached"]
        (entry,) = entries(one)
        bytes_of_it = bytearray(entry.read_bytes())
        if damage == "flip":
            bytes_of_it[len(bytes_of_it) // 2] ^= 1
            entry.write_bytes(bytes_of_it)
        elif damage == "cut":
            entry.write_bytes(bytes_of_it[:-100])
        elif damage == "empty":
            entry.write_bytes(b"")
        else:  # another program's artefact under this one's name
            other = {"runtime": "cpp", "files": [{"content": '#include <cstdio>\nint main(){std::puts("poison");}'}]}
            assert output(one.post("/v1/run", other)) == "poison\n"
            (poison,) = [path for path in entries(one) if path != entry]
            entry.write_bytes(poison.read_bytes())
        answer = one.post("/v1/run", CPP)
        assert output(answer) == "compiled\n" and not answer.json["cached"]
        assert one.post("/v1/run", CPP).json["cached"]


@contextmanager
def on_a_small_disk(one):
    """The server with its state on a disk of its own, which is soon full; then as it was."""
    one.stop()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m,mode=0700", "full", one.state], check=True)
    try:
        subprocess.run(["chown", f"{USER}:{USER}", one.state], check=True)
        one.start()
        yield
        one.stop()
    finally:
        one.kill()
        subprocess.run(["umount", one.state], check=True)
    one.start()


def fill(folder):
    """The file that takes all the room."""
    filler = folder / "filler"
    with open(filler, "wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 4096)
        except OSError:
            return filler


@pytest.mark.root
def test_a_full_state_folder_stops_no_job():
    with server() as one, on_a_small_disk(one):
        filler = fill(one.state)
        # The cache cannot keep it, so each is compiled; what runs needs no disk of ours.
        assert output(one.post("/v1/run", CPP)) == "compiled\n"
        assert output(one.post("/v1/run", PYTHON)) == "x\n"
        filler.unlink()
        assert output(one.post("/v1/run", PYTHON)) == "x\n"


@pytest.mark.root
def test_s05_a_full_disk_takes_no_stored_job_and_loses_none():
    with jobs.serve(queue_slots=1) as one, on_a_small_disk(one):
        slow = jobs.accept(one, jobs.job("import time\ntime.sleep(3)\nprint(input())", stdin="slow"))
        names = {jobs.accept(one, jobs.job(stdin=f"nonce {number}")): f"nonce {number}" for number in range(8)}
        assert until(lambda: jobs.state(one, slow) == "running")
        filler = fill(one.state)
        for _ in range(3):
            refused = one.post("/v1/jobs", jobs.job(), headers={"Idempotency-Key": "too many"})
            assert (refused.status, refused.json["code"]) == (507, "storage_full")
            assert int(refused.headers["Retry-After"]) > 0
        # It has its result, which is nowhere yet.
        assert until(lambda: "a result cannot be stored" in one.log.read_text(), 30, 0.05)
        assert jobs.state(one, slow) == "running"
        assert output(one.post("/v1/run", PYTHON)) == "x\n"
        filler.unlink()
        for name, nonce in ({slow: "slow"} | names).items():
            done = jobs.result(one, name)
            assert (done["result"]["status"], done["attempts"]) == ("ok", 1), done
            assert done["result"]["stages"][-1]["stdout"] == nonce + "\n"
        assert {entry["id"] for entry in one.get("/v1/jobs").json["jobs"]} == {slow, *names}
        # What was refused was not begun behind its sender's back, and is taken now.
        last = jobs.accept(one, headers={"Idempotency-Key": "too many"})
        assert last not in names and jobs.result(one, last)["result"]["status"] == "ok"


@pytest.mark.root
def test_a_damaged_database_is_a_clear_refusal_and_stays_as_it_is():
    with server() as one:
        one.stop()
        (database,) = [path for path in one.state.glob("*.db")]
        damaged = b"no database at all" * 1000
        database.write_bytes(damaged)
        for side in one.state.glob("*.db-*"):
            side.unlink()
        with pytest.raises(AssertionError, match=str(database)):
            one.start()
        assert database.read_bytes() == damaged
        database.unlink()
        one.start()


@pytest.mark.root
@pytest.mark.parametrize("per_key", [False, True])
def test_what_one_key_compiled_is_a_hit_for_another_unless_caches_are_apart(per_key):
    """Whoever has no key is one more scope."""
    with server(cache_per_key=per_key) as one:
        callers = [make_key(one.state), make_key(one.state), None]
        first, *others = callers
        assert not one.post("/v1/run", CPP, key=first).json["cached"]
        assert one.post("/v1/run", CPP, key=first).json["cached"]
        for other in others:
            assert one.post("/v1/run", CPP, key=other).json["cached"] == (not per_key)
        for caller in callers:
            answer = one.post("/v1/run", CPP, key=caller)
            assert answer.json["cached"] and output(answer) == "compiled\n"
        assert len(entries(one)) == (len(callers) if per_key else 1)


@pytest.mark.root
def test_the_state_folder_shows_nothing_to_others():
    with server() as one:
        assert one.state.stat().st_mode & 0o077 == 0
        for path in Path(one.state).rglob("*"):
            if path.is_file():
                assert path.stat().st_mode & 0o077 == 0, path
        assert os.stat(one.state).st_uid != 0
