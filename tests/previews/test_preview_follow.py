"""Following a link: what it shows, and what a client has already."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cameras.models import Segment
from tests.footage import BEGIN, Footage
from tests.previews.archive import record
from tests.previews.following import (
    AT,
    FOOTAGE,
    camera,
    link,
    one_connection,
    renderings,
)
from tests.previews.looking import look, number_of, numbers_of, size_of, streams_of

__all__ = ["camera", "link", "one_connection", "renderings"]
pytestmark = [pytest.mark.django_db, pytest.mark.ffmpeg, pytest.mark.processes]


def test_shows_the_very_picture_of_the_instant(link, camera):
    for seconds in (0, 1.99, 3.999999, 4, 7.77, 11.95):
        answer = look(link(BEGIN + timedelta(seconds=seconds)))

        assert answer.status_code == 200
        assert answer["Content-Type"] == "image/jpeg"
        assert number_of(answer.body) == FOOTAGE.number_at(BEGIN + timedelta(seconds=seconds))


def test_shows_where_the_link_was_moved_to(api, alice, camera, link):
    Segment.objects.filter(begin=BEGIN + timedelta(seconds=4)).delete()

    in_gap = look(link(BEGIN + timedelta(seconds=5)))
    before = look(link(BEGIN - timedelta(days=1)))
    behind = look(link(FOOTAGE.end + timedelta(seconds=3)))

    assert number_of(in_gap.body) == FOOTAGE.number_at(BEGIN + timedelta(seconds=8))
    assert number_of(before.body) == FOOTAGE.number_at(BEGIN)
    assert number_of(behind.body) == FOOTAGE.number_at(FOOTAGE.end - timedelta(seconds=0.1))


def test_shows_the_seconds_from_the_instant_on(link, settings, monkeypatch):
    monkeypatch.setitem(settings.VMS, "VMS_PREVIEW_CLIP_SECONDS", 3)

    answer = look(link(source="mp4"))

    assert answer["Content-Type"] == "video/mp4"
    assert numbers_of(answer.body) == FOOTAGE.numbers_in(AT, AT + timedelta(seconds=3))


def test_makes_pictures_smaller_for_who_asks(link):
    url = link()

    assert size_of(look(f"{url}?w=64").body) == (64, 36)
    assert size_of(look(f"{url}?w=7680").body) == (160, 90)


@pytest.mark.parametrize(
    "wish", ["w=", "w=0", "w=15", "w=7681", "w=-64", "w=64px", "w=٦٤", "w=1e2"]
)
def test_refuses_a_width_nobody_can_want(link, wish):
    answer = look(f"{link()}?{wish}")

    assert answer.status_code == 422
    assert answer.json()["errors"] == {"w": ["Write a whole number from 16 to 7680."]}


def test_gives_h265_as_it_is_to_who_asks(link, alice):
    hevc = record(Footage(seconds=4, codec="hevc"), alice)
    url = link(BEGIN, source="mp4", of=hevc)

    assert streams_of(look(url).body)[0] == "h264"
    assert streams_of(look(f"{url}?codec=copy").body)[0] == "hevc"
    assert look(f"{url}?codec=av1").json()["errors"] == {"codec": ["Write copy, or leave it out."]}


def test_names_the_file_and_says_whether_to_save_it(api, alice, camera, link):
    shown = look(link())
    query = {"date": AT.isoformat(), "download": "true", "source": "jpg"}
    one = api(alice).get(f"/api/v1/cameras/{camera.pk}/preview", query).json()
    saved = look(one["preview"])

    name = "Yard.20260314-092605.jpg"
    assert shown["Content-Disposition"].startswith(f'inline; filename="{name}"')
    assert saved["Content-Disposition"].startswith(f'attachment; filename="{name}"')
    assert shown.body == saved.body


def test_may_be_shown_on_any_page(link):
    url = link()
    answer, refusal = look(url), look(url[:-20] + "x" + url[-19:])

    for one in (answer, refusal):
        assert one["Access-Control-Allow-Origin"] == "*"
    assert answer["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert look(url, "options").status_code == 204
    assert look(url, "post").status_code == 405


# --- parts of a clip, and what a client has already -----------------------------------------


def test_gives_parts_of_a_clip(link):
    url = link(source="mp4")
    whole = look(url)
    size = len(whole.body)

    part = look(url, range="bytes=100-299")
    assert (part.status_code, part.body) == (206, whole.body[100:300])
    assert part["Content-Range"] == f"bytes 100-299/{size}"
    assert look(url, range=f"bytes=-{size // 2}").body == whole.body[-(size // 2) :]
    assert look(url, range=f"bytes={size}-").status_code == 416
    assert look(url, range="bytes=5-9", if_range=whole["ETag"]).status_code == 206
    assert look(url, range="bytes=5-9", if_range='"another"').body == whole.body
    assert whole["Accept-Ranges"] == "bytes"
    assert int(whole["Content-Length"]) == size
    head = look(url, "head")
    assert (head.body, head["Content-Length"]) == (b"", str(size))


def test_does_not_send_or_render_what_a_client_has_already(link, renderings):
    url = link()
    first = look(url)
    made = len(renderings)

    for condition in (first["ETag"], "*", f'W/{first["ETag"]}, "x"'):
        assert look(url, if_none_match=condition).status_code == 304
    assert look(url, if_none_match='"x"').body == first.body
    assert len(renderings) == made


def test_tells_pictures_apart_by_their_tags(link):
    url, other = link(), link(AT + timedelta(seconds=1))

    tags = {look(one)["ETag"] for one in (url, other, f"{url}?w=80", url)}

    assert len(tags) == 3


def test_a_picture_may_be_kept_as_long_as_its_link_lives(link):
    assert "max-age=60" in look(link())["Cache-Control"]
    assert int(look(link(ttl=50))["Cache-Control"].split("max-age=")[1].split(",")[0]) <= 50
    assert look(link())["Cache-Control"].startswith("private")
