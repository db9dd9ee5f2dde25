"""Clients that come back after each end of their connection and keep all that arrives."""

from __future__ import annotations

import json
import random
import socket
import struct
import time
import urllib.request
from threading import Thread

from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

# Comes back as real clients do: after a moment, not in step with the others.
LONGEST_PAUSE = 0.3
ANSWER_SECONDS = 20
# What is left in the buffers is thrown away, as when a machine loses its power.
HARD = struct.pack("ii", 1, 0)


class Listener:
    """Listens to a user's events in one way until told to stop; *heard* are their bodies."""

    def __init__(self, base, person, session):
        self.base = base
        self.person = person
        self.session = session
        self.heard = []
        self.last = 0
        self.connections = 0
        self.is_wanted = True
        self.socket = None
        self.thread = Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while self.is_wanted:
            try:
                self.listen()
            except (OSError, WebSocketException):
                self.socket = None
                time.sleep(random.random() * LONGEST_PAUSE)

    def open(self, path, headers=None):
        host = self.base.partition("//")[2]
        self.socket = connect(
            f"ws://{host}{path}",
            additional_headers=headers,
            open_timeout=ANSWER_SECONDS,
            compression=None,
        )
        self.connections += 1
        return self.socket

    def bearer(self):
        return {"Authorization": f"Bearer {self.session['token']}"}

    def hear(self, body):
        if "id" in body:
            self.heard.append(body)
            self.last = body["id"]

    def kill(self):
        """Cut the connection without a word of goodbye."""
        connection = self.socket
        if connection is not None:
            try:
                connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, HARD)
                connection.socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                return

    def stop(self):
        self.is_wanted = False
        self.kill()
        self.thread.join(ANSWER_SECONDS)


class PlainListener(Listener):
    """Says in the address what it saw last."""

    def listen(self):
        with self.open(f"/ws/notifications?after={self.last}", self.bearer()) as connection:
            for text in connection:
                message = json.loads(text)
                if message["type"] == "event":
                    self.hear(message)


class PusherListener(Listener):
    """Says what it saw last when it has its subscription signed."""

    def listen(self):
        channel = f"private-user.{self.person['user']}"
        with self.open("/ws/app/vms?protocol=7&client=test&version=1") as connection:
            for text in connection:
                frame = json.loads(text)
                if frame["event"] == "pusher:connection_established":
                    socket_id = json.loads(frame["data"])["socket_id"]
                    data = {"channel": channel, "auth": self.sign(socket_id, channel)}
                    connection.send(json.dumps({"event": "pusher:subscribe", "data": data}))
                elif frame["event"] == "pusher:ping":
                    connection.send(json.dumps({"event": "pusher:pong"}))
                elif frame.get("channel") == channel and "Events" in frame["event"]:
                    self.hear(json.loads(frame["data"]))

    def sign(self, socket_id, channel):
        body = {"socket_id": socket_id, "channel_name": channel, "after": self.last}
        headers = {**self.bearer(), "Content-Type": "application/json"}
        request = urllib.request.Request(
            f"{self.base}/broadcasting/auth", json.dumps(body).encode(), headers
        )
        with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as answer:
            return json.load(answer)["auth"]
