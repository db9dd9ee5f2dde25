"""What keeps the sockets of a process up to date, without a socket."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from tests.push.sockets import happen
from vms.push.messages import message_of
from vms.push.models import Event
from vms.push.publish import prune
from vms.push.reader import Reader
from vms.push.watch import Watch

pytestmark = pytest.mark.django_db(transaction=True)


class Listener:
    """A socket as the watch sees it; notes what it is told to do."""

    def __init__(self, session_id, user_id):
        self.session_id, self.user_id = session_id, user_id
        self.told = []

    def session_ids(self):
        return {self.session_id}

    def positions(self):
        return {self.user_id: 0}

    def start(self, work):
        self.told.append(work.__name__)
        work.close()

    async def end_session(self): ...

    async def catch_up(self, last): ...


async def test_a_reader_is_done_when_what_it_missed_was_pruned(alice_session):
    """Else the watch has it look again every few seconds, for as long as the socket is open."""
    sent = []

    async def send(message):
        sent.append(message["body"]["id"])

    for _ in range(3):
        await happen(alice_session)
    await sync_to_async(prune)(timezone.now() + timedelta(seconds=1))
    reader = Reader(alice_session.user_id, 0, send)
    await reader.catch_up(3)
    assert (reader.last, sent) == (3, [])

    number = await happen(alice_session)
    await reader.hear(message_of(await Event.objects.aget(number=number)))
    assert (reader.last, sent) == (4, [4])


@pytest.mark.parametrize("look", ["end_sessions", "find_missed"])
async def test_leaves_alone_a_socket_that_went_while_it_looked(alice_session, look):
    await happen(alice_session)
    watch = Watch()
    stays, goes = (Listener("no session", alice_session.user_id) for _ in range(2))
    watch.sockets = {stays, goes}
    looking = asyncio.create_task(getattr(watch, look)())
    await asyncio.sleep(0)  # it has asked the database and waits
    watch.sockets.discard(goes)
    await looking
    assert len(stays.told) == 1
    assert goes.told == []
