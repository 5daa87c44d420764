"""retort serve as a service: the units, a keeper that systemd starts, sockets that it passes on, and what it is told."""

import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path

import activation
import harness
import pytest
from server import USER, make_key, need_user, server

pytestmark = pytest.mark.root

UNITS = harness.REPOSITORY / "deploy/systemd"
ENDLESS = "while True: pass\n"
AS_USER = ["setpriv", "--reuid", USER, "--regid", USER, "--clear-groups", "--no-new-privs", "--bounding-set", "-all"]


class KeeperSocket:
    """retort-keeper.socket: answers each connection with a keeper that has what its unit allows it, and no more."""

    def __init__(self, path, user):
        self.keepers = []
        unit = (UNITS / "retort-keeper@.service").read_text()
        allowed = re.search(r"^CapabilityBoundingSet=(.+)$", unit, re.M)[1].lower().replace("cap_", "+").split()
        self.command = ["setpriv", "--no-new-privs", "--bounding-set", ",".join(["-all", *allowed]), harness.KEEPER]
        self.listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listening.bind(str(path))
        shutil.chown(path, user, user)
        path.chmod(0o600)
        self.listening.listen()
        self.thread = threading.Thread(target=self.serve)

    def serve(self):
        while True:
            try:
                connection, _ = self.listening.accept()
            except OSError:  # closed
                return
            with connection:
                command = activation.words({"connection": connection}, self.command)
                self.keepers.append(
                    subprocess.Popen(
                        command,
                        stdin=subprocess.DEVNULL,
                        pass_fds=[connection.fileno()],
                        env=harness.environment(),
                    )
                )

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *failure):
        self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()
        self.thread.join()
        for keeper in self.keepers:
            keeper.wait(timeout=harness.PATIENCE)


@pytest.fixture
def folder():
    """A folder that everybody may enter, with one of the server's user in it."""
    need_user()
    path = Path(tempfile.mkdtemp(prefix="retort-service-"))
    path.chmod(0o755)
    (path / "state").mkdir(mode=0o700)
    shutil.chown(path / "state", USER, USER)
    yield path
    shutil.rmtree(path)


@contextmanager
def server_of_user(folder, **more):
    """A server that was never root, and the socket unit whose keepers it uses."""
    path = folder / "keeper.sock"
    with KeeperSocket(path, USER) as unit:
        with server(launch=AS_USER, server_keeper=path, server_state=folder / "state", **more) as one:
            yield one, unit


def test_the_units_are_sound(tmp_path):
    harness.need(shutil.which("systemd-analyze"), "there is no systemd-analyze")
    units = sorted([*UNITS.glob("*.service"), *UNITS.glob("*.socket")])
    assert len(units) == 4
    for unit in units:
        # It wants programs that are there.
        (tmp_path / unit.name).write_text(unit.read_text().replace("/usr/lib/retort/", f"{harness.BIN}/"))
    command = ["systemd-analyze", "verify", "--man=no", *sorted(tmp_path.iterdir())]
    verified = subprocess.run(command, capture_output=True, text=True)
    assert (verified.returncode, verified.stdout, verified.stderr) == (0, "", "")


def test_the_keepers_unit_grants_the_capabilities_that_the_keeper_keeps():
    block = re.search(r"kCapabilities = \{(.*?)\}", (harness.REPOSITORY / "src/keeper/keeper.cc").read_text(), re.S)[1]
    unit = (UNITS / "retort-keeper@.service").read_text()
    granted = re.search(r"^CapabilityBoundingSet=(.+)$", unit, re.M)[1]
    assert set(granted.split()) == set(re.findall(r"CAP_\w+", block))


def test_a_server_that_was_never_root_uses_the_keeper_of_a_socket_unit(folder):
    with server_of_user(folder) as (one, unit):
        assert one.run("python", "print(input())", "through\n")["stages"][-1]["stdout"] == "through\n"
        assert harness.user_of(one.pid) == pwd.getpwnam(USER).pw_uid
        status = harness.read(f"/proc/{one.pid}/status")
        assert re.search(r"^CapBnd:\t0+$", status, re.M) and re.search(r"^CapPrm:\t0+$", status, re.M)
        assert len(unit.keepers) == 1


