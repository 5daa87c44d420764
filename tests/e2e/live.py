"""A client of /v1/interactive for tests, on Debian's python3-websockets."""

import asyncio
import base64
import json
import os
import struct
import socket as sockets

import harness
import websockets


def job(source, runtime="python", **more):
    return {"runtime": runtime, "files": [{"content": source}], **more}


class Live:
    """One session: what was heard is kept by kind."""

    def __init__(self, socket):
        self.socket = socket
        self.heard = []  # of all messages, the types
        self.out, self.err = b"", b""
        self.stages, self.queued = [], []
        self.result = self.problem = None

    async def send(self, **message):
        await self.socket.send(json.dumps(message))

    async def init(self, job, **more):
        await self.send(type="init", job=job, **more)

    async def stdin(self, data):
        if isinstance(data, bytes):
            await self.send(type="stdin", data=base64.b64encode(data).decode(), encoding="base64")
        else:
            await self.send(type="stdin", data=data)

    async def hear(self):
        """The next message; None at the end."""
        try:
            text = await asyncio.wait_for(self.socket.recv(), harness.PATIENCE)
        except websockets.ConnectionClosed:
            return None
        assert isinstance(text, str)
        message = json.loads(text)
        self.heard.append(message["type"])
        if message["type"] in ("stdout", "stderr"):
            data = message["data"]
            data = base64.b64decode(data) if message.get("encoding") == "base64" else data.encode()
            if message["type"] == "stdout":
                self.out += data
            else:
                self.err += data
        elif message["type"] == "stage":
            self.stages.append(message["stage"])
        elif message["type"] == "queued":
            self.queued.append(message["ahead"])
        elif message["type"] == "result":
            self.result = message["result"]
        elif message["type"] == "error":
            self.problem = message["problem"]
        return message

    async def until(self, kind):
        while kind not in self.heard:
            assert await self.hear() is not None, f"no {kind}: {self.heard}, {self.problem}"

    async def until_out(self, text):
        while text not in self.out:
            assert await self.hear() is not None, f"no {text}: {self.out}, {self.problem}"

    async def end(self):
        """Everything until it is closed; the close code."""
        while await self.hear() is not None:
            pass
        return self.socket.close_code


class open_live:
    """async with open_live(one) as live"""

    def __init__(self, one, key=None, path="/v1/interactive", **options):
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self.connecting = websockets.connect(
            one.url.replace("http", "ws") + path,
            extra_headers=headers,
            max_size=None,
            open_timeout=harness.PATIENCE,
            ping_interval=None,
            **options,
        )

    async def __aenter__(self):
        return Live(await self.connecting.__aenter__())

    async def __aexit__(self, *what):
        return await self.connecting.__aexit__(*what)


def reset(raw):
    """Ends a connection by RST: nothing that was on its way is still read."""
    raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_LINGER, struct.pack("ii", 1, 0))
    raw.close()


class Deaf:
    """A client that sends frames and never reads; a plain socket below."""

    def __init__(self, one):
        self.raw = sockets.socket()
        self.raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
        self.raw.connect(("127.0.0.1", one.port))
        key = base64.b64encode(os.urandom(16)).decode()
        self.raw.sendall(
            f"GET /v1/interactive HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
        )
        head = b""
        while b"\r\n\r\n" not in head:
            head += self.raw.recv(1)
        assert head.startswith(b"HTTP/1.1 101 "), head

    def send(self, **message):
        payload = json.dumps(message).encode()
        assert len(payload) < 65536
        short = len(payload) < 126
        size = bytes([0x80 | len(payload)]) if short else bytes([0x80 | 126]) + struct.pack(">H", len(payload))
        self.raw.sendall(b"\x81" + size + bytes(4) + payload)

    def reset(self):
        reset(self.raw)

    def close(self):
        self.raw.close()
