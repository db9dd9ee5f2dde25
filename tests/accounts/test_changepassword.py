"""manage.py changepassword"""

from __future__ import annotations

import getpass

import pytest
from django.core.management import CommandError, call_command

from tests.conftest import PASSWORD

NEW = "a fresh staple for horses"


@pytest.fixture
def typed(monkeypatch):
    """Type texts at the prompt, where no terminal is."""

    def typed(*texts):
        waiting = list(texts)
        monkeypatch.setattr(getpass, "getpass", lambda **_prompt: waiting.pop(0))

    return typed


def test_ends_the_users_sessions(typed, api, alice, mallory, capsys):
    client, foreign = api(alice), api(mallory)
    typed(NEW, NEW)
    call_command("changepassword", "alice")
    alice.refresh_from_db()
    assert alice.check_password(NEW)
    assert client.get("/api/v1/user").status_code == 401
    assert foreign.get("/api/v1/user").status_code == 200
    assert "sessions ended: 1." in capsys.readouterr().out


def test_ends_none_when_the_password_stays(typed, api, alice):
    client = api(alice)
    typed(*["short"] * 6)
    with pytest.raises(CommandError):
        call_command("changepassword", "alice")
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)
    assert client.get("/api/v1/user").status_code == 200


def test_says_so_where_nobody_can_be_asked(alice, monkeypatch):
    def ask(**_prompt):
        raise EOFError

    monkeypatch.setattr(getpass, "getpass", ask)
    with pytest.raises(CommandError, match="use a terminal"):
        call_command("changepassword", "alice")
