"""A link opens what it was given for, as long as who it was given to may see that."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from asgiref.sync import sync_to_async
from django.http import QueryDict
from django.utils import timezone

from previews import preview_views, signing
from previews.preview_views import follow
from previews.rendering_once import studio
from previews.signing import Changed, IssuedTo
from tests import factories
from tests.previews.following import (
    WITHDRAWALS,
    camera,
    end_her_session,
    grant_of,
    link,
    one_connection,
    renderings,
    resigned,
)
from tests.previews.looking import look
from vms.accounts.models import IntegrationToken

__all__ = ["camera", "link", "one_connection", "renderings"]
pytestmark = [pytest.mark.django_db, pytest.mark.ffmpeg, pytest.mark.processes]


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


def test_does_not_show_what_was_rendered_only_after_the_link_was_withdrawn(
    link, alice, camera, monkeypatch
):
    render = studio().render

    async def withdrawn_meanwhile(*arguments):
        path = await render(*arguments)
        await sync_to_async(end_her_session)(alice, camera)
        return path

    monkeypatch.setattr(studio(), "render", withdrawn_meanwhile)

    assert look(link()).status_code == 403


def test_new_keys_sign_and_old_ones_still_verify(link, settings):
    old = link()
    settings.LINK_KEYS = ["a new key of the tests, as long as need be", *settings.LINK_KEYS]
    new = link()

    assert [look(one).status_code for one in (old, new)] == [200, 200]
    settings.LINK_KEYS = settings.LINK_KEYS[:1]
    assert [look(one).status_code for one in (old, new)] == [403, 200]


@pytest.mark.parametrize("withdraw", WITHDRAWALS)
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
