"""Following a link: what it shows, to whom it is refused, and what it costs."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from http import HTTPStatus
from urllib.parse import urlsplit

import pytest
from asgiref.sync import sync_to_async
from django.db import connections
from django.http import QueryDict
from django.test import AsyncClient
from django.utils import timezone

from cameras.models import Segment
from previews import preview_database, preview_orders, preview_views, signing
from previews.errors import Busy
from previews.preview_orders import NEWEST
from previews.preview_views import follow, link_path
from previews.rendering_once import studio
from previews.signing import Changed, Grant, IssuedTo, Kind
from tests import factories
from tests.footage import BEGIN, Footage
from tests.previews.archive import record
from tests.previews.looking import ORIGIN, look, number_of, numbers_of, size_of, streams_of
from vms.accounts.models import IntegrationToken, Session
from vms.accounts.services import end_sessions

pytestmark = [pytest.mark.django_db, pytest.mark.ffmpeg, pytest.mark.processes]
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


# --- what is shown -----------------------------------------------------------------------------


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


# --- parts of a clip, and what a client has already ------------------------------------------


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


# --- who may not -----------------------------------------------------------------------------


def test_refuses_a_link_with_any_letter_changed(link):
    """What comes to the view; `test_signing` turns every bit of a token."""
    behind = urlsplit(link()).path.removeprefix("/preview/")

    for place, letter in enumerate(behind):
        for other in {"A", "B", "/", ".", "%", "é"} - {letter}:
            with pytest.raises(Changed):
                follow(behind[:place] + other + behind[place + 1 :], QueryDict())


@pytest.mark.parametrize("letter", ["/", "?", "#", "%2F", "%00", "%", "%zz", "é"])
def test_refuses_a_link_whose_changed_letter_means_something_in_addresses(link, letter):
    path = urlsplit(link()).path

    for place in (9, 10, 60, -50, -13, -11, -1):
        changed = f"{path[:place]}{letter}{path[place:][1:]}"
        answer = look(changed.partition("#")[0])  # clients keep what is behind it for themselves
        assert answer.status_code == 403, changed
        assert set(answer.json()) == {"message"}


def test_refuses_a_link_cut_short_or_with_more_behind_it(link):
    behind = urlsplit(link()).path.removeprefix("/preview/")

    for place in range(len(behind)):
        with pytest.raises(Changed):
            follow(behind[:place], QueryDict())
    for more in ("/", "x", "/preview.jpg", ".mp4"):
        assert look(f"/preview/{behind}{more}").status_code == 403
    assert look("/preview/").status_code == 403


def test_refuses_the_name_of_another_form(link):
    url = link()

    assert look(url.replace("preview.jpg", "preview.mp4")).status_code == 403


def test_refuses_another_cameras_grant_under_our_signature(link, alice):
    other = factories.recorded(owner=alice, name="Gate")
    url = link()
    token, _, _signature = url.split("/")[-2].partition(".")
    forged = signing.sign(replace(grant_of(url), camera=other.uuid)).partition(".")[0]

    assert look(url.replace(token, forged)).status_code == 403
    # Nor does a right signature help, of a stream that is not that camera's.
    assert look(resigned(url, camera=other.uuid)).status_code == 403


def test_tells_an_expired_link_from_a_changed_one(link, monkeypatch):
    url = link(ttl=100)
    ends_at = grant_of(url).expires_at
    messages = []

    for now in (ends_at - timedelta(microseconds=1), ends_at):
        with monkeypatch.context() as patch:
            patch.setattr(preview_views.timezone, "now", lambda now=now: now)
            messages.append(look(url))
    changed = look(url[:-30] + "x" + url[-29:])

    assert [one.status_code for one in messages] == [200, 403]
    assert "expired" in messages[1].json()["message"]
    assert "changed" in changed.json()["message"]


def test_does_not_show_what_was_rendered_only_after_the_link_expired(link, monkeypatch):
    url = link()
    ends_at = grant_of(url).expires_at
    times = iter([ends_at - timedelta(seconds=1)])
    monkeypatch.setattr(preview_views.timezone, "now", lambda: next(times, ends_at))

    assert look(url).status_code == 403


def test_new_keys_sign_and_old_ones_still_verify(link, settings):
    old = link()
    settings.LINK_KEYS = ["a new key of the tests, as long as need be", *settings.LINK_KEYS]
    new = link()

    assert [look(one).status_code for one in (old, new)] == [200, 200]
    settings.LINK_KEYS = settings.LINK_KEYS[:1]
    assert [look(one).status_code for one in (old, new)] == [403, 200]


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


@pytest.mark.parametrize(
    "withdraw",
    [
        end_her_session,
        switch_her_off,
        take_the_camera_away,
        block_the_camera,
        delete_the_camera,
    ],
)
def test_a_link_dies_at_once_with_what_it_was_given_for(link, alice, camera, withdraw):
    picture, clip = link(), link(source="mp4")
    assert look(picture).status_code == look(clip).status_code == 200

    withdraw(alice, camera)

    for url in (picture, clip):
        answer = look(url)
        assert answer.status_code == 403
        assert "does not work any more" in answer.json()["message"]


def test_links_of_a_program_die_with_its_token(link, alice, camera):
    token = IntegrationToken.objects.create(user=alice, name="wall", digest="d", scopes=["links"])
    url = resigned(link(), issued_to=IssuedTo.INTEGRATION, issuer=token.pk)
    assert look(url).status_code == 200

    token.revoked_at = timezone.now()
    token.save()

    assert look(url).status_code == 403


def test_links_for_everybody_die_when_the_camera_is_not_public_any_more(link, camera):
    camera.is_public = True
    camera.save()
    url = resigned(link(), issued_to=IssuedTo.PUBLIC, issuer="")
    assert look(url).status_code == 200

    camera.is_public = False
    camera.save()

    assert look(url).status_code == 403


# --- what is not there ----------------------------------------------------------------------


def test_says_when_retention_was_quicker(link, camera):
    url = link()
    look(url)

    Segment.objects.all().delete()
    answer = look(url)

    assert answer.status_code == 404
    assert answer.json() == {
        "message": "There is no footage at this time any more; ask for another link."
    }


@pytest.mark.parametrize("source", ["jpg", "mp4"])
@pytest.mark.parametrize("content", [b"", os.urandom(4000)], ids=["empty", "noise"])
def test_garbage_in_a_segment_is_404_or_a_good_picture(link, camera, source, content):
    url = link(source=source)
    paths = [
        os.path.join(segment.folder.path, segment.path)  # noqa: PTH118
        for segment in Segment.objects.select_related("folder").order_by("begin")
    ]
    for path in paths[1:]:
        with open(path, "wb") as file:  # noqa: PTH123
            file.write(content)

    answer = look(url)

    assert answer.status_code == 404
    assert "damaged" in answer.json()["message"]
    before = look(link(BEGIN + timedelta(seconds=1), source=source))
    assert before.status_code == 200


def test_a_renderer_that_dies_is_404_and_the_next_picture_comes(link, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(preview_orders, "PICTURE", "tests.previews.jobs:die_instead")
        answer = look(link())

    assert answer.status_code == 404
    assert look(link(AT + timedelta(seconds=1))).status_code == 200


def test_too_much_at_once_is_503_with_when_to_come_again(link, monkeypatch):
    def full(_order):
        raise Busy(5)

    monkeypatch.setattr(studio(), "begin", full)

    answer = look(link())

    assert answer.status_code == 503
    assert answer["Retry-After"] == "5"
    assert "try again" in answer.json()["message"]


# --- live --------------------------------------------------------------------------------------


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


def pictures(renderings):
    """Leave out that a renderer loaded its libraries, which the first of a process tells."""
    return [one for one in renderings if one != "warm"]


# --- what it costs ---------------------------------------------------------------------------


def test_looks_up_little_when_the_picture_is_there(link, django_assert_max_num_queries, renderings):
    url = link()
    first = look(url)

    with django_assert_max_num_queries(3):
        assert look(url).body == first.body
    assert pictures(renderings) == ["render_picture"]


def test_many_links_to_the_same_picture_are_one_rendering(link, renderings):
    shown = {look(link(ttl=ttl)).body for ttl in (1000, 2000, 3000)}

    assert len(shown) == 1
    assert pictures(renderings) == ["render_picture"]


# --- by threads of their own -------------------------------------------------------------------


@pytest.fixture
def readers(monkeypatch, transactional_db):
    """Give the test a reader of its own, whose connection ends with it."""
    made = ThreadPoolExecutor(1, initializer=preview_database.begin_memory)
    monkeypatch.setattr(preview_database, "readers", made)
    yield made
    made.submit(connections.close_all).result()
    made.shutdown()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "withdraw",
    [end_her_session, switch_her_off, take_the_camera_away, block_the_camera, delete_the_camera],
)
def test_what_is_remembered_is_forgotten_with_any_write(
    readers, link, alice, camera, monkeypatch, withdraw
):
    monkeypatch.setattr(preview_database, "REMEMBERED_SECONDS", 1e9)
    url = link()
    assert [look(url).status_code for _ in range(3)] == [200] * 3

    withdraw(alice, camera)

    assert look(url).status_code == 403


@pytest.mark.django_db(transaction=True)
def test_asks_little_while_nothing_is_written(readers, link, monkeypatch):
    monkeypatch.setattr(preview_database, "REMEMBERED_SECONDS", 1e9)
    url = link()
    first = look(url)
    asked = []

    def check(*arguments, check=preview_views.check_issuer):
        asked.append(arguments)
        return check(*arguments)

    monkeypatch.setattr(preview_views, "check_issuer", check)

    # A PostgreSQL server tells of writes to any of its databases: other tests have theirs there.
    for _ in range(100):
        asked.clear()
        assert look(url).body == first.body
        if not asked:
            break
    assert asked == []


@pytest.mark.django_db(transaction=True)
def test_remembers_for_a_moment_only(readers, link, monkeypatch):
    monkeypatch.setattr(preview_database, "REMEMBERED_SECONDS", -1)
    asked = []

    def check(*arguments, check=preview_views.check_issuer):
        asked.append(arguments)
        return check(*arguments)

    monkeypatch.setattr(preview_views, "check_issuer", check)
    url = link()

    assert [look(url).status_code for _ in range(3)] == [200] * 3
    assert len(asked) == 3


@pytest.mark.django_db(transaction=True)
def test_goes_on_when_the_database_closed_the_connection(readers, link):
    url = link()
    assert look(url).status_code == 200

    def cut():
        connections["default"].connection.close()

    readers.submit(cut).result()

    assert look(url).status_code == 200


@pytest.mark.django_db(transaction=True)
async def test_is_served_in_an_event_loop_as_well(readers, link):
    url = await sync_to_async(link)()

    answer = await AsyncClient().get(url.removeprefix(ORIGIN))
    await sync_to_async(connections.close_all)()

    assert answer.status_code == 200
    assert number_of(answer.content) == FOOTAGE.number_at(AT)
