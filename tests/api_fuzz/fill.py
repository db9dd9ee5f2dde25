"""Fills an empty data folder with what there is to ask about; prints tokens as JSON.

Run as a program of its own, with the settings of the server that is asked:
`python -m tests.api_fuzz.fill`.
"""

from __future__ import annotations

import json
import os

import django

CAMERAS = 4
DOWNLOADS = 96


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vms.settings")
    django.setup()
    print(json.dumps(fill()))  # noqa: T201 - the answer of this program


def fill() -> dict[str, str]:
    """Make alice with cameras and downloads, and an operator; returns login -> access token."""
    from django.utils import timezone

    from tests import factories
    from vms.accounts.models import User
    from vms.accounts.services import open_session
    from vms.api.clients import Client

    alice = User.objects.create_user("alice", "correct horse battery staple")
    operator = User.objects.create_user("operator", "another horse", is_staff=True)
    for number in range(CAMERAS):
        camera = factories.recorded(owner=alice, name=f"Yard {number}")
        stream = camera.streams.get()
        for _ in range(DOWNLOADS // CAMERAS // 3):
            factories.ready_download(alice, stream=stream)
            factories.download(alice, job=factories.fail(factories.job(stream=stream)))
            factories.download(alice, job=factories.job(stream=stream))
    tokens = {}
    for user in (alice, operator):
        _session, pair = open_session(user, Client(name="web"), timezone.now())
        tokens[user.login] = pair.access
    return tokens


if __name__ == "__main__":
    main()
