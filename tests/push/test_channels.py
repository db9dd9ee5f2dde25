from __future__ import annotations

import hashlib
import hmac

import pytest
from channels.layers import InMemoryChannelLayer

from vms.accounts.sockets import session_group
from vms.push.channels import (
    app_secret,
    own_channels,
    sign_channel,
    token_channel,
    user_channel,
    verify,
    without_prefix,
)

SESSION = "0f" * 16


def test_names_are_what_clients_expect():
    assert token_channel(SESSION) == f"token.{SESSION}"
    assert user_channel(7) == "user.7"
    assert own_channels(SESSION, 7) == {f"token.{SESSION}", "user.7"}


@pytest.mark.parametrize("name", [token_channel(SESSION), user_channel(7), session_group(SESSION)])
def test_names_are_valid_groups(name):
    assert InMemoryChannelLayer().require_valid_group_name(name)


def test_drops_only_a_leading_prefix():
    assert without_prefix("private-user.7") == "user.7"
    assert without_prefix("user.private-7") == "user.private-7"


def test_signs_as_the_pusher_documentation_says():
    told = b"12.34:private-user.7"
    expected = hmac.new(app_secret(), told, hashlib.sha256).hexdigest()
    assert sign_channel("12.34", "private-user.7") == f"vms:{expected}"


def test_verifies_its_own_signature():
    assert verify("12.34", "private-user.7", sign_channel("12.34", "private-user.7"))


@pytest.mark.parametrize("auth", ["", "vms:", "vms:00", "é", "\ud800"])
def test_refuses_other_signatures(auth):
    assert not verify("12.34", "private-user.7", auth)


def test_a_signature_is_for_one_socket_and_one_channel():
    auth = sign_channel("12.34", "private-user.7")
    assert not verify("12.35", "private-user.7", auth)
    assert not verify("12.34", "private-user.8", auth)


def test_another_server_key_makes_another_secret(settings):
    before = app_secret()
    settings.SECRET_KEY = "another key"
    assert app_secret() != before