def test_the_death_of_the_keeper_costs_the_jobs_under_way_and_nothing_else(folder):
    with server_of_user(folder) as (one, unit):
        answers = []
        body = {"runtime": "python", "files": [{"content": ENDLESS}]}
        jobs = [threading.Thread(target=lambda: answers.append(one.post("/v1/run", body))) for _ in range(2)]
        for job in jobs:
            job.start()
        assert harness.until(lambda: list(harness.cell_processes().values()).count("python3") >= 1)
        unit.keepers[0].send_signal(signal.SIGKILL)
        for job in jobs:
            job.join(timeout=harness.PATIENCE)
        assert [(a.status, a.json["code"]) for a in answers] == [(503, "unavailable")] * 2
        hello = {"runtime": "python", "files": [{"content": "print(1)"}]}
        assert harness.until(lambda: one.post("/v1/run", hello).status == 200)
        assert len(unit.keepers) == 2
        assert one.process.poll() is None


def test_the_next_server_finds_a_keeper_while_the_last_one_is_still_going(folder):
    with server_of_user(folder) as (one, unit):
        for _ in range(3):
            one.restart()
            assert one.run("python", "print(1)")["status"] == "ok"
        assert len(unit.keepers) == 4


# --- What systemd passes on, and what it is told ----------------------------------------------------------------------


def passing(sockets, command=(), **variables):
    """Keywords of server() for one that is started with these sockets."""
    options = {"pass_fds": [one.fileno() for one in sockets.values()]}
    options["env"] = harness.environment(**variables)
    return {"listen": None, "launch": activation.words(sockets, command), "options": options}


def test_sockets_that_are_passed_on_are_served_and_no_other(folder):
    with socket.create_server(("127.0.0.1", 0)) as tcp, socket.socket(socket.AF_UNIX) as local:
        local.bind(str(folder / "http.sock"))
        local.listen()
        with server(**passing({"http": tcp, "local": local})) as one:
            assert one.port == tcp.getsockname()[1]
            assert one.run("python", "print(1)")["status"] == "ok"
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(folder / "http.sock"))
                client.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                assert client.makefile("rb").readline() == b"HTTP/1.1 200 OK\r\n"
            assert len(re.findall(r"listening address=", one.log.read_text())) == 2


def test_a_socket_open_to_others_asks_for_keys_as_an_address_in_the_settings_does(folder):
    key = make_key(folder / "state")
    hello = {"runtime": "python", "files": [{"content": "print(1)"}]}
    with socket.create_server(("0.0.0.0", 0)) as tcp:
        with server(server_state=folder / "state", **passing({"http": tcp})) as one:
            one.url = f"http://127.0.0.1:{one.port}"
            assert one.post("/v1/run", hello).status == 401
            assert one.post("/v1/run", hello, key=key).status == 200


def test_a_socket_that_cannot_be_served_ends_the_start_and_is_named():
    with socket.create_server(("127.0.0.1", 0)) as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        with socket.socket() as idle:
            sockets = {"http": tcp, "syslog": udp, "idle": idle}
            more = passing(sockets, [harness.RETORT, "serve"])
            ended = subprocess.run(more["launch"], capture_output=True, text=True, **more["options"])
    assert ended.returncode == 64
    assert "syslog (descriptor 4) is no stream socket" in ended.stderr
    assert "idle (descriptor 5) does not listen" in ended.stderr
    assert "http" not in ended.stderr.replace("http.md", "")


def test_an_address_beside_passed_sockets_is_refused():
    with socket.create_server(("127.0.0.1", 0)) as tcp:
        more = passing({"http": tcp}, [harness.RETORT, "serve", "--listen", "127.0.0.1:0"])
        ended = subprocess.run(more["launch"], capture_output=True, text=True, **more["options"])
    assert (ended.returncode, ended.stderr.count("\n")) == (64, 1)
    assert "--listen 127.0.0.1:0" in ended.stderr


def test_systemd_is_told_of_the_start_of_life_and_of_the_stop(folder):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.bind(str(folder / "notify"))
        (folder / "notify").chmod(0o777)
        told.settimeout(harness.PATIENCE)
        env = harness.environment(NOTIFY_SOCKET=folder / "notify", WATCHDOG_USEC=100_000)
        with server(options={"env": env}) as one:
            assert one.get("/health").status == 200
            words = [told.recv(4096).decode() for _ in range(4)]
            assert words == ["READY=1", *["WATCHDOG=1"] * 3]
            one.stop()
            told.setblocking(False)
            while words[-1] == "WATCHDOG=1":
                words.append(told.recv(4096).decode())
            assert words[-1] == "STOPPING=1"
