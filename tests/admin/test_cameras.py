"""Cameras on the operator pages: the bar of the last day, and no credentials anywhere."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.utils import timezone

from cameras.admin_coverage import TICKS, draw_bar, recorded_ticks, runs_of
from cameras.models import ArchiveFolder, CameraGroup, Stream
from tests import factories

pytestmark = pytest.mark.django_db
STORED = "rtsp://admin:s3cret@10.0.0.1/1?password=s3cret"
HOUR = TICKS // 24


def test_finds_what_the_last_day_holds(db):
    now = timezone.now()
    full, holed, old, empty = (factories.stream(factories.camera()) for _ in range(4))
    factories.segment(full, begin=now - timedelta(hours=30), seconds=31 * 3600)
    factories.segment(holed, begin=now - timedelta(hours=24), seconds=6 * 3600)
    factories.segment(holed, begin=now - timedelta(hours=1), seconds=3600)
    factories.segment(old, begin=now - timedelta(days=3), seconds=3600)
    found = recorded_ticks([full.pk, holed.pk, old.pk, empty.pk], now)
    assert found[full.pk] == set(range(TICKS))
    assert found[holed.pk] == {*range(6 * HOUR), *range(TICKS - HOUR, TICKS)}
    assert found[old.pk] == found[empty.pk] == set()


def test_asks_nothing_for_a_page_without_streams(django_assert_num_queries):
    with django_assert_num_queries(0):
        assert recorded_ticks([], timezone.now()) == {}


def test_draws_runs_and_says_the_share(db):
    assert runs_of({0, 1, 2, 7, 9, 10}) == [(0, 3), (7, 1), (9, 2)]
    bar = draw_bar(set(range(TICKS // 2)))
    assert 'aria-label="50\xa0% of the last 24 hours recorded"' in bar
    assert f'<rect x="0" width="{TICKS // 2}"' in bar
    assert draw_bar(set()).count("<rect") == 1


def test_lists_the_bar_and_how_recording_goes(pages):
    camera = factories.camera(name="Yard")
    factories.stream(camera, url=STORED, status="active")
    low = factories.stream(camera, type="low", url=STORED, is_enabled=False)
    factories.segment(low, begin=timezone.now() - timedelta(hours=12), seconds=12 * 3600)
    page = pages.get("/admin/cameras/camera/").text
    assert "50\xa0% of the last 24 hours recorded" in page
    assert "high: active, low: switched off" in page


def test_narrows_to_cameras_whose_recording_stopped(pages):
    for name, fields in {
        "Broken": {"status": "inactive"},
        "Fine": {"status": "active"},
        "Paused": {"is_enabled": False, "status": "inactive"},
    }.items():
        factories.stream(factories.camera(name=name), **fields)
    shown = {
        state: set(re.findall(r">(Broken|Fine|Paused)<", pages.get(address).text))
        for state in ("interrupted", "paused")
        for address in [f"/admin/cameras/camera/?recording={state}"]
    }
    assert shown == {"interrupted": {"Broken"}, "paused": {"Paused"}}


@pytest.fixture
def secret(db) -> Stream:
    return factories.stream(factories.camera(name="Yard"), url=STORED)


def stream_body(stream: Stream, **fields: str) -> dict:
    return {"camera": stream.camera_id, "type": "high", "url": STORED, "is_enabled": "on", **fields}


def test_repeats_no_password_when_something_else_is_wrong(pages, secret):
    address = f"/admin/cameras/stream/{secret.pk}/change/"
    answer = pages.post(address, stream_body(secret, type="none", url="rtsp://a:Typed1@10.0.0.9/"))
    assert answer.status_code == 200
    assert "Write the address again" in answer.text
    assert "Typed1" not in answer.text
    assert "s3cret" not in answer.text


def test_repeats_no_password_when_the_address_is_refused(pages, secret):
    address = f"/admin/cameras/stream/{secret.pk}/change/"
    answer = pages.post(address, stream_body(secret, url="ftp://a:Typed1@10.0.0.9/"))
    assert "begins with one of" in answer.text
    assert "Typed1" not in answer.text


def test_tells_no_password_in_history_messages_or_what_is_looked_up(pages, secret):
    address = f"/admin/cameras/stream/{secret.pk}/"
    body = stream_body(secret, url="rtsp://a:Typed1@10.0.0.9/?token=Typed1")
    answers = [
        pages.post(f"{address}change/", body, follow=True),
        pages.get(f"{address}history/"),
        pages.get(f"{address}delete/"),
        pages.get("/admin/"),
        pages.get("/admin/cameras/stream/?_popup=1"),
        pages.get(f"/admin/cameras/camera/{secret.camera_id}/change/"),
    ]
    secret.refresh_from_db()
    assert "Typed1" in secret.url
    found = ("app_label=cameras&model_name=stream&field_name=camera", "Yard")
    answers.append(pages.get(f"/admin/autocomplete/?term={found[1]}&{found[0]}"))
    assert "Yard" in answers[-1].text
    for answer in answers:
        assert answer.status_code == 200
        assert "Typed1" not in answer.text, answer.request["PATH_INFO"]
        assert "s3cret" not in answer.text
    assert "0 streams" in pages.get("/admin/cameras/stream/?q=Typed1").text
    assert "Typed1" not in "".join(entry.change_message for entry in LogEntry.objects.all())


def test_shows_no_password_to_staff_who_may_only_look(client, operator, secret):
    operator.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    client.force_login(operator)
    for page in (f"stream/{secret.pk}/change/", f"camera/{secret.camera_id}/change/"):
        answer = client.get(f"/admin/cameras/{page}")
        assert answer.status_code == 200
        assert "10.0.0.1" in answer.text
        assert "s3cret" not in answer.text


def test_shows_no_password_on_the_page_of_a_failure(pages, secret, monkeypatch, caplog):
    def break_down(*_arguments, **_options):
        raise RuntimeError(secret.url)

    monkeypatch.setattr("cameras.admin.recorded_ticks", break_down)
    pages.raise_request_exception = False
    answer = pages.get("/admin/cameras/camera/")
    assert answer.status_code == 500
    assert "s3cret" not in answer.text
    assert "RuntimeError" not in answer.text


def test_offers_no_choice_of_all_rows(pages, alice):
    camera = factories.camera()
    factories.grant(alice, camera)
    CameraGroup.objects.create(name="Only to be searched for")
    page = pages.get(f"/admin/cameras/camera/{camera.pk}/change/").text
    assert "Only to be searched for" not in page
    assert "alice" not in page
    assert f"/admin/cameras/cameraaccess/?camera__id__exact={camera.pk}" in page


def test_gives_access_and_finds_it_by_user_and_camera(pages, alice, mallory):
    yard, gate = factories.camera(name="Yard"), factories.camera(name="Gate")
    for user, camera in ((alice, yard), (mallory, gate)):
        body = {"user": user.pk, "camera": camera.pk, "status": "active"}
        assert pages.post("/admin/cameras/cameraaccess/add/", body).status_code == 302
    for words in ("alice", "yard"):
        page = pages.get("/admin/cameras/cameraaccess/", {"q": words}).text
        assert "alice" in page.replace(f'value="{words}"', "")
        assert "mallory" not in page


def test_watches_and_forgets_folders_but_lets_nobody_type_them(pages, secret):
    folder = factories.folder(secret)
    address = "/admin/cameras/archivefolder/"
    for action, is_watched in (("watch", True), ("stop_watching", False)):
        pages.post(address, {"action": action, "_selected_action": [folder.pk]})
        assert ArchiveFolder.objects.get().is_watched is is_watched
    answer = pages.post(f"{address}{folder.pk}/change/", {"layout": "%Y"})
    assert answer.status_code == 403
    assert pages.get(f"{address}add/").status_code == 403
    pages.post(f"{address}{folder.pk}/delete/", {"post": "yes"})
    assert not ArchiveFolder.objects.exists()


def test_finds_segments_of_a_stream_and_a_day(pages):
    first, second = (factories.stream(factories.camera()) for _ in range(2))
    for stream in (first, second):
        for days in (1, 2):
            factories.segment(stream, begin=factories.BEGIN + timedelta(days=days))
    address = "/admin/cameras/segment/"
    counts = {
        words: pages.get(address, {"q": words}).text.count('class="field-stream_id')
        for words in ("", f"{first.pk}", f"{first.pk} 2023-03-11", "2023-03-11", "Yard")
    }
    assert list(counts.values()) == [4, 2, 1, 0, 0]
