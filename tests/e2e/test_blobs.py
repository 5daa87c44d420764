"""/v1/blobs: large inputs go in and out in constant memory, and are seen by those alone who sent them."""

import hashlib
import http.client
import os
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import harness
import pytest
from server import server

MIB = 1 << 20
MANY = {"rate_anonymous.requests": 100000, "rate_anonymous.burst": 10000}
BIG = 256 * MIB
HASHER = (
    "import hashlib, sys\n"
    "h = hashlib.sha256()\n"
    "n = 0\n"
    "while chunk := sys.stdin.buffer.read(1 << 20):\n"
    "    h.update(chunk)\n"
    "    n += len(chunk)\n"
    "print(n, h.hexdigest())\n"
)


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def put(one, data, name=None, **more):
    headers = {"Content-Type": "application/octet-stream", **more.pop("headers", {})}
    return one.put(f"/v1/blobs/{name or sha256(data)}", data, headers=headers, **more)


def peak_bytes(pid):
    text = open(f"/proc/{pid}/status").read()
    return int(next(line for line in text.splitlines() if line.startswith("VmHWM")).split()[1]) * 1024


def connect(one):
    raw = socket.create_connection(("127.0.0.1", one.port), timeout=harness.PATIENCE)
    return raw


def leftovers(one):
    """Files of uploads that did not end, and of blobs."""
    folder = one.state / "blobs"
    return [path for path in folder.rglob("*") if path.is_file()]


def becomes(question):
    deadline = time.monotonic() + harness.PATIENCE
    while time.monotonic() < deadline:
        if question():
            return True
        time.sleep(0.05)
    return False


@pytest.fixture(scope="module")
def one():
    with server(**MANY) as running:
        yield running


def test_a_blob_comes_back_as_it_went_in(one):
    data = os.urandom(3 * MIB + 17)
    for _ in range(2):  # again is no error
        answer = put(one, data)
        assert answer.status == 201, answer.text
        assert answer.json == {"sha256": sha256(data), "size_bytes": len(data)}
    answer = one.get(f"/v1/blobs/{sha256(data)}")
    assert answer.status == 200 and answer.raw == data
    assert answer.headers["Content-Type"] == "application/octet-stream"
    head = one.request("HEAD", f"/v1/blobs/{sha256(data)}")
    assert head.status == 200 and head.headers["Content-Length"] == str(len(data)) and head.raw == b""
    assert one.delete(f"/v1/blobs/{sha256(data)}").status == 204
    assert one.delete(f"/v1/blobs/{sha256(data)}").status == 404
    assert one.get(f"/v1/blobs/{sha256(data)}").status == 404
    assert leftovers(one) == []


def test_an_empty_blob_is_one(one):
    assert put(one, b"").json == {"sha256": sha256(b""), "size_bytes": 0}
    assert one.get(f"/v1/blobs/{sha256(b'')}").raw == b""
    assert one.delete(f"/v1/blobs/{sha256(b'')}").status == 204


def test_a_blob_is_a_jobs_input(one):
    data = os.urandom(MIB)
    put(one, data)
    result = one.run("python", HASHER, stdin={"blob": sha256(data)})
    assert result["stages"][-1]["stdout"] == f"{len(data)} {sha256(data)}\n"
    missing = one.post("/v1/run", {"runtime": "python", "files": [{"content": ""}], "stdin": {"blob": "0" * 64}})
    assert missing.status == 422 and missing.json["code"] == "blob_not_found"


def test_what_is_not_what_its_name_says_is_refused_and_not_kept(one):
    before = leftovers(one)
    answer = put(one, b"other bytes", name=sha256(b"bytes"))
    assert answer.status == 422 and answer.json["code"] == "blob_mismatch"
    assert one.get(f"/v1/blobs/{sha256(b'bytes')}").status == 404
    assert leftovers(one) == before


@pytest.mark.parametrize("name", ["abc", "A" * 64, "g" * 64, "0" * 63, "0" * 65, "..%2e" + "0" * 59])
def test_a_name_is_a_digest(one, name):
    assert put(one, b"", name=name).status == 400
    assert one.get(f"/v1/blobs/{name}").status in (400, 404)
    assert one.delete(f"/v1/blobs/{name}").status in (400, 404)


def test_only_octets_are_taken(one):
    answer = put(one, b"x", headers={"Content-Type": "text/plain"})
    assert answer.status == 415 and answer.json["code"] == "unsupported_media_type"


def test_a_blob_too_large_is_refused_before_it_is_sent():
    with server(blobs_largest="1MiB", **MANY) as one:
        with connect(one) as raw:
            raw.sendall(
                f"PUT /v1/blobs/{'0' * 64} HTTP/1.1\r\nHost: localhost\r\n"
                f"Content-Length: {MIB + 1}\r\nExpect: 100-continue\r\n\r\n".encode()
            )
            answer = raw.recv(65536)
            assert answer.startswith(b"HTTP/1.1 413 "), answer
            assert b"100 Continue" not in answer
        # One that does not say how large it is, as soon as it is.
        with connect(one) as raw:
            raw.sendall(
                f"PUT /v1/blobs/{'0' * 64} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
            )
            chunk = b"10000\r\n" + bytes(65536) + b"\r\n"
            for _ in range(17):
                raw.sendall(chunk)
            assert raw.recv(65536).startswith(b"HTTP/1.1 413 ")
        data = bytes(MIB)
        assert put(one, data).status == 201  # the bound itself is allowed
        assert becomes(lambda: len(leftovers(one)) == 1)


