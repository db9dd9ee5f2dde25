"""Operator pages: they work, and no page shows a stream's credentials."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse

from cameras.models import CameraAccess, CameraGroup, Stream

pytestmark = pytest.mark.django_db

STORED = "rtsp://admin:s3cret@10.0.0.1/1?password=s3cret"
SHOWN = "rtsp://10.0.0.1/1?password=***"


@pytest.fixture
def pages(client, operator):
    operator.is_superuser = True
    operator.save()
    client.force_login(operator)
    return client


@pytest.fixture
def secret(stream):
    stream.url = STORED
    stream.save()
    return stream


def stream_page(stream: Stream) -> str:
    return reverse("admin:cameras_stream_change", args=[stream.pk])


def save_stream(pages, stream: Stream, url: str):
    data = {
        "camera": stream.camera_id,
        "type": "high",
        "url": url,
        "is_enabled": "on",
        "status": "",
    }
    answer = pages.post(stream_page(stream), data)
    stream.refresh_from_db()
    return answer


def camera_form(camera, stream: Stream, url: str) -> dict:
    return {
        "name": "Renamed",
        "uuid": str(camera.uuid),
        "streams-TOTAL_FORMS": 1,
        "streams-INITIAL_FORMS": 1,
        "streams-0-id": stream.pk,
        "streams-0-camera": camera.pk,
        "streams-0-type": "high",
        "streams-0-url": url,
        "streams-0-is_enabled": "on",
        "access-TOTAL_FORMS": 0,
        "access-INITIAL_FORMS": 0,
    }


def test_every_page_answers_without_credentials(pages, secret, alice, folder, add_segment):
    CameraGroup.objects.create(name="Outside")
    CameraAccess.objects.create(user=alice, camera=secret.camera)
    begin = datetime(2026, 3, 1, tzinfo=UTC)
    add_segment(folder, begin, begin + timedelta(seconds=1))
    for model in ("cameragroup", "camera", "stream", "cameraaccess", "archivefolder", "segment"):
        listed = pages.get(reverse(f"admin:cameras_{model}_changelist"))
        assert listed.status_code == 200
        link = re.search(rf"/admin/cameras/{model}/\d+/change/", listed.content.decode())
        assert link, model
        for page, status in (
            (listed, 200),
            (pages.get(link[0]), 200),
            (pages.get(link[0].replace("change", "delete")), 403 if model == "segment" else 200),
        ):
            assert page.status_code == status, model
            assert b"s3cret" not in page.content


def test_shows_the_address_without_its_credentials(pages, secret):
    page = pages.get(stream_page(secret)).content.decode()
    assert f'value="{SHOWN}"' in page
    listed = pages.get(reverse("admin:cameras_stream_changelist")).content.decode()
    assert SHOWN in listed


def test_keeps_the_credentials_of_an_address_left_as_shown(pages, secret):
    assert save_stream(pages, secret, SHOWN).status_code == 302
    assert secret.url == STORED


def test_takes_a_new_address_as_it_is_written(pages, secret):
    assert save_stream(pages, secret, "rtsp://root:other@10.0.0.2/").status_code == 302
    assert secret.url == "rtsp://root:other@10.0.0.2/"
    assert "other" not in LogEntry.objects.get().change_message


def test_takes_an_emptied_address(pages, secret):
    assert save_stream(pages, secret, "").status_code == 302
    assert secret.url == ""


@pytest.mark.parametrize(
    ("url", "cure"),
    [("ftp://10.0.0.1/", "begins with one of"), (SHOWN + "&channel=2", "in full")],
)
def test_refuses_an_address_nothing_can_be_recorded_from(pages, secret, url, cure):
    answer = save_stream(pages, secret, url)
    assert cure in answer.content.decode()
    assert "s3cret" not in answer.content.decode()
    assert secret.url == STORED


def test_keeps_the_credentials_when_the_camera_is_edited(pages, secret):
    page = reverse("admin:cameras_camera_change", args=[secret.camera_id])
    assert "s3cret" not in pages.get(page).content.decode()
    answer = pages.post(page, camera_form(secret.camera, secret, SHOWN))
    assert answer.status_code == 302
    secret.refresh_from_db()
    secret.camera.refresh_from_db()
    assert (secret.url, secret.camera.name) == (STORED, "Renamed")


def test_adds_a_stream(pages, camera):
    data = {"camera": camera.pk, "type": "low", "url": "demo:", "is_enabled": "on", "status": ""}
    assert pages.post(reverse("admin:cameras_stream_add"), data).status_code == 302
    assert Stream.objects.get().url == "demo:"


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("demo:?fps=0", "a number from 1 to 60"),
        ("demo:?colour=red", "options size, fps, gop, sound and tint"),
        ("demo:size=640x360", "options of a demo camera after a ?"),
    ],
)
def test_refuses_options_a_demo_camera_has_not(pages, camera, url, says):
    data = {"camera": camera.pk, "type": "low", "url": url, "is_enabled": "on", "status": ""}
    answer = pages.post(reverse("admin:cameras_stream_add"), data)
    assert answer.status_code == 200
    assert says in answer.content.decode()
    assert Stream.objects.count() == 0


def test_segments_can_be_looked_at_but_not_written(pages, folder, add_segment):
    begin = datetime(2026, 3, 1, tzinfo=UTC)
    segment = add_segment(folder, begin, begin + timedelta(seconds=1))
    page = reverse("admin:cameras_segment_change", args=[segment.pk])
    assert pages.post(page, {}).status_code == 403
    assert pages.get(reverse("admin:cameras_segment_add")).status_code == 403


def test_strangers_see_no_page(client, mallory, secret):
    client.force_login(mallory)
    assert client.get(stream_page(secret)).status_code == 302
