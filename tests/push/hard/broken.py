"""Frames and handshakes as no client should send them, from a fixed seed."""

from __future__ import annotations

import base64
import json
import os
import random
import string
import struct

PATHS = ("/ws/notifications", "/ws/app/vms", "/ws/app/other", "/ws", "/ws/app/", "/wsx", "/")
PLAIN_WORDS = ("auth", "resume", "ping", "event", "token", "after", "type")
PUSHER_WORDS = (
    "pusher:subscribe",
    "pusher:unsubscribe",
    "pusher:ping",
    "pusher:pong",
    "pusher:signin",
    "client-typing",
    "event",
    "data",
    "channel",
    "auth",
    "private-user.1",
    "presence-x",
    "token.1",
)


class Dice(random.Random):
    """Makes broken things."""

    def value(self, depth=3):
        kinds = [self.text, self.word, self.number, lambda: None, lambda: self.random() < 0.5]
        if depth:
            kinds += [lambda: self.list_of(depth - 1), lambda: self.object_of(depth - 1)]
        return self.choice(kinds)()

    def text(self):
        letters = string.printable + "\x00é\u2028\U0001f600\ud800"
        return "".join(self.choice(letters) for _ in range(self.randrange(40)))

    def word(self):
        return self.choice(PLAIN_WORDS + PUSHER_WORDS)

    def number(self):
        return self.choice([0, -1, 1.5, 2**63, 10**400, self.randrange(1000), float("inf")])

    def list_of(self, depth):
        return [self.value(depth) for _ in range(self.randrange(4))]

    def object_of(self, depth):
        return {self.word(): self.value(depth) for _ in range(self.randrange(5))}

    def message(self):
        """Make something that is nearly a message."""
        if self.random() < 0.5:
            return {"type": self.word(), "token": self.value(1), "after": self.value(1)}
        return {"event": self.word(), "data": self.value(2), "channel": self.value(1)}

    def payload(self):
        """Make what one frame carries: text or bytes, mostly JSON, some of it of objects."""
        dice = self.random()
        if dice < 0.7:
            return json.dumps(self.message() if self.random() < 0.7 else self.object_of(3))
        if dice < 0.8:
            return json.dumps(self.value())
        if dice < 0.85:
            return "[" * self.randrange(20_000)
        if dice < 0.87:
            return json.dumps({"type": "ping", "padding": "x" * self.randrange(60_000)})
        return self.text().encode("utf-8", "replace") if dice < 0.93 else self.randbytes(30)

    def frame(self):
        """Make the bytes of one frame, some against RFC 6455: its bits, lengths and masks."""
        payload = self.payload()
        opcode = 1 if isinstance(payload, str) else 2
        content = payload.encode("utf-8", "replace") if opcode == 1 else payload
        first, masked = 0x80 | opcode, 0x80
        if self.random() < 0.05:
            first = self.randrange(256)
        if self.random() < 0.02:
            masked = 0
        if self.random() < 0.02:
            return bytes([first, masked | 127]) + struct.pack(">Q", self.getrandbits(64))
        return bytes([first]) + length_of(content, masked) + mask(content, masked)

    def handshake(self):
        """Make a request that is nearly the opening of a WebSocket."""
        key = base64.b64encode(os.urandom(16)).decode()
        path = self.choice(PATHS) + self.choice(["", "?", "?" + self.query()])
        headers = {
            "Host": "localhost",
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": key,
            "Sec-WebSocket-Version": "13",
        }
        self.spoil(headers)
        lines = [f"{self.choice(['GET'] * 9 + ['POST', 'get', ''])} {path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        content = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")
        if self.random() < 0.2:
            return content[: self.randrange(len(content))]
        return self.randbytes(200) if self.random() < 0.1 else content

    def query(self):
        names = ("token", "protocol", "after", "client", "version", "%00", "é")
        values = ("", "7", "x", "%ff%fe", "%00", "-1", "9" * 50, "a" * 3000)
        pairs = [
            f"{self.choice(names)}={self.choice(values)}" for _ in range(self.randrange(1, 70))
        ]
        return "&".join(pairs)

    def spoil(self, headers):
        for name in sorted(set(headers) - {"Host"}):  # a wrong host is a matter of HTTP
            if self.random() < 0.15:
                del headers[name]
            elif self.random() < 0.1:
                headers[name] = self.choice(["", "x", "é" * 10, "a" * 5000, "0", "12"])
        if self.random() < 0.3:
            headers["Authorization"] = self.choice(
                ["Bearer ", "Bearer x", "Basic x", "Bearer é", "Bearer " + "x" * 5000]
            )
        if self.random() < 0.1:
            headers["Sec-WebSocket-Extensions"] = "permessage-deflate; x=" + "y" * 100
        if self.random() < 0.1:
            headers["Sec-WebSocket-Protocol"] = ",".join(["x"] * 50)


def length_of(content, masked):
    size = len(content)
    if size < 126:
        return bytes([masked | size])
    if size < 2**16:
        return bytes([masked | 126]) + struct.pack(">H", size)
    return bytes([masked | 127]) + struct.pack(">Q", size)


def mask(content, masked):
    return b"\x00\x00\x00\x00" + content if masked else content
