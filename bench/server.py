#!/usr/bin/env python3
"""What a server adds to a program: many jobs at once through it, and the same programs spawned bare by as many workers;
and what becomes of its answers when more is asked of it than it can do.

bench/server.py [--python N] [--cpp N] [--overload SECONDS] [--queue N]; RETORT_BIN names the folder of the programs.
./dev bench server calls it; docs/reference/bench.md says what is measured.
"""

import argparse
import asyncio
import concurrent.futures
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests/e2e"))

from load import Connection, percentile, post_all  # noqa: E402
from server import server  # noqa: E402

PYTHON = "print(input())"
CPP = "#include <iostream>\n#include <string>\nint main(){std::string s;std::getline(std::cin,s);std::cout<<s<<%d;}"
ROOMY = {
    "http_connections": 20000,
    "http_connections_per_address": 20000,
    "queue_length": 20000,
    "queue_wait": "1h",
    "cache_enabled": False,
    "rate_anonymous.requests": "none",
    "rate_anonymous.parallel": "none",
}
CAPACITY_SECONDS = 5
UNLOADED_JOBS = 100


# ---- The same programs, bare. ----


def bare_python(number):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "main.py"
        path.write_text(PYTHON)
        ended = subprocess.run(["/usr/bin/python3", "-B", path], input=f"n{number}", capture_output=True, text=True, check=True)
    assert ended.stdout == f"n{number}\n"


def bare_cpp(number):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "main.cpp"
        path.write_text(CPP % number)
        subprocess.run(["/usr/bin/g++", "-O2", "-std=gnu++20", "-o", Path(folder) / "a", path], check=True)
        ended = subprocess.run([Path(folder) / "a"], input=f"n{number}", capture_output=True, text=True, check=True)
    assert ended.stdout == f"n{number}{number}"


def time_bare(run, count, workers):
    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        list(pool.map(run, range(count)))
    return time.monotonic() - began


# ---- All at once. ----


def body(runtime, source, stdin):
    return {"runtime": runtime, "files": [{"content": source}], "stdin": stdin}


def check(reply, output):
    assert reply.status == 200 and reply.json["stages"][-1]["stdout"] == output, reply


def time_server(one, bodies, outputs):
    began = time.monotonic()
    replies = post_all(one.port, bodies)
    took = time.monotonic() - began
    for reply, output in zip(replies, outputs):
        check(reply, output)
    return took, [reply.seconds for reply in replies]


def bench_at_once(options):
    cases = [
        ("Python", options.python, "python", lambda i: PYTHON, lambda i: f"n{i}\n", bare_python),
        ("C++ compile and run", options.cpp, "cpp", lambda i: CPP % i, lambda i: f"n{i}{i}", bare_cpp),
    ]
    with server(**ROOMY) as one:
        workers = one.get("/health").json["slots"]["all"]
        print(f"\nAll at once; {workers} slots, and bare {workers} workers\n")
        print(f"{'':20} {'':>6} {'in the server':>19} {'bare':>19} {'server/':>8} {'answered after':>19}")
        print(f"{'case':20} {'jobs':>6} {'':>9} {'jobs/s':>9} {'':>9} {'jobs/s':>9} {'bare':>8} {'median':>9} {'p99':>9}")
        for name, count, runtime, source, output, bare in cases:
            if not count:
                continue
            check(asyncio.run(Connection(one.port).request("POST", "/v1/run", body(runtime, source(0), "n0"))), output(0))
            bodies = [body(runtime, source(i), f"n{i}") for i in range(count)]
            took, waits = time_server(one, bodies, [output(i) for i in range(count)])
            alone = time_bare(bare, count, workers)
            print(
                f"{name:20} {count:6} {took:8.1f}s {count / took:9.1f} {alone:8.1f}s {count / alone:9.1f} {took / alone:8.2f}"
                f" {percentile(waits, 0.5):8.1f}s {percentile(waits, 0.99):8.1f}s"
            )
        peak = next(line for line in open(f"/proc/{one.pid}/status") if line.startswith("VmHWM"))
        print(f"\nThe server's peak memory: {int(peak.split()[1]) / 1024:.0f} MiB")


# ---- Beyond capacity. ----


async def answer(port, number):
    """One job on a connection of its own; its reply, which is right or a refusal with a time to come back at."""
    connection = Connection(port)
    try:
        reply = await connection.request("POST", "/v1/run", body("python", PYTHON, f"n{number}"))
    finally:
        connection.close()
    if reply.status != 200:
        assert reply.status == 429 and b"retry-after: " in reply.headers.lower(), reply
    else:
        check(reply, f"n{number}\n")
    return reply


async def in_turn(port, count):
    return [await answer(port, number) for number in range(count)]


async def measure_capacity(port, workers):
    """Jobs in a second, when none of the slots has to wait for the next request."""
    until = time.monotonic() + CAPACITY_SECONDS

    async def ask():
        count = 0
        while time.monotonic() < until:
            count += (await answer(port, count)).status == 200
        return count

    return sum(await asyncio.gather(*(ask() for _ in range(2 * workers)))) / CAPACITY_SECONDS


async def offer(port, rate, seconds):
    """Requests at their times, whatever has become of those before."""
    began = time.monotonic()

    async def at(number):
        await asyncio.sleep(began + number / rate - time.monotonic())
        return await answer(port, number)

    return await asyncio.gather(*(at(number) for number in range(int(rate * seconds))))


def milliseconds(replies):
    seconds = [reply.seconds for reply in replies]
    return f"{percentile(seconds, 0.5) * 1000:11.1f} {percentile(seconds, 0.99) * 1000:9.1f}" if seconds else " none"


def bench_overload(options):
    with server(**(ROOMY | {"queue_length": options.queue})) as one:
        workers = one.get("/health").json["slots"]["all"]
        unloaded = asyncio.run(in_turn(one.port, UNLOADED_JOBS))
        capacity = asyncio.run(measure_capacity(one.port, workers))
        rate = capacity * 1.2
        replies = asyncio.run(offer(one.port, rate, options.overload))
        admitted = [reply for reply in replies if reply.status == 200]
        refused = [reply for reply in replies if reply.status == 429]
        print(
            f"\nPython at {rate:.0f} jobs/s, 120 % of the capacity of {capacity:.0f}, for {options.overload} s;"
            f" a queue of {options.queue}\n"
        )
        print(f"{'answers':32} {'count':>6} {'median ms':>11} {'p99 ms':>9}")
        for name, some in [("of a server with nothing to do", unloaded), ("admitted", admitted), ("refused", refused)]:
            print(f"{name:32} {len(some):6} {milliseconds(some)}")


def main():
    parser = argparse.ArgumentParser(prog="bench/server.py")
    parser.add_argument("--python", type=int, default=5000, metavar="N", help="Python jobs at once (5000); 0: none")
    parser.add_argument("--cpp", type=int, default=300, metavar="N", help="C++ programs at once (300); 0: none")
    parser.add_argument("--overload", type=int, default=60, metavar="SECONDS", help="beyond capacity (60); 0: not")
    parser.add_argument("--queue", type=int, default=20, metavar="N", help="the queue's length there (20)")
    options = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    print(f"Load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors. Only the ratios of one run mean something.")
    if options.python or options.cpp:
        bench_at_once(options)
    if options.overload:
        bench_overload(options)


if __name__ == "__main__":
    main()
