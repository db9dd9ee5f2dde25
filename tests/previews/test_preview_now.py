"""A live link: what was recorded just now, or what the camera delivers."""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus

import pytest

from previews import preview_views
from previews.preview_orders import NEWEST
from previews.preview_views import link_path
from previews.signing import Grant, IssuedTo, Kind
from tests.footage import BEGIN, Footage
from tests.previews.following import (
    FOOTAGE,
    camera,
    link,
    one_connection,
    renderings,
)
from tests.previews.looking import ORIGIN, look, number_of, numbers_of
from vms.accounts.models import Session

__all__ = ["camera", "link", "one_connection", "renderings"]
pytestmark = [pytest.mark.django_db, pytest.mark.ffmpeg, pytest.mark.processes]


def newly_recorded(monkeypatch, *, ago):
    """Let the footage have ended so long ago."""
    now = FOOTAGE.end + ago
    session_life = timedelta(days=36_500)
    Session.objects.update(expires_at=now + session_life)
    monkeypatch.setattr(preview_views.timezone, "now", lambda: now)


def live_link(camera, alice, source="jpg"):
    session = Session.objects.filter(user=alice).first()
    return ORIGIN + link_path(
        Grant(
            kind=Kind.PREVIEW,
            source=source,
            camera=camera.uuid,
            stream=camera.streams.get().uuid,
            begin=None,
            end=None,
            issued_to=IssuedTo.SESSION,
            issuer=session.pk,
            expires_at=FOOTAGE.end + timedelta(days=1),
        )
    )


@pytest.fixture
def live(link, camera, alice):
    return lambda source="jpg": live_link(camera, alice, source)


def test_live_is_the_newest_picture_while_it_is_fresh(live, monkeypatch):
    newly_recorded(monkeypatch, ago=NEWEST)

    picture, clip = look(live()), look(live("mp4"))

    assert number_of(picture.body) == FOOTAGE.number_at(FOOTAGE.end - timedelta(seconds=0.1))
    begin = FOOTAGE.end - timedelta(seconds=8)
    assert numbers_of(clip.body) == FOOTAGE.numbers_in(begin, FOOTAGE.end)
    assert "no-cache" in picture["Cache-Control"]


def test_live_is_pulled_from_the_camera_when_nothing_new_was_recorded(
    live, monkeypatch, camera, tmp_path, renderings
):
    newly_recorded(monkeypatch, ago=NEWEST + timedelta(seconds=1))
    other = Footage(seconds=4, begin=BEGIN + timedelta(days=1), segment_seconds=4)
    (film,) = other.make(tmp_path / "film")
    camera.streams.update(url=f"file://{film}")

    picture, clip = look(live()), look(live("mp4"))

    assert number_of(picture.body) == other.number_at(other.begin)
    assert numbers_of(clip.body) == other.numbers_in(other.begin, other.end)
    assert look(live()).body == picture.body  # within its few seconds the same one
    assert renderings.count("pull_picture") == renderings.count("pull_clip") == 1


@pytest.mark.parametrize(
    "url",
    ["", "file:///nowhere/film.mp4", "rtsp://127.0.0.1:9/x", "demo:?fps=5", "file:///etc/hosts"],
)
def test_says_when_there_is_no_live_picture(live, monkeypatch, camera, url):
    newly_recorded(monkeypatch, ago=timedelta(minutes=1))
    camera.streams.update(url=url)

    for source in ("jpg", "mp4"):
        answer = look(live(source))
        assert answer.status_code == 404
        assert answer.json() == {"message": "The camera delivers no picture at the moment."}


def test_a_camera_that_is_switched_off_is_left_alone(
    live, monkeypatch, camera, renderings, tmp_path
):
    newly_recorded(monkeypatch, ago=timedelta(minutes=1))
    (film,) = Footage(seconds=4).make(tmp_path / "film")
    camera.streams.update(url=f"file://{film}", is_enabled=False)

    assert look(live()).status_code == HTTPStatus.NOT_FOUND
    assert renderings == []
