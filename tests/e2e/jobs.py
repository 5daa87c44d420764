"""Stored jobs, as their tests send them and ask for them."""

import base64
import contextlib
import hashlib
import os
import random
import sqlite3
import time

from harness import until
from server import server

ENDLESS = "import time\nprint('begun', flush=True)\ntime.sleep(1000)\n"
LONG_LIMITS = {"run": {"wall_time_us": 50_000_000}}


def serve(**settings):
    """A server that lets a test ask as often as it likes."""
    free = {"rate_anonymous.requests": "none", "rate_key.requests": "none", "queue_slots": 2, "server_drain_timeout": "2s"}
    return server(**(free | settings))


def job(source="print(input())", stdin="hey", **more):
    return {"runtime": "python", "files": [{"content": source}], "stdin": stdin, **more}


def sleeper(**more):
    return job(ENDLESS, limits=LONG_LIMITS, **more)


def accept(running, body=None, **more):
    answer = running.post("/v1/jobs", body or job(), **more)
    assert answer.status == 202, answer.text
    assert answer.headers["Location"] == "/v1/jobs/" + answer.json["id"]
    return answer.json["id"]


def state(running, name, **more):
    answer = running.get(f"/v1/jobs/{name}", **more)
    return answer.json["state"] if answer.status == 200 else answer.status


def result(running, name, seconds=60, **more):
    assert until(lambda: state(running, name, **more) == "done", seconds, 0.02), state(running, name, **more)
    return running.get(f"/v1/jobs/{name}", **more).json


def make_key(running, name, scopes=3, **columns):
    """A key in the server's database, as the command line makes one while the server runs."""
    identity = "".join(random.choices("abcdefghijklmnopqrstuvwxyz234567", k=12))
    secret = base64.urlsafe_b64encode(os.urandom(32)).decode().rstrip("=")
    values = {
        "id": identity,
        "secret_digest": hashlib.sha256(secret.encode()).hexdigest(),
        "name": name,
        "scopes": scopes,
        "bounds_json": "{}",
        "created_us": int(time.time() * 1e6),
        **columns,
    }
    change(running, f"INSERT INTO api_key ({', '.join(values)}) VALUES ({', '.join('?' * len(values))})", *values.values())
    return f"retort_{identity}_{secret}"


def revoke_key(running, key):
    change(running, "UPDATE api_key SET revoked_us = ? WHERE id = ?", int(time.time() * 1e6), key.split("_")[1])


def open_database(running, **options):
    return contextlib.closing(sqlite3.connect(running.state / "retort.db", timeout=20, **options))


@contextlib.contextmanager
def kept_database(running):
    """Nobody else writes to it meanwhile."""
    with open_database(running, isolation_level=None) as database:
        database.execute("BEGIN IMMEDIATE")
        yield


def change(running, sql, *values):
    with open_database(running) as database, database:
        database.execute(sql, values)


def outcomes(running):
    """What is stored as the results of all jobs, in the order of their acceptance."""
    with open_database(running) as database:
        return [row[0] for row in database.execute("SELECT result FROM job ORDER BY sequence")]
