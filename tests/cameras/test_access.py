"""Who may see which camera, and which stream serves a purpose."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import AnonymousUser

from cameras.access import (
    blocked_ids,
    choose_stream,
    choose_stream_for,
    streams_for,
    visible_cameras,
)
from cameras.models import ArchiveFolder, Camera, CameraAccess, Stream
from cameras.timeline import Interval

pytestmark = pytest.mark.django_db

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
MINUTE = Interval(BEGIN, BEGIN + timedelta(minutes=1))
ACTIVE, BLOCKED = CameraAccess.Status.ACTIVE, CameraAccess.Status.BLOCKED


def grant(user, camera, status=ACTIVE):
    return CameraAccess.objects.create(user=user, camera=camera, status=status)


@pytest.fixture
def public(db):
    return Camera.objects.create(name="Square", is_public=True)


@pytest.fixture
def record(add_segment):
    """Add a minute of footage to a stream."""

    def add(stream: Stream, begin: datetime = BEGIN) -> None:
        folder, _ = ArchiveFolder.objects.get_or_create(
            stream=stream, path=f"/archive/{stream.pk}", layout="vms"
        )
        add_segment(folder, begin, begin + timedelta(minutes=1))

    return add


def test_shows_granted_and_public_cameras_once(alice, camera, public):
    grant(alice, camera)
    grant(alice, public)
    assert list(visible_cameras(alice)) == [camera, public]


def test_shows_staff_every_camera(operator, camera, public):
    grant(operator, camera, BLOCKED)
    assert list(visible_cameras(operator)) == [camera, public]
    assert blocked_ids(operator, [camera.pk]) == set()


def test_shows_a_stranger_only_public_cameras(alice, mallory, camera, public):
    grant(alice, camera)
    assert list(visible_cameras(mallory)) == [public]
    assert list(visible_cameras(AnonymousUser())) == [public]
    assert blocked_ids(mallory, [camera.pk, public.pk]) == set()
    assert blocked_ids(AnonymousUser(), [camera.pk]) == set()


def test_shows_a_sub_user_nothing_that_was_granted_to_the_parent(alice, bob, camera):
    grant(alice, camera)
    assert list(visible_cameras(bob)) == []


def test_hides_and_tells_a_blocked_camera_even_a_public_one(alice, camera, public):
    grant(alice, camera, BLOCKED)
    grant(alice, public, BLOCKED)
    assert list(visible_cameras(alice)) == []
    assert blocked_ids(alice, [camera.pk, public.pk, 999]) == {camera.pk, public.pk}


def test_one_users_block_is_no_other_users(alice, mallory, camera):
    grant(alice, camera)
    grant(mallory, camera, BLOCKED)
    assert list(visible_cameras(alice)) == [camera]
    assert blocked_ids(alice, [camera.pk]) == set()


def test_chooses_the_high_stream_and_then_the_low(camera):
    assert choose_stream(camera, None) is None
    low = Stream.objects.create(camera=camera, type="low")
    assert choose_stream(camera, None) == low
    assert choose_stream(camera, "high") is None
    high = Stream.objects.create(camera=camera, type="high")
    assert choose_stream(camera, None) == high
    assert choose_stream(camera, "low") == low


def test_chooses_the_stream_that_has_footage(camera, record):
    high = Stream.objects.create(camera=camera, type="high")
    low = Stream.objects.create(camera=camera, type="low")
    assert choose_stream_for(camera, MINUTE, None) is None
    record(low)
    assert choose_stream_for(camera, MINUTE, None) == low
    assert choose_stream_for(camera, MINUTE, "high") is None
    record(high)
    assert choose_stream_for(camera, MINUTE, None) == high
    assert choose_stream_for(camera, MINUTE, "low") == low


def test_footage_beside_the_interval_does_not_count(camera, stream, record):
    record(stream, MINUTE.end)
    record(stream, MINUTE.begin - timedelta(minutes=1))
    choice = streams_for([camera], MINUTE, None)[camera.pk]
    assert (choice.stream, choice.has_footage) == (stream, False)


def test_asks_the_same_number_of_queries_for_many_cameras(record, django_assert_num_queries):
    cameras = [Camera.objects.create(name=f"Camera {number}") for number in range(12)]
    for camera in cameras[:10]:
        for kind in ("high", "low"):
            Stream.objects.create(camera=camera, type=kind)
    for camera in cameras[:5]:
        record(camera.streams.get(type="low"))
    with django_assert_num_queries(2):
        chosen = streams_for(cameras, MINUTE, None)
    assert [chosen[camera.pk].has_footage for camera in cameras] == [True] * 5 + [False] * 7
    assert [getattr(chosen[camera.pk].stream, "type", None) for camera in cameras] == (
        ["low"] * 5 + ["high"] * 5 + [None] * 2
    )
