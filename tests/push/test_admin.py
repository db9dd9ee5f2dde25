from __future__ import annotations

import pytest
from django.utils import timezone

from vms.push.publish import record_event

URL = "/admin/push/event/"


@pytest.fixture
def event(alice_session):
    return record_event(
        user_id=alice_session.user_id,
        session_id=alice_session.pk,
        body={"type": "archive_generated"},
        now=timezone.now(),
    )


@pytest.fixture
def admin_page(client, operator):
    operator.is_superuser = True
    operator.save()
    client.force_login(operator)
    return client


def test_shows_the_events(admin_page, event):
    assert admin_page.get(URL).status_code == 200
    page = admin_page.get(f"{URL}{event.pk}/change/")
    assert page.status_code == 200
    assert "archive_generated" in page.content.decode()


def test_changes_nothing(admin_page, event):
    assert admin_page.get(f"{URL}add/").status_code == 403
    assert admin_page.post(f"{URL}{event.pk}/change/", {}).status_code == 403
    assert admin_page.post(f"{URL}{event.pk}/delete/", {"post": "yes"}).status_code == 403
