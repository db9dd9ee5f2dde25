"""Records of links straight to the archive: lines of the history for which no file is made."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime

from django.conf import settings
from django.db import transaction

from downloads.models import Download
from downloads.naming import display_name
from downloads.serializers import Order
from exports.engines.containers import MP4
from exports.models import ExportJob
from vms.accounts.models import Session

# From a record's id and the end of its life to the path of its link.
MakeLink = Callable[[int, datetime], str]


def create_link(
    session: Session, origin: str, order: Order, link_of: MakeLink, now: datetime
) -> Download:
    """Note that a link to the first camera of *order* was given out; it lives as a file would.

    The record's job never had a file, so `repeat` makes one, as of a file that was removed.
    """
    camera, stream = order.streams[0]
    interval = order.interval
    with transaction.atomic():
        job = ExportJob.objects.create(
            stream=stream,
            begin=interval.begin,
            end=interval.end,
            fingerprint=f"link:{uuid.uuid4().hex}",
            state=ExportJob.State.EXPIRED,
            created_at=now,
            queued_at=now,
            finished_at=now,
        )
        download = Download.objects.create(
            user=session.user,
            session_id=session.pk,
            origin=origin,
            stream=stream,
            job=job,
            name=display_name(camera.name, interval.begin, interval.end, MP4.name),
            type=MP4.name,
            begin=interval.begin,
            end=interval.end,
            expires_at=now + settings.EXPORT_TTL,
            announced_at=now,
            created_at=now,
        )
        download.link = link_of(download.pk, now + settings.EXPORT_TTL)
        download.save(update_fields=["link"])
    return download


def is_kept(download_id: str) -> bool:
    """Say whether the record a link was given out with is still in the history."""
    return Download.objects.filter(pk=int(download_id)).exclude(link="").exists()
