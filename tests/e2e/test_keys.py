"""API keys: who may do what, how much of it, and how long."""

import json
import re
import socket
import subprocess
import threading
import time

import harness
import pytest
from server import server

HELLO = {"runtime": "python", "files": [{"content": "print(input())"}], "stdin": "hello"}
TOKEN = re.compile(r"retort_[a-z2-7]{12}_[\w-]{43}")


def retort_key(one, *words):
    return subprocess.run(
        [harness.RETORT, "key", *words, "--set", f"server.state={one.state}"],
        capture_output=True, text=True, env=harness.environment(), timeout=harness.PATIENCE,
    )  # fmt: skip


def make_key(one, name="test", *words):
    made = retort_key(one, "create", "--name", name, *words)
    assert made.returncode == 0, made
    return TOKEN.search(made.stdout).group(0)


@pytest.fixture(scope="module")
def one():
    with server() as running:
        yield running


@pytest.fixture(scope="module")
def manager(one):
    return make_key(one, "manager", "--scope", "run,read,manage")


def until(condition):
    deadline = time.monotonic() + harness.PATIENCE
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


def test_a_key_made_on_the_command_line_works_at_once_and_is_shown_once(one):
    made = retort_key(one, "create", "--name", "first")
    token = TOKEN.search(made.stdout).group(0)
    assert one.post("/v1/run", HELLO, key=token).status == 200
    listed = retort_key(one, "ls").stdout
    assert "first" in listed and token.split("_")[1] in listed and token.split("_")[2] not in listed
    secret = token.split("_", 2)[2].encode()
    assert all(secret not in path.read_bytes() for path in one.state.iterdir() if path.is_file())
    assert secret not in one.log.read_bytes()


def test_scopes_are_kept(one, manager):
    reader = make_key(one, "reader", "--scope", "read")
    assert one.get("/v1/runtimes", key=reader).status == 200
    assert one.post("/v1/run", HELLO, key=reader).status == 403
    assert one.get("/v1/keys", key=reader).status == 403
    assert one.get("/v1/keys").status == 403  # and without a key
    assert one.get("/v1/keys", key=manager).status == 200


def test_a_revoked_key_is_refused_soon(one, manager):
    made = one.post("/v1/keys", {"name": "brief", "scopes": ["run"]}, key=manager)
    assert made.status == 201 and made.headers["Location"] == "/v1/keys/" + made.json["key"]["id"]
    token, path = made.json["token"], made.headers["Location"]
    assert one.post("/v1/run", HELLO, key=token).status == 200
    assert one.delete(path, key=manager).status == 204
    refused = one.post("/v1/run", HELLO, key=token)
    assert refused.status == 401 and refused.headers["WWW-Authenticate"] == "Bearer"
    other = make_key(one, "other")
    assert one.post("/v1/run", HELLO, key=other).status == 200
    assert retort_key(one, "revoke", other.split("_")[1]).returncode == 0
    assert until(lambda: one.post("/v1/run", HELLO, key=other).status == 401)


def test_an_expired_key_is_refused(one, manager):
    soon = int((time.time() + 2) * 1e6)
    made = one.post("/v1/keys", {"name": "old", "scopes": ["run"], "expires_us": soon}, key=manager).json
    assert until(lambda: one.post("/v1/run", HELLO, key=made["token"]).status == 401)


@pytest.mark.parametrize("change", [lambda t: t[:-1], lambda t: t + "x", lambda t: t[:-1] + ("A" if t[-1] != "A" else "B"), lambda t: ""])
def test_a_key_that_is_not_whole_is_none(one, manager, change):
    answer = one.get("/v1/runtimes", headers={"Authorization": "Bearer " + change(manager)})
    assert answer.status == 401 and manager not in answer.text


def test_the_bearer_header_is_the_only_way(one, manager):
    assert one.get(f"/v1/keys?key={manager}&access_token={manager}").status == 403
    with socket.create_connection(("127.0.0.1", one.port)) as client:
        twice = f"Authorization: Bearer {manager}\r\nAuthorization: Bearer x\r\n"
        client.sendall(f"GET /v1/keys HTTP/1.1\r\nHost: localhost\r\n{twice}\r\n".encode())
        assert client.recv(65536).startswith(b"HTTP/1.1 400 ")


