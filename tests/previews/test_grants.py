"""Whoever a link was given out to: it dies with what they may see."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from previews.grants import Withdrawn, check_issuer
from previews.signing import Grant, IssuedTo, Kind
from tests import factories
from vms.accounts.integration import make_token, revoke_token
from vms.accounts.services import end_session, open_session
from vms.api.clients import Client


@pytest.fixture
def camera(alice):
    return factories.recorded(owner=alice)


@pytest.fixture
def now():
    return timezone.now()


def grant_for(camera, issued_to, issuer, now):
    return Grant(
        kind=Kind.PREVIEW,
        source="jpg",
        camera=camera.uuid,
        stream=camera.streams.get().uuid,
        begin=factories.BEGIN,
        end=None,
        issued_to=issued_to,
        issuer=issuer,
        expires_at=now + timedelta(seconds=300),
    )


@pytest.fixture
def session(alice, now):
    return open_session(alice, Client(name="web"), now)[0]


@pytest.fixture
def granted(camera, session, now):
    return grant_for(camera, IssuedTo.SESSION, session.pk, now)


@pytest.fixture
def token(alice, now):
    return make_token(alice, name="wall", scopes=["links"], expires_at=None, now=now)[0]


def test_finds_the_stream_with_few_queries(granted, camera, now, django_assert_max_num_queries):
    with django_assert_max_num_queries(2):
        stream = check_issuer(granted, now)
        assert stream.camera == camera


def test_refuses_when_the_session_has_ended(granted, alice, session, now):
    end_session(alice, session.pk, now)

    with pytest.raises(Withdrawn):
        check_issuer(granted, now)


def test_refuses_when_the_session_ran_out(granted, session):
    with pytest.raises(Withdrawn):
        check_issuer(granted, session.expires_at)


def test_refuses_when_the_user_was_switched_off(granted, alice, now):
    alice.is_active = False
    alice.save()

    with pytest.raises(Withdrawn):
        check_issuer(granted, now)


def test_refuses_when_the_camera_was_taken_away(granted, alice, camera, now):
    alice.camera_access.all().delete()

    with pytest.raises(Withdrawn):
        check_issuer(granted, now)


def test_refuses_when_the_camera_is_blocked(granted, alice, camera, now):
    factories.grant(alice, camera, status="blocked")

    with pytest.raises(Withdrawn):
        check_issuer(granted, now)


def test_refuses_when_the_camera_is_gone(granted, camera, now):
    camera.delete()

    with pytest.raises(Withdrawn):
        check_issuer(granted, now)


def test_refuses_a_stream_of_another_camera(granted, alice, now):
    other = factories.recorded(owner=alice, name="Gate")

    with pytest.raises(Withdrawn):
        check_issuer(replace(granted, camera=other.uuid), now)
    with pytest.raises(Withdrawn):
        check_issuer(replace(granted, stream=uuid4()), now)


def test_follows_an_integration_token_until_it_is_revoked(camera, alice, token, now):
    granted = grant_for(camera, IssuedTo.INTEGRATION, token.pk, now)

    assert check_issuer(granted, now).camera == camera
    revoke_token(alice, token.pk, now)
    with pytest.raises(Withdrawn):
        check_issuer(granted, now)


def test_refuses_when_the_token_may_not_make_links_any_more(camera, token, now):
    token.scopes = ["downloads"]
    token.save()

    with pytest.raises(Withdrawn):
        check_issuer(grant_for(camera, IssuedTo.INTEGRATION, token.pk, now), now)


def test_refuses_the_public_when_the_camera_is_not_public_any_more(camera, now):
    granted = grant_for(camera, IssuedTo.PUBLIC, "", now)

    with pytest.raises(Withdrawn):
        check_issuer(granted, now)
    camera.is_public = True
    camera.save()
    assert check_issuer(granted, now).camera == camera
