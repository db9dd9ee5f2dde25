"""Twenty minutes of everything at once on one installation, and what it takes meanwhile.

`python -m tests.soak.soak`; SOAK_SECONDS for how long users ask, SOAK_DIR for where it all lies.
Exits with 1 when something grows, is left over, is lost or was logged as an error.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from tests.soak import place

SECONDS = float(os.environ.get("SOAK_SECONDS", "1200"))
EVERY_SECONDS = 5.0
TOLD_SECONDS = 60.0
PATIENCE_SECONDS = 600.0
# Files and events go TTL after the last order, strays a minute after they were left; two rounds.
QUIET_SECONDS = max(place.TTL_SECONDS, 60) + 2 * place.CLEANUP_SECONDS + 10


class Count(list):
    """Counts what is put into it and keeps nothing: we must not grow either."""

    total = 0

    def append(self, _one):
        self.total += 1


def main() -> int:
    folder = Path(tempfile.mkdtemp(prefix="vms-soak-", dir=os.environ.get("SOAK_DIR")))
    place.set_up(folder)
    from tests.soak.report import Report
    from tests.soak.telling import show

    report = Report(folder)
    soak(folder, report)
    show(report)
    if report.is_good:
        shutil.rmtree(folder)
        return 0
    say(f"What is left is in {folder}.")
    return 1


def say(text: str) -> None:
    sys.stderr.write(f"{datetime.now(UTC):%H:%M:%S} {text}\n")


def soak(folder: Path, report) -> None:
    from tests.running import Up, wait_until
    from tests.webhooks.receivers import receiving
    from vms.media.process import tie_to_parent

    with (folder / "up.log").open("wb") as log:
        process = subprocess.Popen(
            place.up_command(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=folder,
            preexec_fn=tie_to_parent(),
        )
    up = Up(process, folder / "data", folder / "up.log")
    try:
        address = up.data_dir / "run" / "web.url"
        wait_until(lambda: process.poll() is not None or address.exists(), PATIENCE_SECONDS)
        if process.poll() is not None:
            raise SystemExit(up.log)
        say(f"{up.web_url} runs; making people, cameras and some past")
        people, cameras = place.make_people_and_cameras()
        with receiving(folder / "certificates") as receiver:
            receiver.requests = report.hooks = Count()
            run(up, folder, people, cameras, receiver.url, report)
    finally:
        report.exit_code = up.stop()
        report.left_processes = len(up.processes())
    report.look_at_log(up.log)
    report.look_at_rest()


def run(up, folder, people, cameras, hook, report) -> None:
    from tests.soak.client import Client
    from tests.soak.crowd import User
    from tests.soak.listening import Listener

    report.before = look(up, folder)
    tally, dice = report.tally, Random(1)
    begin = datetime.now(UTC) - timedelta(minutes=3)
    popular = [popular_interval(begin, dice) for _ in range(8)]
    shown = [(camera.pk, camera.uuid) for camera in cameras]
    clients = [
        Client(up.web_url, f"127.0.1.{number + 1}", person, tally)
        for number, person in enumerate(people)
    ]
    for client in clients[:5]:
        client.ask("webhook", "POST", "/api/v1/webhooks", {"url": hook})
    listeners = [
        Listener(client, seed, is_pusher=seed % 3 == 0) for seed, client in enumerate(clients)
    ]
    users = [User(client, shown, begin, popular, seed) for seed, client in enumerate(clients)]
    for one in (*listeners, *users):
        one.thread.start()
    say(f"{len(users)} users ask for {SECONDS:.0f} s")
    watch(up, folder, report, SECONDS)
    for user in users:
        user.stopping.set()
    for user in users:
        user.thread.join(PATIENCE_SECONDS)
    settle(up, folder, report, listeners)


def popular_interval(begin, dice):
    start = begin + timedelta(seconds=dice.uniform(1, 60))
    return start, start + timedelta(seconds=dice.uniform(5, 60))


def watch(up, folder, report, seconds) -> None:
    """Sample until the time has passed; says now and then how it goes."""
    end, told = time.monotonic() + seconds, 0.0
    while (now := time.monotonic()) < end:
        report.samples.append(look(up, folder))
        if now - told > TOLD_SECONDS:
            told = now
            say(report.last_words())
        if up.process.poll() is not None:
            raise SystemExit(up.log[-5000:])
        time.sleep(EVERY_SECONDS)


def look(up, folder):
    from tests.soak.sampling import sample

    return sample(up.process.pid, up.redis_url, folder)


def settle(up, folder, report, listeners) -> None:
    """Let all orders end, hear of them, and let the time of their files pass."""
    from exports.models import ExportJob
    from tests.running import wait_until

    say("nobody asks any more; waiting for what was ordered")
    active = ExportJob.objects.filter(state__in=ExportJob.ACTIVE)
    with suppress(AssertionError):
        wait_until(lambda: not active.exists(), PATIENCE_SECONDS)
    report.unended = active.count()
    report.feeds = hear_all(listeners)
    for listener in listeners:
        listener.stopping.set()
    for listener in listeners:
        listener.thread.join(PATIENCE_SECONDS)
    say(f"{QUIET_SECONDS} s for files to expire and be cleaned up")
    time.sleep(QUIET_SECONDS)
    report.after = look(up, folder)


def hear_all(listeners):
    """Wait until sockets have heard the last event of each user; gives (last, heard) of each."""
    from tests.running import wait_until
    from vms.push.models import Feed

    last = dict(Feed.objects.values_list("user_id", "last"))

    def pairs():
        return [(last.get(one.client.user_id, 0), one.complete) for one in listeners]

    with suppress(AssertionError):
        wait_until(lambda: all(there == heard for there, heard in pairs()), 120)
    return pairs()


if __name__ == "__main__":
    sys.exit(main())
