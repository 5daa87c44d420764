"""Real load: every answer right, nothing lost, nothing answered twice, and clear refusals where there is no place."""

import asyncio
import random
import re
import resource
import time
import uuid

import harness
import pytest
from harness import FULL
from load import Connection, percentile, post_all
from server import server

ROOMY = {
    "http_connections": 12000,
    "http_connections_per_address": 12000,
    "queue_length": 12000,
    "queue_wait": "10min",
    "rate_anonymous.requests": "none",
    "rate_anonymous.parallel": "none",
}
CPP = '#include <iostream>\n#include <string>\nint main(){std::string s;std::getline(std::cin,s);std::cout<<s<<"%d";}'


@pytest.fixture(autouse=True, scope="module")
def descriptors():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def peak_memory(pid):
    return int(re.search(r"^VmHWM:\s+(\d+) kB", open(f"/proc/{pid}/status").read(), re.M).group(1)) << 10


def echo(nonce):
    return {"runtime": "python", "files": [{"content": "print(input())"}], "stdin": nonce}


@pytest.mark.root
def test_python_jobs_by_the_thousand_at_once_are_all_right_in_bounded_memory():
    nonces = [uuid.uuid4().hex for _ in range(5000 if FULL else 2000)]
    with server(**ROOMY) as one:
        before = peak_memory(one.pid)
        replies = post_all(one.port, [echo(nonce) for nonce in nonces])
        wrong = [r for r, n in zip(replies, nonces) if r.status != 200 or r.json["stages"][0]["stdout"] != n + "\n"]
        assert not wrong, (len(wrong), wrong[0])
        assert len({reply.json["id"] for reply in replies}) == len(nonces)
        # Connections and waiting requests, some 30 KiB each; not the outputs that they might have.
        assert peak_memory(one.pid) - before < 400 << 20


@pytest.mark.root
def test_cpp_jobs_at_once_compile_once_each():
    programs = 100 if FULL else 20
    jobs = [(uuid.uuid4().hex, i % programs) for i in range(3 * programs)]
    with server(**ROOMY) as one:
        bodies = [{"runtime": "cpp", "files": [{"content": CPP % k}], "stdin": nonce} for nonce, k in jobs]
        replies = post_all(one.port, bodies)
        compiled = 0
        for reply, (nonce, k) in zip(replies, jobs):
            assert reply.status == 200 and reply.json["stages"][-1]["stdout"] == f"{nonce}{k}", reply
            compiled += not reply.json["cached"]
        assert compiled == programs


@pytest.mark.root
def test_beyond_capacity_the_admitted_keep_their_time_and_the_rest_are_refused_at_once():
    """At 1.2 times of what it can do, with a short queue: nobody waits long for a yes or a no."""

    async def offer(port, rate, seconds, replies):
        async def one(at):
            await asyncio.sleep(at)
            connection = Connection(port)
            nonce = uuid.uuid4().hex
            replies.append((nonce, await connection.request("POST", "/v1/run", echo(nonce))))
            connection.close()

        await asyncio.gather(*(one(i / rate) for i in range(int(rate * seconds))))

    seconds = 60 if FULL else 15
    with server(**(ROOMY | {"queue_length": 20})) as one:

        async def capacity():
            async def worker(connection, until, done):
                while time.monotonic() < until:
                    done.append(await connection.request("POST", "/v1/run", echo("x")))
                connection.close()

            done = []
            until = time.monotonic() + 4
            await asyncio.gather(*(worker(Connection(one.port), until, done) for _ in range(4)))
            return len(done) / 4, percentile([r.seconds for r in done], 0.5)

        rate, alone = asyncio.run(capacity())
        replies = []
        asyncio.run(offer(one.port, rate * 1.2, seconds, replies))
        admitted = [(n, r) for n, r in replies if r.status == 200]
        refused = [r for _, r in replies if r.status == 429]
        assert len(admitted) + len(refused) == len(replies) == int(rate * 1.2 * seconds)
        for nonce, reply in admitted:
            assert reply.json["stages"][0]["stdout"] == nonce + "\n"
        assert refused and all(b"retry-after" in r.headers.lower() for r in refused)
        # A queue of twenty: nobody who was admitted waits for many times that.
        slots = one.get("/health").json["slots"]["all"]
        longest = percentile([r.seconds for _, r in admitted], 0.99)
        assert longest < alone * (20 / slots + 4) * 2
        # A refusal costs no job's time: some milliseconds, of the tens that a job takes.
        assert percentile([r.seconds for r in refused], 0.5) < alone / 4
        assert percentile([r.seconds for r in refused], 0.99) < alone


@pytest.mark.root
def test_a_nonce_always_comes_back_to_its_own_caller_whoever_leaves():
    total, at_once = (10000 if FULL else 1500), 64

    async def play(port):
        answered = left = 0
        queue = list(range(total))

        async def worker(seed):
            nonlocal answered, left
            chance = random.Random(seed)
            while queue:
                queue.pop()
                connection = Connection(port)
                nonce = uuid.uuid4().hex
                task = asyncio.ensure_future(connection.request("POST", "/v1/run", echo(nonce)))
                if chance.random() < 0.3:
                    await asyncio.wait([task], timeout=chance.random() * 0.3)
                    if not task.done():
                        task.cancel()
                        connection.close()
                        left += 1
                        continue
                reply = await task
                assert reply.status == 200 and reply.json["stages"][0]["stdout"] == nonce + "\n", reply
                answered += 1
                connection.close()

        await asyncio.gather(*(worker(seed) for seed in range(at_once)))
        return answered, left

    with server(**ROOMY) as one:
        answered, left = asyncio.run(play(one.port))
        assert answered + left == total and left > 50
        deadline = time.monotonic() + harness.PATIENCE
        while one.get("/health").json["slots"]["taken"] and time.monotonic() < deadline:
            time.sleep(0.05)
        health = one.get("/health").json
        assert health["slots"]["taken"] == 0 and health["queue"]["length"] == 0
