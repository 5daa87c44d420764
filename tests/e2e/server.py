"""A real server on a free port, with a state folder of its own; what it left behind is looked for at its end."""

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import harness

USER = "retort"


class Answer:
    def __init__(self, status, headers, raw):
        self.status, self.headers, self.raw = status, headers, raw

    @property
    def text(self):
        return self.raw.decode(errors="replace")

    @property
    def json(self):
        return json.loads(self.raw)


def need_user():
    """Root's server becomes this user; ./dev serve makes it, and so do the tests."""
    if harness.IS_ROOT and subprocess.run(["id", USER], capture_output=True).returncode:
        subprocess.run(
            ["useradd", "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", USER], check=True
        )


def make_key(state, scopes="run,read"):
    """An API key of the server with this state folder, which may run."""
    need_user()
    made = harness.retort("key", "create", "--name", "tests", "--scope", scopes, "--set", f"server.state={state}")
    assert made.code == 0, made.err
    return made.out.strip()


class Server:
    def __init__(self, folder, settings, listen, retort=None, launch=(), options=None):
        self.folder, self.listen = folder, listen
        self.state = folder / "state"
        self.log = folder / "log"
        self.settings = {"server.state": str(self.state), **settings}
        self.retort = retort or harness.RETORT
        self.launch = launch
        self.options = {"env": harness.environment(), **(options or {})}
        self.arguments = []
        self.process = None
        self.url = None

    def start(self):
        command = [*map(str, self.launch), str(self.retort), "serve", *self.arguments]
        if self.listen:
            command += ["--listen", self.listen]
        for key, value in self.settings.items():
            command += ["--set", f"{key}={value}"]
        with open(self.log, "ab") as log:
            begin = log.tell()
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, **self.options
            )
        deadline = time.monotonic() + harness.PATIENCE
        while time.monotonic() < deadline:
            # In either format of the log.
            found = re.search(rb'listening"?[ ,]"?address"?[=:]"?([0-9.:\[\]]+)', self.log.read_bytes()[begin:])
            if found:
                self.url = "http://" + found.group(1).decode()
                return self
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        self.kill()
        raise AssertionError("the server did not start: " + self.log.read_text(errors="replace"))

    @property
    def port(self):
        return int(self.url.rsplit(":", 1)[1])

    @property
    def pid(self):
        return self.process.pid

    def request(self, method, path, body=None, key=None, headers=None, timeout=harness.PATIENCE):
        headers = dict(headers or {})
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
            headers.setdefault("Content-Type", "application/json")
        if isinstance(body, str):
            body = body.encode()
        if key:
            headers["Authorization"] = f"Bearer {key}"
        request = urllib.request.Request(self.url + path, data=body, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return Answer(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.headers, error.read())

    def get(self, path, **more):
        return self.request("GET", path, **more)

    def post(self, path, body, **more):
        return self.request("POST", path, body, **more)

    def put(self, path, body, **more):
        return self.request("PUT", path, body, **more)

    def delete(self, path, **more):
        return self.request("DELETE", path, **more)

    def run(self, runtime, source, stdin="", **more):
        """One job, to its result."""
        answer = self.post("/v1/run", {"runtime": runtime, "files": [{"content": source}], "stdin": stdin, **more})
        assert answer.status == 200, answer.text
        return answer.json

    def stop(self, number=signal.SIGTERM):
        """Its exit code, after the signal and its end."""
        self.process.send_signal(number)
        return self.process.wait(timeout=harness.PATIENCE)

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def restart(self):
        self.kill()
        return self.start()


@contextmanager
def server(listen="127.0.0.1:0", retort=None, launch=(), options=None, **settings):
    """server(queue_slots=2) sets queue.slots; two underscores stand for one: limits_run_default_...

    `launch` are the words of a program that executes the server, `options` those of Popen; without `listen` somebody
    else listens for it.
    """
    need_user()
    before = set(harness.leftovers())
    folder = Path(tempfile.mkdtemp(prefix="retort-server-"))
    folder.chmod(0o755)
    named = {}
    for name, value in settings.items():
        table, _, key = name.partition("_")
        # rate_anonymous.requests is rate.anonymous.requests
        named[f"{table}.{key}"] = str(value).lower() if isinstance(value, bool) else value
    one = Server(folder, named, listen, retort, launch, options)
    if named.get("server.require_keys") == "true" and "server.state" not in named:
        make_key(one.state)  # without any it would not start
    try:
        yield one.start()
        if one.process.poll() is None:
            code = one.stop()
            assert code == 0, f"exit code {code}: " + one.log.read_text(errors="replace")[-2000:]
        left = harness.what_is_left(before)
        assert not left, f"left behind: {left}"
    finally:
        one.kill()
        shutil.rmtree(folder, ignore_errors=True)
