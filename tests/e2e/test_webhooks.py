"""Webhooks against real sinks: signed, tried again, never led anywhere else (P09 of the attacks)."""

import hashlib
import hmac
import json
import os
import pwd
import signal
import socket
import tempfile
import threading
import time
import uuid
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from harness import IS_ROOT, until
from jobs import accept, job, make_key, result, serve, state
from server import USER, need_user

SECRET = b"0123456789abcdef0123456789abcdef"


class Sink:
    """An HTTP server that keeps what it gets, and answers with what `answers` says next (or 204)."""

    def __init__(self, *answers, delay=0.0):
        self.calls, self.answers, self.delay = [], list(answers), delay
        sink = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.take()

            def do_POST(self):
                self.take()

            def take(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                sink.calls.append((self.command, self.path, dict(self.headers.items()), body))
                time.sleep(sink.delay)
                answer = sink.answers.pop(0) if sink.answers else {"status": 204}
                self.send_response(answer["status"])
                for name, value in answer.get("headers", {}).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer.get("body", b""))

            def log_message(self, *words):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/hook?x=1"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *failure):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture(scope="module")
def secrets():
    """Not among pytest's folders: another session, beside this one, closes those to other users."""
    with tempfile.TemporaryDirectory(prefix="retort-secrets-") as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


def secret_file(secrets):
    """One that the server's user can read, and nobody else."""
    need_user()
    secret = secrets / uuid.uuid4().hex
    secret.write_bytes(SECRET + b"\n")
    secret.chmod(0o600)
    if IS_ROOT:
        os.chown(secret, pwd.getpwnam(USER).pw_uid, -1)
    return secret


@contextmanager
def calling(secrets, **settings):
    """A server that calls, with a secret."""
    secret = secret_file(secrets)
    named = {"webhooks_enabled": True, "webhooks_allow_private": True, "webhooks_timeout": "2s"}
    with serve(**(named | {"webhooks_secret_file": str(secret)} | settings)) as running:
        yield running


@pytest.fixture
def one(secrets):
    with calling(secrets) as running:
        yield running


def webhook(running, name, **more):
    return running.get(f"/v1/jobs/{name}", **more).json["webhook"]


def settled(running, name, seconds=60, **more):
    """The webhook once nothing more becomes of it."""
    assert until(lambda: webhook(running, name, **more)["state"] in ("delivered", "given_up"), seconds, 0.05)
    return webhook(running, name, **more)


def is_signed(call, secret):
    _, _, headers, body = call
    fields = dict(field.split("=") for field in headers["Retort-Signature"].split(","))
    assert abs(int(fields["t"]) - time.time()) < 60
    signed = fields["t"].encode() + b"." + body
    return hmac.compare_digest(fields["v1"], hmac.new(secret, signed, hashlib.sha256).hexdigest())


def reload(running, log="settings reloaded"):
    before = running.log.read_text().count(log)
    running.process.send_signal(signal.SIGHUP)
    assert until(lambda: running.log.read_text().count(log) > before), running.log.read_text()


def test_a_result_is_sent_once_and_signed(one):
    with Sink() as sink:
        name = accept(one, job(stdin="for the sink", webhook=sink.url))
        assert settled(one, name) == {"url": sink.url, "state": "delivered", "attempts": 1}
        [(method, path, headers, body)] = sink.calls
        assert (method, path) == ("POST", "/hook?x=1")
        assert headers["Content-Type"] == "application/json"
        assert headers["Retort-Event"] == "job.done"
        assert headers["Retort-Delivery"] == name
        assert "Expect" not in headers
        assert json.loads(body) == result(one, name)["result"]
        assert is_signed(sink.calls[0], SECRET)
        assert SECRET not in one.log.read_bytes()


@pytest.mark.parametrize("status", [500, 503, 429])
def test_what_may_pass_is_tried_again(one, status):
    with Sink({"status": status}) as sink:
        name = accept(one, job(webhook=sink.url))
        assert settled(one, name)["state"] == "delivered"
        assert len(sink.calls) == 2
        assert sink.calls[0][3] == sink.calls[1][3]


