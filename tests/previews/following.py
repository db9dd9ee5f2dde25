"""A camera with footage and links to it, for all who follow links to previews."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from previews import preview_views, signing
from previews.preview_views import link_path
from previews.rendering_once import studio
from tests import factories
from tests.footage import BEGIN, Footage
from tests.previews.archive import record
from tests.previews.looking import ORIGIN
from vms.accounts.models import Session
from vms.accounts.services import end_sessions

FOOTAGE = Footage(seconds=12, bframes=2)
AT = BEGIN + timedelta(seconds=5.26)


@pytest.fixture(autouse=True)
def one_connection(monkeypatch, request):
    """Read by the connection that holds the test's transaction: no other one sees its rows."""
    if request.node.get_closest_marker("django_db").kwargs.get("transaction") is None:
        monkeypatch.setattr(
            preview_views, "in_database", lambda read, *args: sync_to_async(read)(*args)
        )


@pytest.fixture
def camera(alice):
    return record(FOOTAGE, alice)


@pytest.fixture
def link(api, alice, camera):
    """Give alice a link to her camera; returns its address."""
    client = api(alice)

    def link(at=AT, source="jpg", of=camera, **options):
        item = {"uuid": str(of.uuid), **({"date": at.isoformat()} if at else {})}
        answer = client.post(
            "/api/v1/cameras/preview", {"cameras": [item], "source": source, **options}, "json"
        )
        assert answer.status_code == 200, answer.json()
        return answer.json()[0]["url"]

    return link


def grant_of(url):
    return signing.read(url.split("/")[-2], timezone.now())


def resigned(url, **changes):
    return ORIGIN + link_path(replace(grant_of(url), **changes))


@pytest.fixture
def renderings(monkeypatch):
    """List the jobs that are given to renderers."""
    jobs = []
    decoders, pullers = studio().decoders, studio().pullers
    for renderers in (decoders, pullers):

        def run(job, arguments, run=renderers.run):
            jobs.append(job.rpartition(":")[2])
            return run(job, arguments)

        monkeypatch.setattr(renderers, "run", run)
    return jobs


def end_her_session(alice, camera):
    end_sessions(Session.objects.filter(user=alice), timezone.now())


def switch_her_off(alice, camera):
    alice.is_active = False
    alice.save()


def take_the_camera_away(alice, camera):
    alice.camera_access.all().delete()


def block_the_camera(alice, camera):
    factories.grant(alice, camera, status="blocked")


def delete_the_camera(alice, camera):
    camera.delete()


WITHDRAWALS = [
    end_her_session,
    switch_her_off,
    take_the_camera_away,
    block_the_camera,
    delete_the_camera,
]