def test_an_upload_that_is_left_leaves_nothing(one):
    before = leftovers(one)
    for end in ("Content-Length: 1000000\r\n\r\n" + "x" * 500000, "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"):
        raw = connect(one)
        raw.sendall(f"PUT /v1/blobs/{'1' * 64} HTTP/1.1\r\nHost: localhost\r\n{end}".encode())
        assert becomes(lambda: len(leftovers(one)) == len(before) + 1)
        raw.close()
        assert becomes(lambda: leftovers(one) == before)


def test_a_malformed_body_is_answered_and_not_kept(one):
    before = leftovers(one)
    with connect(one) as raw:
        raw.sendall(
            f"PUT /v1/blobs/{'1' * 64} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n".encode()
        )
        assert raw.recv(65536).startswith(b"HTTP/1.1 400 ")
    assert becomes(lambda: leftovers(one) == before)


def test_a_quarter_of_a_gibibyte_goes_through_in_constant_memory():
    block = os.urandom(MIB)
    digest = hashlib.sha256()
    for _ in range(BIG // MIB):
        digest.update(block)
    name = digest.hexdigest()
    with server() as one:
        one.run("python", "print(1)")
        before = peak_bytes(one.pid)
        connection = http.client.HTTPConnection("127.0.0.1", one.port, timeout=300)
        body = (block for _ in range(BIG // MIB))
        connection.request(
            "PUT",
            f"/v1/blobs/{name}",
            body=body,
            headers={"Content-Length": str(BIG), "Content-Type": "application/octet-stream"},
        )
        answer = connection.getresponse()
        assert answer.status == 201, answer.read()
        answer.read()
        result = one.run(
            "python",
            HASHER,
            stdin={"blob": name},
            limits={"run": {"cpu_time_us": 30_000_000, "wall_time_us": 120_000_000}},
        )
        assert result["stages"][-1]["stdout"] == f"{BIG} {name}\n", result
        connection.request("GET", f"/v1/blobs/{name}")
        answer = connection.getresponse()
        back, size = hashlib.sha256(), 0
        while chunk := answer.read(MIB):
            back.update(chunk)
            size += len(chunk)
        assert (size, back.hexdigest()) == (BIG, name)
        grown = peak_bytes(one.pid) - before
        assert grown < 24 * MIB, f"the server grew by {grown >> 20} MiB"


def make_key(one, *scopes):
    arguments = [str(harness.RETORT), "key", "create", "--name", "test", "--set", f"server.state={one.state}"]
    for scope in scopes:
        arguments += ["--scope", scope]
    return subprocess.run(arguments, capture_output=True, text=True, check=True).stdout.strip()


def test_old_blobs_go_when_there_are_too_many():
    with server(blobs_size="4MiB", blobs_largest="1MiB", **MANY) as one:
        blobs = [bytes([i]) * MIB for i in range(12)]
        for data in blobs:
            assert put(one, data).status == 201
        assert sum(path.stat().st_size for path in leftovers(one)) <= 5 * MIB
        assert one.get(f"/v1/blobs/{sha256(blobs[-1])}").raw == blobs[-1]
        assert one.get(f"/v1/blobs/{sha256(blobs[0])}").status == 404


@contextmanager
def small_disk(size):
    folder = Path(tempfile.mkdtemp(prefix="retort-disk-"))
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=0755", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
        folder.rmdir()


@pytest.mark.skipif(not harness.IS_ROOT, reason="mounting a small disk is for root")
def test_a_full_disk_is_told_and_nothing_stays():
    with small_disk("16m") as disk:
        with server(server_state=disk / "state", cache_enabled=False) as one:
            answer = put(one, os.urandom(32 * MIB))
            assert answer.status == 507, answer.text
            assert answer.json["code"] == "storage_full"
            files = [path for path in (disk / "state" / "blobs").rglob("*") if path.is_file()]
            assert files == []
            assert put(one, b"small").status == 201
            assert one.run("python", "print(1)")["status"] == "ok"


def test_one_key_cannot_fill_the_store_for_the_others():
    bounds = {"blobs_size": "64MiB", "blobs_largest": "2MiB", "blobs_size_per_key": "3MiB"}
    with server(server_require_keys=True, **bounds, **{"rate_key.requests": "none"}) as one:
        key, other = make_key(one), make_key(one)
        blobs = [bytes([i]) * MIB for i in range(4)]
        for data in blobs[:3]:
            assert put(one, data, key=key).status == 201  # the bound itself is allowed
        full = put(one, blobs[3], key=key)
        assert (full.status, full.json["code"]) == (507, "blob_quota_exceeded")
        assert full.json["largest_bytes"] == 3 * MIB and "blobs.size_per_key" in full.json["detail"]
        assert put(one, blobs[0], key=key).status == 201  # what is there takes no more room
        assert put(one, blobs[3], key=other).status == 201
        # Before it is sent, where its size is told.
        with connect(one) as raw:
            raw.sendall(
                f"PUT /v1/blobs/{'0' * 64} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\n"
                f"Content-Length: {MIB}\r\nExpect: 100-continue\r\n\r\n".encode()
            )
            assert raw.recv(65536).startswith(b"HTTP/1.1 507 ")
        assert one.delete(f"/v1/blobs/{sha256(blobs[0])}", key=key).status == 204
        assert put(one, blobs[3], key=key).status == 201
        assert len(leftovers(one)) == 3
