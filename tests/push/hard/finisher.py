"""A process that does what workers do when a job ends: `python -m tests.push.hard.finisher`.

Makes the people and jobs it is told of on its command line as JSON, prints the access tokens, and
then finishes so many jobs as each line of its input says.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from datetime import timedelta

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vms.settings")
django.setup()

# These need Django set up.
from django.utils import timezone  # noqa: E402

from downloads.models import Download  # noqa: E402
from exports import states  # noqa: E402
from tests import factories  # noqa: E402
from vms.accounts.models import User  # noqa: E402
from vms.accounts.services import open_session  # noqa: E402
from vms.api.clients import Client  # noqa: E402

TTL = timedelta(hours=3)
# Between two ends, in seconds; none at the most.
PAUSE = 0.1


def main(logins, jobs):
    people = [person(login) for login in logins]
    made = [job_of(people) for _ in range(jobs)]
    expected = {
        login: list(Download.objects.filter(user=user).order_by("pk").values_list("pk", flat=True))
        for login, user, _sessions in people
    }
    tell(
        people={login: {"user": user.pk, "sessions": sessions} for login, user, sessions in people},
        downloads=expected,
    )
    waiting = iter(made)
    for line in sys.stdin:
        for _ in range(int(line)):
            finish(next(waiting))
            time.sleep(random.random() * PAUSE)
        tell(done=True)


def person(login):
    """Make a user with two sessions, of which the first orders."""
    user = User.objects.create_user(login, None)
    opened = [open_session(user, Client(name="test"), timezone.now()) for _ in range(2)]
    sessions = [{"id": session.pk, "token": pair.access} for session, pair in opened]
    return login, user, sessions


def job_of(people):
    job = factories.job()
    for _login, user, sessions in people:
        factories.download(user, job=job, session_id=sessions[0]["id"])
    return job


def finish(job):
    claimed = states.claim(job.pk, "finisher", timezone.now())
    assert states.finish(claimed, timezone.now(), TTL, file=f"aa/{job.pk.hex}-1.mp4", size=1)


def tell(**what):
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*json.loads(sys.argv[1]))