def test_attempts_are_bounded(secrets):
    with calling(secrets, webhooks_attempts=2) as running, Sink(*[{"status": 500}] * 9) as sink:
        name = accept(running, job(webhook=sink.url))
        ended = settled(running, name)
        assert (ended["state"], ended["attempts"], ended["error"]) == ("given_up", 2, "it answered with status 500")
        assert len(sink.calls) == 2


def test_what_will_never_be_taken_is_sent_once(one):
    with Sink({"status": 404}) as sink:
        assert settled(one, accept(one, job(webhook=sink.url)))["state"] == "given_up"
        assert len(sink.calls) == 1


def test_p09_a_redirect_is_not_followed(one):
    with Sink() as target, Sink(*[{"status": 307, "headers": {"Location": target.url}}] * 3) as sink:
        ended = settled(one, accept(one, job(webhook=sink.url)))
        assert (ended["state"], ended["error"]) == ("given_up", "it answered with status 307")
        assert target.calls == []


def test_p09_a_proxy_of_the_environment_is_not_used(secrets, monkeypatch):
    with Sink() as proxy, Sink() as sink:
        for variable in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(variable, f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        with calling(secrets) as running:
            monkeypatch.delenv("no_proxy")
            assert settled(running, accept(running, job(webhook=sink.url)))["state"] == "delivered"
        assert proxy.calls == []


def loopback_names():
    """Ways to say this machine: words that a resolver, and not the URL's reader, turns into an address."""
    names = ["localhost", "127.0.0.1", "127.1", "0177.0.0.1", "0x7f.1", "2130706433", "0.0.0.0", "[::1]", "[::]"]
    names += ["[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "169.254.169.254", "10.0.0.1", "[fe80::1]"]
    own = socket.gethostname()
    try:
        if socket.gethostbyname(own).startswith(("127.", "10.", "172.", "192.168.")):
            names.append(own)
    except OSError:
        pass
    return names


@pytest.fixture(scope="module")
def strict(secrets):
    """One that calls only the internet, and a sink on all of this machine's addresses."""
    with Sink() as sink:
        other = ThreadingHTTPServer(("0.0.0.0", 0), sink.server.RequestHandlerClass)
        threading.Thread(target=other.serve_forever, daemon=True).start()
        with calling(secrets, webhooks_allow_private=False) as running:
            yield running, sink, other.server_address[1]
        other.shutdown()
        other.server_close()


@pytest.mark.parametrize("host", loopback_names())
def test_p09_this_machine_and_its_networks_are_not_called(strict, host):
    running, sink, port = strict
    name = accept(running, job(webhook=f"http://{host}:{port}/"))
    ended = settled(running, name)
    assert ended["state"] == "given_up"
    assert ended["attempts"] == 1, "there is no second try, which a rebinding name would hope for"
    assert ended["error"] == "its address is one that this server does not call"
    assert sink.calls == []
    assert result(running, name)["result"]["status"] == "ok"


def test_p09_metadata_services_are_not_called_even_where_private_addresses_may_be(one):
    for host in ("169.254.169.254", "[fe80::1]", "0.0.0.0"):
        ended = settled(one, accept(one, job(webhook=f"http://{host}/latest/meta-data/")))
        assert ended["error"] == "its address is one that this server does not call", host


@pytest.mark.parametrize("url", ["file:///etc/passwd", "gopher://127.0.0.1/", "ftp://example.org/", "http://u:p@example.org/"])
def test_p09_other_schemes_and_users_are_refused_at_once(one, url):
    answer = one.post("/v1/jobs", job(webhook=url))
    assert answer.status == 400
    assert [error["pointer"] for error in answer.json["errors"]] == ["/webhook"]


def test_p09_a_slow_sink_holds_up_nobody_else(secrets):
    with calling(secrets, server_require_keys=True, webhooks_timeout="20s", webhooks_attempts=1) as running:
        slow_key, quick_key = make_key(running, "slow"), make_key(running, "quick")
        with Sink(delay=15) as slow, Sink() as quick:
            for _ in range(24):
                accept(running, job(webhook=slow.url), key=slow_key)
            assert until(lambda: len(slow.calls) == 16, 60), len(slow.calls)
            name = accept(running, job(webhook=quick.url), key=quick_key)
            result(running, name, key=quick_key)
            assert until(lambda: len(quick.calls) == 1, 10)
            assert len(slow.calls) == 16


def test_an_endless_answer_is_cut(one):
    with Sink({"status": 200, "body": b"x" * (32 << 20)}) as sink:
        assert settled(one, accept(one, job(webhook=sink.url)))["state"] == "delivered"
        assert len(sink.calls) == 1


def test_a_webhook_that_is_due_outlives_a_crash(secrets):
    with Sink({"status": 500}) as sink, calling(secrets) as running:
        name = accept(running, job(webhook=sink.url))
        assert until(lambda: webhook(running, name)["attempts"] == 1, 30)
        running.restart()
        assert settled(running, name)["state"] == "delivered"
        assert len(sink.calls) == 2


def test_results_whose_webhook_nobody_calls_any_more_are_forgotten_in_their_time(secrets):
    with Sink(*[{"status": 500}] * 20) as sink, calling(secrets, async_keep_results="2s") as running:
        name = accept(running, job(webhook=sink.url))
        assert until(lambda: webhook(running, name)["attempts"] == 1, 30)
        time.sleep(4)
        assert webhook(running, name)["state"] == "pending", "who is called may take it yet"
        assert running.stop() == 0
        running.settings["webhooks.enabled"] = "false"
        running.start()
        assert until(lambda: state(running, name) == 404, 30, 0.05)
        failed = 'retort_webhooks_total{outcome="failed"} 1'
        assert until(lambda: failed in running.get("/metrics").text), running.get("/metrics").text


def test_a_new_secret_counts_from_the_reload_on_and_a_bad_one_leaves_the_old(secrets):
    fresh = b"fedcba9876543210fedcba9876543210"
    with Sink() as sink, calling(secrets) as running:
        file = running.settings["webhooks.secret_file"]

        def call():
            assert settled(running, accept(running, job(webhook=sink.url)))["state"] == "delivered"
            return sink.calls[-1]

        assert is_signed(call(), SECRET)
        with open(file, "wb") as secret:
            secret.write(fresh)
        assert is_signed(call(), SECRET), "nobody has said that there is a new one"
        reload(running)
        assert is_signed(call(), fresh)
        with open(file, "wb") as secret:
            secret.write(b"short")
        reload(running)
        assert "the webhooks' secret stays" in running.log.read_text()
        assert is_signed(call(), fresh)
        assert fresh not in running.log.read_bytes()


def test_webhooks_that_a_reload_switches_on_are_signed(secrets):
    secret = secret_file(secrets)
    with Sink() as sink, serve(webhooks_allow_private=True) as running:
        config = running.folder / "retort.toml"
        config.write_text("")
        running.kill()
        running.arguments = ["--config", str(config)]
        running.start()
        config.write_text("[webhooks]\nenabled = true\n")
        reload(running, "the settings stay as they were")
        assert "needs webhooks.secret_file" in running.log.read_text()
        assert running.post("/v1/jobs", job(webhook=sink.url)).status == 400
        config.write_text(f"[webhooks]\nenabled = true\nsecret_file = '{secret}'\n")
        reload(running)
        assert settled(running, accept(running, job(webhook=sink.url)))["state"] == "delivered"
        assert is_signed(sink.calls[0], SECRET)


def test_a_secret_that_others_can_read_is_refused(secrets):
    with pytest.raises(AssertionError, match="can be read or changed by others"):
        with calling(secrets) as running:
            os.chmod(running.settings["webhooks.secret_file"], 0o644)
            running.restart()
    # The server that refused to start has left nothing to be stopped.
