"""Users who ask for what users ask for, at random, each with dice of its own."""

from __future__ import annotations

import threading
from collections import deque
from datetime import UTC, datetime, timedelta
from random import Random
from urllib.parse import quote

PACE_SECONDS = 6.0
# The newest footage is not indexed yet.
BEHIND_SECONDS = 25.0
LONGEST_SECONDS = 60.0
REMEMBERED = 20
FORMATS = {"mp4": 50, "mov": 10, "mkv": 8, "ts": 8, "flv": 5, "asf": 5, "avi": 5}
PSIM_FORMATS = ("mp4", "avi", "flv", "mov", "asf")


def wire(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class User:
    """Does something now and then until told to stop; *cameras* are pairs of id and uuid."""

    def __init__(self, client, cameras, begin, popular, seed):
        self.client = client
        self.cameras = cameras
        self.begin = begin
        self.popular = popular
        self.dice = Random(seed)
        self.records: deque[int] = deque(maxlen=REMEMBERED)
        self.tasks: deque[str] = deque(maxlen=REMEMBERED)
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        acts, weights = zip(*ACTS.items(), strict=True)
        while not self.stopping.wait(self.dice.expovariate(1 / PACE_SECONDS)):
            (act,) = self.dice.choices(acts, weights)
            try:
                act(self)
            except Exception as error:  # noqa: BLE001 - an answer of another form is a trouble too
                self.client.tally.trouble(f"{act.__name__}: {type(error).__name__}: {error}")

    # --- what to ask for ---

    def interval(self, most=LONGEST_SECONDS):
        """Choose a piece of the archive; some are those that others ask for too."""
        if self.dice.random() < 0.2:
            return self.dice.choice(self.popular)
        there = (datetime.now(UTC) - self.begin).total_seconds() - BEHIND_SECONDS
        length = self.dice.uniform(1.0, min(most, there / 2))
        begin = self.begin + timedelta(seconds=self.dice.uniform(0.5, there - length))
        return begin, begin + timedelta(seconds=length)

    def camera(self):
        return self.dice.choice(self.cameras)

    def record(self):
        return self.dice.choice(self.records) if self.records else None

    # --- acts ---

    def order(self):
        begin, end = self.interval()
        kind = self.dice.choices(list(FORMATS), list(FORMATS.values()))[0]
        cut = self.dice.choice(["exact", "exact", "keyframe", "smart"])
        body = {
            "from": wire(begin),
            "to": wire(end),
            "ids": [pk for pk, _ in self.dice.sample(self.cameras, self.dice.choice([1, 1, 1, 2]))],
            "format": kind,
            "cut": cut if kind in {"mp4", "mov", "mkv"} else "exact",
            "gaps": self.dice.choice(["collapse", "keep"]),
        }
        answer = self.client.ask("order", "POST", "/api/v1/downloads", body)
        if answer.status == 200:
            self.records.extend(made["id"] for made in answer.json())

    def on_record(self, act, method, ending=""):
        if (record := self.record()) is not None:
            return self.client.ask(act, method, f"/api/v1/downloads/{record}{ending}")
        return None

    def cancel(self):
        """Think better of an order at once: it waits or is in the making."""
        self.order()
        if self.records:
            self.client.ask("cancel", "POST", f"/api/v1/downloads/{self.records[-1]}/cancel")

    def repeat(self):
        self.on_record("repeat", "POST", "/repeat")

    def delete(self):
        if (record := self.record()) is not None:
            answer = self.client.ask("delete", "DELETE", f"/api/v1/downloads/{record}")
            if answer.status == 200:
                self.records.remove(record)

    def fetch(self):
        answer = self.on_record("show", "GET")
        if answer is None or answer.status != 200 or not answer.json()["url"]:
            return
        part = {"Range": f"bytes={self.dice.randrange(5000)}-"} if self.dice.random() < 0.5 else {}
        self.client.ask("fetch", "GET", answer.json()["url"], headers={"X-UUID": "soak", **part})

    def show_list(self):
        self.client.ask("list", "GET", "/api/v1/downloads?per_page=25")

    def estimate(self):
        begin, end = self.interval()
        body = {"from": wire(begin), "to": wire(end), "ids": [self.camera()[0]]}
        self.client.ask("estimate", "POST", "/api/v1/downloads/estimate", body)

    def preview(self):
        source = self.dice.choice(["jpg", "jpg", "mp4"])
        at = [self.interval()[0], None][self.dice.random() < 0.2]
        wanted = [
            {"uuid": str(uuid)} | ({"date": wire(at)} if at else {})
            for _, uuid in self.dice.sample(self.cameras, 2)
        ]
        body = {"cameras": wanted, "source": source, "ttl": "60"}
        answer = self.client.ask("previews", "POST", "/api/v1/cameras/preview", body)
        for link in answer.json() if answer.status == 200 else ():
            self.client.ask(f"preview {source}", "GET", link["url"])

    def archive_link(self):
        begin, end = self.interval()
        source = self.dice.choice(["mp4", "hls"])
        shown = {"uuid": str(self.camera()[1]), "from": wire(begin), "to": wire(end)}
        body = {"cameras": [shown], "source": source, "ttl": "60"}
        answer = self.client.ask("archive links", "POST", "/api/v1/cameras/archive", body)
        if answer.status == 200:
            self.client.ask(f"archive {source}", "GET", answer.json()[0]["url"])

    def camera_link(self):
        begin, end = self.interval()
        camera, _ = self.camera()
        query = f"from={quote(wire(begin))}&to={quote(wire(end))}"
        path = f"/api/v1/cameras/{camera}/archive/link?{query}"
        answer = self.client.ask("camera link", "GET", path)
        if answer.status == 200:
            self.records.append(answer.json()["download"]["id"])

    def ranges(self):
        query = f"from={quote(wire(self.begin))}&to={quote(wire(datetime.now(UTC)))}"
        path = f"/api/v1/cameras/{self.camera()[0]}/archive/ranges?{query}"
        self.client.ask("ranges", "GET", path)

    def psim_order(self):
        begin, end = self.interval(most=20.0)
        body = {
            "CameraId": str(self.camera()[0]),
            "From": wire(begin),
            "To": wire(end),
            "Format": self.dice.choice(PSIM_FORMATS),
        }
        headers = self.client.basic()
        answer = self.client.ask("psim order", "POST", "/createarchivetask", body, headers)
        if answer.status == 200:
            self.tasks.append(answer.json()["ArchiveTaskId"])

    def psim_follow(self):
        if not self.tasks:
            return
        task, headers = self.dice.choice(self.tasks), self.client.basic()
        path = f"/getarchivetaskstatus?archivetaskid={task}"
        answer = self.client.ask("psim status", "GET", path, headers=headers)
        if answer.status == 200 and answer.json()["Url"]:
            self.client.ask("psim file", "GET", answer.json()["Url"], headers=headers)
        if self.dice.random() < 0.3:
            path = f"/deletearchivetask?archivetaskid={task}"
            self.client.ask("psim delete", "DELETE", path, headers=headers)
            self.tasks.remove(task)

    def renew(self):
        self.client.renew()

    def sign_in_anew(self):
        """End the session, which closes its socket, and begin another one."""
        path = f"/api/v1/sessions/{self.client.session}"
        self.client.ask("end session", "DELETE", path)
        self.client.sign_in()


ACTS = {
    User.order: 30,
    User.cancel: 5,
    User.repeat: 7,
    User.delete: 6,
    User.fetch: 14,
    User.show_list: 5,
    User.estimate: 3,
    User.preview: 10,
    User.archive_link: 7,
    User.camera_link: 2,
    User.ranges: 2,
    User.psim_order: 3,
    User.psim_follow: 4,
    User.renew: 2,
    User.sign_in_anew: 1,
}
