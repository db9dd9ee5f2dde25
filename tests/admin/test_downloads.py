"""Downloads on the operator pages: what is told of them, and repeat, cancel, delete."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.utils import timezone

from downloads.models import Download
from exports import storage
from tests import factories

pytestmark = pytest.mark.django_db
LIST = "/admin/downloads/download/"


def do(pages, action: str, *downloads: Download, **more: str) -> str:
    body = {"action": action, "_selected_action": [item.pk for item in downloads], **more}
    return pages.post(LIST, body, follow=True).text


def test_shows_state_progress_reason_size_and_link(pages, alice):
    ready = factories.ready_download(alice, content=b"x" * 2048)
    factories.download(alice, job=factories.job(state="running", progress=45))
    factories.download(alice, job=factories.fail(factories.job(), message="The archive is gone."))
    gone = factories.ready_download(alice, expires_at=timezone.now() - timedelta(hours=1))
    page = pages.get(LIST).text
    for text in ("ready", "in progress", "45 %", "failed", "The archive is gone.", "expired"):
        assert text in page, text
    assert "2.0\xa0KB" in page
    for text in ("works until", "not yet", "does not work"):
        assert f'"field-link_state">{text}' in page
    for shown in (page, pages.get(f"{LIST}{ready.pk}/change/").text):
        assert ready.secret not in shown
        assert gone.secret not in shown


def test_finds_downloads_by_each_word(pages, alice, mallory):
    camera = factories.recorded(name="North gate")
    stream = camera.streams.get()
    old = timezone.now() - timedelta(days=400)
    wanted = factories.download(
        alice, job=factories.job(stream=stream), name="w.mp4", created_at=old
    )
    factories.download(mallory, job=factories.job(), name="other.mp4")
    day = timezone.localdate(old).isoformat()
    number = f"{wanted.pk}"
    for words in (
        "alice",
        "Alice",
        '"North gate"',
        "gate",
        "North gate",
        f"North {day} gate",
        "alice gate",
        day,
        f"gate {day}",
        wanted.job_id,
        number,
    ):
        page = pages.get(LIST, {"q": words}).text
        assert "w.mp4" in page, words
        assert "other.mp4" not in page, words
    assert "w.mp4" not in pages.get(LIST, {"q": "mallory gate"}).text


def test_says_that_more_match_than_are_looked_for(pages, alice):
    for number in range(21):
        factories.camera(name=f"Gate {number}")
    assert "More than 20 cameras match" in pages.get(LIST, {"q": "gate"}).text
    for words in ("gate 1", '"gate 1"'):
        assert "More than 20" not in pages.get(LIST, {"q": words}).text


def test_narrows_to_a_state(pages, alice):
    factories.download(alice, job=factories.job(), name="waiting.mp4")
    factories.download(alice, job=factories.fail(factories.job()), name="broken.mp4")
    page = pages.get(LIST, {"state": "failed"}).text
    assert "broken.mp4" in page
    assert "waiting.mp4" not in page


def test_repeats_for_the_owner(pages, alice):
    camera = factories.recorded(owner=alice)
    job = factories.fail(factories.job(stream=camera.streams.get()))
    download = factories.download(alice, job=job)
    assert "1 download ordered again." in do(pages, "repeat", download)
    download.refresh_from_db()
    assert (download.job.state, download.job_id == job.pk) == ("queued", False)
    assert LogEntry.objects.get().change_message == "Ordered again."


def test_repeats_nothing_the_owner_may_not_see_or_that_is_being_made(pages, alice):
    job = factories.fail(factories.job(stream=factories.recorded().streams.get()))
    foreign = factories.download(alice, job=job)
    waiting = factories.download(alice, job=factories.job())
    page = do(pages, "repeat", foreign, waiting)
    assert "1 download not ordered again: There is no recorded archive in this interval." in page
    assert "1 download not ordered again: The file is still being made." in page
    foreign.refresh_from_db()
    assert foreign.job_id == job.pk


def test_cancels_and_lets_others_wait(pages, alice, mallory):
    shared = factories.job()
    mine, theirs = (factories.download(user, job=shared) for user in (alice, mallory))
    ended = factories.ready_download(alice)
    page = do(pages, "cancel", mine, ended)
    assert "1 download cancelled." in page
    assert "1 download not cancelled: The file is not being made any more." in page
    shared.refresh_from_db()
    assert shared.state == "queued"
    assert "1 download cancelled." in do(pages, "cancel", theirs)
    shared.refresh_from_db()
    assert shared.state == "cancelled"


def test_deletes_with_the_file(pages, alice, django_capture_on_commit_callbacks):
    download = factories.ready_download(alice)
    path = storage.path_of(download.job.file)
    assert path.exists()
    assert download.name in do(pages, "delete_selected", download)
    with django_capture_on_commit_callbacks(execute=True):
        do(pages, "delete_selected", download, post="yes")
    assert not Download.objects.exists()
    download.job.refresh_from_db()
    assert (download.job.state, path.exists()) == ("expired", False)


def test_deletes_one_from_its_page_and_ends_its_job(pages, alice):
    download = factories.download(alice, job=factories.job())
    assert pages.post(f"{LIST}{download.pk}/delete/", {"post": "yes"}).status_code == 302
    download.job.refresh_from_db()
    assert download.job.state == "cancelled"


def test_is_not_typed_in(pages, alice):
    download = factories.download(alice, job=factories.job())
    assert pages.get(f"{LIST}add/").status_code == 403
    assert pages.post(f"{LIST}{download.pk}/change/", {"name": "x"}).status_code == 403
