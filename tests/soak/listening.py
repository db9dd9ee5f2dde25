"""A user's socket: it listens, goes away and comes back, and must miss nothing."""

from __future__ import annotations

import json
import threading
import time
from random import Random

from websockets.exceptions import ConnectionClosed, InvalidHandshake

STAY_SECONDS = 5.0, 60.0
AWAY_SECONDS = 0.2, 8.0
LOOK_SECONDS = 0.5


class Listener:
    """Hears the events of one user by the plain socket or the Pusher protocol.

    *heard* are the numbers of all events there were; `complete` is the last one before which none
    is missing. A plain socket promises their order too.
    """

    def __init__(self, client, seed, *, is_pusher):
        self.client = client
        self.dice = Random(seed)
        self.is_pusher = is_pusher
        self.heard: set[int] = set()
        self.complete = 0
        self.opened = 0
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        while not self.stopping.is_set():
            try:
                self.listen(time.monotonic() + self.dice.uniform(*STAY_SECONDS))
            except ConnectionClosed as closed:
                code = closed.rcvd.code if closed.rcvd else 1006
                self.client.tally.note("socket", f"closed {code}")
            except (OSError, InvalidHandshake, TimeoutError) as error:
                self.client.tally.note("socket", type(error).__name__)
            except Exception as error:  # noqa: BLE001 - a message of another form is a trouble too
                self.client.tally.trouble(f"socket: {type(error).__name__}: {error}")
            self.stopping.wait(self.dice.uniform(*AWAY_SECONDS))

    def listen(self, until):
        path = "/ws/app/vms?protocol=7" if self.is_pusher else self.plain_path()
        with self.client.open_socket(path) as socket:
            self.opened += 1
            self.client.tally.note("socket", "opened")
            if self.is_pusher:
                self.subscribe(socket)
            while time.monotonic() < until and not self.stopping.is_set():
                try:
                    message = json.loads(socket.recv(timeout=LOOK_SECONDS))
                except TimeoutError:
                    continue
                if message.get("event") == "pusher:ping":
                    socket.send(json.dumps({"event": "pusher:pong", "data": {}}))
                self.hear(message)

    def plain_path(self):
        return f"/ws/notifications?after={self.complete}"

    def subscribe(self, socket):
        greeting = json.loads(socket.recv(timeout=120))
        if greeting["event"] == "pusher:error":  # the session ended; the socket is closed next
            return
        told = json.loads(greeting["data"])
        client = self.client
        for channel in (f"private-user.{client.user_id}", f"private-token.{client.session}"):
            wanted = {"socket_id": told["socket_id"], "channel_name": channel}
            wanted["after"] = self.complete
            answer = client.ask("subscribe", "POST", "/broadcasting/auth", wanted)
            if answer.status == 200:
                data = {"channel": channel, "auth": answer.json()["auth"]}
                socket.send(json.dumps({"event": "pusher:subscribe", "data": data}))

    def hear(self, message):
        number = number_of(message)
        if number is None:
            return
        if not self.is_pusher and number != self.complete + 1:
            self.client.tally.trouble(f"event {number} came after {self.complete}")
        self.heard.add(number)
        while self.complete + 1 in self.heard:
            self.complete += 1
            self.heard.discard(self.complete)


def number_of(message):
    """Return the id of the event in a frame of either kind of socket; None in other frames."""
    if message.get("type") == "event":
        return message.get("id")
    if str(message.get("event", "")).startswith("App\\Events"):
        return json.loads(message["data"]).get("id")
    return None
