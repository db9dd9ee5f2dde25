"""manage.py add_user"""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from tests.conftest import PASSWORD
from vms.accounts.models import User
from vms.env import PROJECT_DIR


@pytest.fixture
def add_user(db, capsys):
    def add_user(*arguments):
        call_command("add_user", *arguments)
        return json.loads(capsys.readouterr().out)

    return add_user


def test_adds_a_user_who_can_sign_in(add_user, sign_in):
    printed = add_user("carol", "--password", PASSWORD)
    carol = User.objects.get()
    assert printed == {"user_id": carol.pk, "login": "carol"}
    assert (carol.name, carol.parent, carol.is_staff, carol.is_superuser) == (
        "carol",
        None,
        False,
        False,
    )
    assert sign_in("carol").status_code == 200


def test_adds_a_named_sub_user(add_user, alice):
    add_user("carol", "--password", PASSWORD, "--name", "Carol", "--parent", "alice")
    carol = User.objects.get(login="carol")
    assert (carol.name, carol.parent) == ("Carol", alice)


def test_adds_an_operator_with_all_pages(add_user, client):
    add_user("carol", "--password", PASSWORD, "--staff")
    assert client.login(username="carol", password=PASSWORD)
    for page in ("accounts/user/", "accounts/user/add/", "accounts/session/", "auth/group/"):
        assert client.get(f"/admin/{page}").status_code == 200


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            ["alice", "--password", PASSWORD],
            "LOGIN: there is a user alice already; .*changepassword",
        ),
        (["carol", "--password", PASSWORD, "--parent", "eve"], "--parent: there is no user eve"),
        (["carol", "--password", ""], "--password: .*at least 8 characters"),
        (["carol", "--password", "p"], "--password: .*at least 8 characters"),
        (["carol", "--password", "password1"], "--password: .*too common"),
        (["", "--password", PASSWORD], "LOGIN: .*blank"),
        (["c" * 151, "--password", PASSWORD], "LOGIN: .*150 characters"),
    ],
)
def test_refuses_wrong_values(add_user, alice, arguments, says):
    with pytest.raises(CommandError, match=says):
        add_user(*arguments)
    assert User.objects.count() == 1


def test_takes_the_password_from_the_input_where_nobody_can_be_asked(
    add_user, sign_in, monkeypatch
):
    monkeypatch.setattr("sys.stdin", StringIO(f"{PASSWORD}\n"))
    add_user("carol")
    assert sign_in("carol").status_code == 200


def test_needs_a_password(add_user, monkeypatch):
    monkeypatch.setattr("sys.stdin", StringIO(""))
    with pytest.raises(CommandError, match=r"--password: .*at least 8 characters"):
        add_user("carol")


ASK = """
import django
django.setup()
from vms.accounts.management.commands.add_user import ask_password
print(ask_password() == {password!r})
"""


@pytest.mark.parametrize("again", [PASSWORD, "something else"])
def test_asks_twice_at_a_terminal_and_shows_nothing_of_it(again):
    ours, its = pty.openpty()
    code = ASK.format(password=PASSWORD)
    with subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=PROJECT_DIR,
        stdin=its,
        stdout=its,
        stderr=its,
        start_new_session=True,
    ):
        os.close(its)
        shown = read_until(ours, b"Password: ")
        os.write(ours, f"{PASSWORD}\n".encode())
        shown += read_until(ours, b"Once more: ")
        os.write(ours, f"{again}\n".encode())
        shown += read_until(ours, None)
    os.close(ours)
    assert (b"True" in shown) == (again == PASSWORD)
    assert (b"The two passwords differ" in shown) == (again != PASSWORD)
    assert PASSWORD.encode() not in shown


def read_until(terminal: int, end: bytes | None) -> bytes:
    """Read what is shown up to *end*; without one until nobody has the other end any more."""
    shown = b""
    while end is None or not shown.endswith(end):
        try:
            shown += os.read(terminal, 4096)
        except OSError:  # how Linux says so
            assert end is None, shown
            return shown
    return shown