def test_bounds_of_a_key_narrow_its_jobs_and_name_themselves(one, manager):
    bounds = {"run": {"largest": {"cpu_time_us": 500000}}}
    made = one.post("/v1/keys", {"name": "narrow", "scopes": ["run"], "bounds": bounds}, key=manager).json
    answer = one.post("/v1/run", HELLO | {"limits": {"run": {"cpu_time_us": 600000}}}, key=made["token"])
    assert answer.status == 400 and answer.json["code"] == "limit_out_of_bounds"
    (error,) = answer.json["errors"]
    assert error["pointer"] == "/limits/run/cpu_time_us" and "this key" in error["detail"] and "500000" in error["detail"]
    busy = one.post("/v1/run", HELLO | {"files": [{"content": "while 1: pass"}]}, key=made["token"]).json
    assert busy["status"] == "cpu_time_limit" and busy["stages"][0]["cpu_time_us"] < 3_000_000


def test_rate_and_parallel_quotas_are_a_keys_own(one, manager):
    slow = make_key(one, "slow", "--rate", "1")
    codes = [one.get("/v1/runtimes", key=slow).status for _ in range(150)]
    assert codes[0] == 200 and codes[-1] == 429
    limited = one.get("/v1/runtimes", key=slow)
    assert limited.json["code"] == "rate_limited" and int(limited.headers["Retry-After"]) >= 1
    assert one.get("/v1/runtimes", key=manager).status == 200
    single = make_key(one, "single", "--parallel", "1")
    sleeper = HELLO | {"files": [{"content": "import time; time.sleep(2)"}]}
    thread = threading.Thread(target=lambda: one.post("/v1/run", sleeper, key=single))
    thread.start()
    assert until(lambda: one.get("/health").json["slots"]["taken"] == 1)
    second = one.post("/v1/run", HELLO, key=single)
    assert second.status == 429 and second.json["code"] == "too_many_jobs"
    assert one.post("/v1/run", HELLO, key=manager).status == 200
    thread.join()
    assert one.post("/v1/run", HELLO, key=single).status == 200


def test_every_fault_of_a_new_key_is_told(one, manager):
    answer = one.post("/v1/keys", {"name": "", "scopes": ["fly", "run", "run"], "bounds": {"run": {"largest": {"x": 1}}}, "rate": 1}, key=manager)
    assert answer.status == 400
    pointers = {error["pointer"] for error in answer.json["errors"]}
    assert {"/name", "/scopes/0", "/scopes/2", "/bounds/run/largest/x", "/rate"} <= pointers


def test_what_is_done_to_keys_is_in_the_audit_log(one, manager):
    made = one.post("/v1/keys", {"name": "watched", "scopes": ["read"]}, key=manager).json["key"]
    one.delete("/v1/keys/" + made["id"], key=manager)
    log = one.get("/v1/audit", key=manager).json["entries"]
    actions = [(entry["action"], entry["actor"]) for entry in log if entry["object"] == made["id"]]
    assert actions == [("key.revoke", manager.split("_")[1]), ("key.create", manager.split("_")[1])]
    assert any(entry["actor"] == "operator" for entry in log)
    assert "token" not in json.dumps(log)


def test_a_server_that_nobody_could_call_does_not_start():
    with server() as one:
        one.stop()
        one.settings["server.require_keys"] = "true"
        with pytest.raises(AssertionError, match="retort key create"):
            one.start()
        token = make_key(one)
        one.start()
        assert one.post("/v1/run", HELLO).status == 401
        assert one.post("/v1/run", HELLO, key=token).status == 200


def test_figures_of_all_callers_are_for_those_who_manage():
    with server(server_require_keys=True) as one:
        keys = {scope: make_key(one, scope, "--scope", scope) for scope in ("run", "read", "manage")}
        assert one.get("/metrics").status == 401
        assert {scope: one.get("/metrics", key=key).status for scope, key in keys.items()} == {"run": 403, "read": 403, "manage": 200}
