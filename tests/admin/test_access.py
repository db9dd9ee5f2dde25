"""Who may open the operator pages, and what their frame says."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission

from tests.admin.rows import LISTS, add_rows
from vms.accounts.models import User

pytestmark = pytest.mark.django_db
ALL = (*LISTS, "django_celery_beat/periodictask")


def test_names_itself_on_every_page(pages):
    page = pages.get("/admin/").text
    assert "Operator pages | VMS" in page
    assert '<a href="/admin/">VMS</a>' in page


@pytest.mark.parametrize("name", ALL)
def test_shows_clients_and_strangers_no_list(client, alice, name):
    for _ in range(2):
        answer = client.get(f"/admin/{name}/")
        assert (answer.status_code, answer.headers["Location"].split("?")[0]) == (
            302,
            "/admin/login/",
        )
        client.force_login(alice)


@pytest.mark.parametrize("name", ALL)
def test_shows_staff_without_rights_no_list(client, operator, name):
    client.force_login(operator)
    assert client.get(f"/admin/{name}/").status_code == 403


def test_lets_staff_who_may_only_look_do_nothing(client, operator, alice):
    operator.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    client.force_login(operator)
    add_rows(1)
    for name in LISTS:
        page = client.get(f"/admin/{name}/")
        assert page.status_code == 200
        assert 'name="action"' not in page.text, name


def test_lets_only_superusers_give_rights_or_touch_superusers(client, operator, alice):
    operator.user_permissions.set(Permission.objects.filter(codename__endswith="_user"))
    client.force_login(operator)
    root = User.objects.create_superuser("root", "correct horse")
    body = {
        "login": "alice",
        "name": "A",
        "is_active": "on",
        "is_staff": "on",
        "is_superuser": "on",
    }
    assert client.post(f"/admin/accounts/user/{alice.pk}/change/", body).status_code == 302
    alice.refresh_from_db()
    assert (alice.name, alice.is_staff, alice.is_superuser) == ("A", False, False)
    for page in ("change", "password", "delete"):
        assert (
            client.post(f"/admin/accounts/user/{root.pk}/{page}/", {"post": "yes"}).status_code
            == 403
        )
    body = {"action": "delete_selected", "_selected_action": [root.pk], "post": "yes"}
    client.post("/admin/accounts/user/", body)
    assert User.objects.filter(pk=root.pk).exists()
