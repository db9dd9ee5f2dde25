"""manage.py add_user"""

from __future__ import annotations

import json

import pytest
from django.core.management import CommandError, call_command

from vms.accounts.models import User


@pytest.fixture
def add_user(db, capsys):
    def add_user(*arguments):
        call_command("add_user", *arguments)
        return json.loads(capsys.readouterr().out)

    return add_user


def test_adds_a_user_who_can_sign_in(add_user, sign_in):
    printed = add_user("carol", "--password", "p")
    carol = User.objects.get()
    assert printed == {"user_id": carol.pk, "login": "carol"}
    assert (carol.name, carol.parent, carol.is_staff, carol.is_superuser) == (
        "carol",
        None,
        False,
        False,
    )
    assert sign_in("carol", "p").status_code == 200


def test_adds_a_named_sub_user(add_user, alice):
    add_user("carol", "--password", "p", "--name", "Carol", "--parent", "alice")
    carol = User.objects.get(login="carol")
    assert (carol.name, carol.parent) == ("Carol", alice)


def test_adds_an_operator_with_all_pages(add_user, client):
    add_user("carol", "--password", "p", "--staff")
    assert client.login(username="carol", password="p")
    for page in ("accounts/user/", "accounts/user/add/", "accounts/session/", "auth/group/"):
        assert client.get(f"/admin/{page}").status_code == 200


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["alice", "--password", "p"], "There is a user alice already."),
        (["carol", "--password", "p", "--parent", "eve"], "There is no user eve"),
        (["carol", "--password", ""], "password is empty"),
        (["", "--password", "p"], "login"),
        (["c" * 151, "--password", "p"], "login"),
    ],
)
def test_refuses_wrong_values(add_user, alice, arguments, says):
    with pytest.raises(CommandError, match=says):
        add_user(*arguments)
    assert User.objects.count() == 1


def test_needs_a_password(add_user):
    with pytest.raises(CommandError, match="--password"):
        add_user("carol")
