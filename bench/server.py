#!/usr/bin/env python3
"""What a server adds to a program: many jobs at once through it, and the same programs spawned bare by as many workers.

bench/server.py [--python N] [--cpp N]; RETORT_BIN names the folder of the programs. ./dev bench server calls it.
"""

import argparse
import concurrent.futures
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests/e2e"))

from load import percentile, post_all  # noqa: E402
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
    "log_level": "warning",
}


def bare_python(nonce):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "main.py"
        path.write_text(PYTHON)
        ended = subprocess.run(["python3", path], input=nonce, capture_output=True, text=True, check=True)
    assert ended.stdout == nonce + "\n"


def bare_cpp(nonce):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "main.cpp"
        path.write_text(CPP % 1)
        subprocess.run(["g++", "-O2", "-o", Path(folder) / "a", path], check=True)
        ended = subprocess.run([Path(folder) / "a"], input=nonce, capture_output=True, text=True, check=True)
    assert ended.stdout == nonce + "1"


def time_bare(run, count, workers):
    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        list(pool.map(run, (f"n{i}" for i in range(count))))
    return time.monotonic() - began


def time_server(one, bodies, expected):
    began = time.monotonic()
    replies = post_all(one.port, bodies)
    took = time.monotonic() - began
    for reply, text in zip(replies, expected):
        assert reply.status == 200 and reply.json["stages"][-1]["stdout"].strip() == text, reply
    return took, replies


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--python", type=int, default=5000)
    parser.add_argument("--cpp", type=int, default=300)
    options = parser.parse_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    with server(**ROOMY) as one:
        workers = one.get("/health").json["slots"]["all"]
        print(f"{workers} slots; bare: {workers} workers\n")
        print(f"{'':24} {'jobs':>6} {'server':>9} {'bare':>9} {'ratio':>6} {'jobs/s':>7} {'median':>9} {'p99':>9}")
        cases = [
            ("Python, all at once", options.python, "python", PYTHON, bare_python),
            ("C++ compile and run", options.cpp, "cpp", None, bare_cpp),
        ]
        for name, count, runtime, source, bare in cases:
            if not count:
                continue
            bodies, expected = [], []
            for i in range(count):
                text = source or CPP % i
                bodies.append({"runtime": runtime, "files": [{"content": text}], "stdin": f"n{i}"})
                expected.append(f"n{i}" if source else f"n{i}{i}")
            took, replies = time_server(one, bodies, expected)
            alone = time_bare(bare, max(20, count // 10), workers) * count / max(20, count // 10)
            waits = [reply.seconds for reply in replies]
            print(
                f"{name:24} {count:6} {took:8.1f}s {alone:8.1f}s {took / alone:6.2f} {count / took:7.1f}"
                f" {statistics.median(waits):8.2f}s {percentile(waits, 0.99):8.2f}s"
            )
        peak = next(line for line in open(f"/proc/{one.pid}/status") if line.startswith("VmHWM"))
        print(f"\nserver's peak memory: {int(peak.split()[1]) / 1024:.0f} MiB; bare times are scaled from a tenth of the jobs")


if __name__ == "__main__":
    main()
