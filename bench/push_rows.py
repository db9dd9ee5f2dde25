"""Processes around the sockets of `bench.push`: one makes users, one makes things happen to them.

python -m bench.push_rows users USERS SESSIONS          prints tokens, as JSON
python -m bench.push_rows events PER_SECOND             users of each event as JSON on stdin

Both in the environment of `bench.place`. The second prints a line as each event is committed: its
user, its number, and the seconds of the clock that all processes of a machine share.
"""

from __future__ import annotations

import json
import sys
import time
from functools import partial
from typing import Any

from bench.place import start_django

# What most events are: a record with its link.
BODY = {
    "type": "archive_generated",
    "status": "ok",
    "data": {"download": {"id": 1, "name": "Gate.20260314-092600-092700.mp4", "text": "x" * 800}},
}


def make_users(users: int, sessions: int) -> list[dict[str, Any]]:
    """Make users with so many sessions each, in an empty database."""
    from django.core.management import call_command
    from django.utils import timezone

    from vms.accounts.models import User
    from vms.accounts.services import open_session
    from vms.api.clients import Client

    call_command("migrate", verbosity=0)
    made = []
    for number in range(users):
        user = User.objects.create(login=f"user {number}")
        for _ in range(sessions):
            session, pair = open_session(user, Client(name="bench"), timezone.now())
            made.append({"user": user.pk, "session": session.pk, "token": pair.access})
    return made


def record_events(owners: list[tuple[int, str]], per_second: float) -> None:
    """Record an event for each of *owners*, (user, session); 0 a second is as quick as it goes."""
    from django.db import transaction
    from django.utils import timezone

    from vms.push.publish import record_event

    begin = time.monotonic()
    for number, (user_id, session_id) in enumerate(owners):
        if per_second:
            time.sleep(max(0.0, begin + number / per_second - time.monotonic()))
        told: dict[str, Any] = {"user": user_id}
        with transaction.atomic():
            # The first to hear of the commit, before the event is sent out.
            transaction.on_commit(partial(note_time, told))
            event = record_event(
                user_id=user_id, session_id=session_id, body=BODY, now=timezone.now()
            )
        print(json.dumps({**told, "number": event.number}), flush=True)


def note_time(told: dict[str, Any]) -> None:
    told["at"] = time.monotonic()


if __name__ == "__main__":
    start_django()
    if sys.argv[1] == "users":
        print(json.dumps(make_users(int(sys.argv[2]), int(sys.argv[3]))))
    else:
        record_events(json.load(sys.stdin), float(sys.argv[2]))
