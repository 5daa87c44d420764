"""What an operator sees: a line of the log for each job that ends, and figures that count what they say."""

import asyncio
import json
import re

import live
import pytest
from harness import until
from jobs import ENDLESS, LONG_LIMITS, accept, job, make_key, result, revoke_key, serve, sleeper, state

# What a stranger would like to see in somebody's log, in every place that he can fill.
NEEDLE = 'needle"}\n{"event":"job ended","job":"forged"}'
HOSTILE = job(f"print(input())\nprint({NEEDLE!r})", stdin=NEEDLE, args=[NEEDLE])


async def talk(running, key):
    async with live.open_live(running, key) as session:
        await session.init(live.job("print(input())"))
        await session.stdin("needle\n")
        await session.send(type="eof")
        await session.end()
        assert session.out == b"needle\n", session.problem
        return session.result


def test_every_line_of_the_log_is_json_and_each_kind_of_job_has_one_when_it_ends():
    with serve(log_format="json", queue_slots=1) as running:
        key, other = make_key(running, "a\nname"), make_key(running, "revoked")
        expected = {}  # by the job's id: kind, status or code, key

        def expect(identity, kind, status, caller=key):
            assert identity not in expected
            expected[identity] = (kind, status, caller.split("_")[1] if caller else "")

        expect(running.post("/v1/run", HOSTILE, key=key).json["id"], "run", "ok")
        expect(running.post("/v1/run", job("import os; os.abort()")).json["id"], "run", "signaled", None)
        batch = running.post("/v1/batches", {"jobs": [HOSTILE, job("raise SystemExit(3)")]}, key=key)
        for line in batch.text.splitlines():
            told = json.loads(line)
            expect(told["result"]["id"], "batch", ["ok", "nonzero_exit"][told["index"]])
        expect(asyncio.run(talk(running, key))["id"], "interactive", "ok")

        endless = accept(running, sleeper(), key=key)
        assert until(lambda: state(running, endless, key=key) == "running")
        waiting = [accept(running, HOSTILE, key=key) for _ in range(8)]
        orphan = accept(running, job(), key=other)
        revoke_key(running, other)
        # The one that runs, and one that is nowhere but on the disk.
        for name in (waiting.pop(), endless):
            assert running.delete(f"/v1/jobs/{name}", key=key).status == 204
            expect(name, "stored", "cancelled")
        for name in waiting:
            assert result(running, name, key=key)["result"]["status"] == "ok"
            expect(name, "stored", "ok")
        expect(orphan, "stored", "unauthorized", other)
        assert until(lambda: orphan in running.log.read_text())
        running.get("/v1/jobs/" + "%0A%7B" * 9, headers={"Authorization": "Bearer needle\x1b"})
        assert running.stop() == 0

        lines = [json.loads(line) for line in running.log.read_text().splitlines()]
        assert all({"time", "level", "event"} <= line.keys() for line in lines)
        ends = [line for line in lines if line["event"] in ("job ended", "job did not take place")]
        assert {line["job"]: (line["kind"], line.get("status") or line["code"], line["key"]) for line in ends} == expected
        assert len(ends) == len(expected)
        for line in ends:
            if "queued_us" in line:
                assert line["runtime"] == "python" and line["queued_us"] >= 0 and line["total_us"] >= 0
        text = running.log.read_text()
        assert "needle" not in text and "forged" not in text
        assert not [token for token in (key, other) if token.split("_", 2)[2] in text]


# ---- Cells. ----


def cells(running):
    """Made, and standing."""
    text = running.get("/metrics").text
    names = ("retort_cells_made_total", "retort_cells_running")
    return [int(float(re.search(rf"^{name} (\S+)$", text, re.M)[1])) for name in names]


def cpp(text):
    return {"runtime": "cpp", "files": [{"content": f'#include <cstdio>\nint main(){{std::puts("{text}");}}'}]}


def echoes(count):
    return [{"stdin": "x", "expected_stdout": "x"} for _ in range(count)]


ECHO = {"runtime": "python", "files": [{"content": "print(input())"}]}
NO_CPP = ECHO | {"runtime": "cpp"}
ACCEPT = {"runtime": "python", "files": [{"content": "print('x', flush=True)\nprint(input())"}]}


@pytest.mark.parametrize(
    "body, made",
    [
        (job(), [1]),
        (cpp("twice"), [2, 1]),  # compiled and run; then found and run
        (cpp("x") | {"tests": echoes(3)}, [4, 3]),
        (ECHO | {"tests": echoes(5)}, [5]),
        (ECHO | {"tests": echoes(5), "parallel": 2}, [5]),
        (ECHO | {"tests": echoes(2), "check": {"kind": "program", "program": ECHO | {"files": [{"content": ""}]}}}, [4]),
        (ECHO | {"tests": [{"stdin": ""}] * 2, "interactor": ACCEPT}, [4]),
        (NO_CPP, [1]),  # it does not compile
    ],
    ids=["run", "compile", "compiled tests", "tests", "tests side by side", "checker", "interactor", "compile error"],
)
def test_each_stage_each_test_and_each_judge_is_a_cell(body, made):
    with serve() as running:
        assert cells(running) == [0, 0]
        sum_of_all = 0
        for count in made:
            answer = running.post("/v1/run", body)
            assert answer.json["status"] == ("compile_error" if body is NO_CPP else "ok"), answer.text
            sum_of_all += count
            assert cells(running) == [sum_of_all, 0]


def test_what_stands_is_what_runs_and_nothing_when_it_was_ended():
    with serve(queue_slots=3) as running:
        body = {"runtime": "python", "files": [{"content": ENDLESS}], "limits": LONG_LIMITS}
        names = [accept(running, body), accept(running, body | {"tests": [{"stdin": ""}] * 5, "parallel": 2})]
        assert until(lambda: cells(running)[1] == 3)
        for name in names:
            assert running.delete(f"/v1/jobs/{name}").status == 204
        assert until(lambda: cells(running) == [3, 0])
