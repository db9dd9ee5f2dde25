"""What ends a session over HTTP closes its sockets, at once and whatever the broker does."""

from __future__ import annotations

import socket as network
import time

import pytest
from asgiref.sync import sync_to_async
from django.test import Client

from tests.conftest import PASSWORD
from tests.push.sockets import PLAIN, PUSHER, opened
from vms.accounts.models import Session, User

pytestmark = pytest.mark.django_db(transaction=True)

NEW = "a fresh staple for horses"
JSON = "application/json"


def delete_session(signed_in, _alice):
    answer = Client().delete(
        f"/api/v1/sessions/{signed_in.session_id}", headers={"authorization": signed_in.bearer}
    )
    assert answer.status_code == 200


def use_a_refresh_token_twice(signed_in, _alice):
    body = {"refresh_token": signed_in.refresh}
    codes = [
        Client().post("/api/v1/token/refresh", body, content_type=JSON).status_code
        for _ in range(2)
    ]
    assert codes == [200, 401]


def change_password_elsewhere(_signed_in, alice):
    body = {"login": "alice", "password": PASSWORD}
    token = Client().post("/api/v1/token", body, content_type=JSON).json()["access_token"]
    body = {"old_password": PASSWORD, "password": NEW, "password_confirmation": NEW}
    headers = {"authorization": f"Bearer {token}"}
    answer = Client().put("/api/v1/user/password", body, content_type=JSON, headers=headers)
    assert answer.status_code == 200


def operator() -> Client:
    root = User.objects.create_superuser("root", PASSWORD)
    client = Client()
    client.force_login(root)
    return client


def end_on_the_page(signed_in, _alice):
    body = {"action": "end", "_selected_action": [signed_in.session_id]}
    assert operator().post("/admin/accounts/session/", body).status_code == 302


def set_password_on_the_page(_signed_in, alice):
    body = {"usable_password": "true", "password1": NEW, "password2": NEW}
    answer = operator().post(f"/admin/accounts/user/{alice.pk}/password/", body)
    assert answer.status_code == 302


def disable(_signed_in, alice):
    """However it is done: sockets are not told, they are looked after."""
    User.objects.filter(pk=alice.pk).update(is_active=False)


WAYS = pytest.mark.parametrize(
    "end",
    [
        delete_session,
        use_a_refresh_token_twice,
        change_password_elsewhere,
        end_on_the_page,
        set_password_on_the_page,
        disable,
    ],
)


@WAYS
async def test_closes_the_plain_socket(alice, sign_in, end):
    signed_in = await sync_to_async(sign_in)(alice)
    async with opened(PLAIN, bearer=signed_in.bearer) as socket:
        assert (await socket.receive_json())["type"] == "authenticated"
        await sync_to_async(end)(signed_in, alice)
        assert (await socket.receive_json())["message"] == "The session has ended."
        assert await socket.closed_with() == 4401


@WAYS
async def test_closes_the_pusher_socket(alice, sign_in, end):
    signed_in = await sync_to_async(sign_in)(alice)
    async with opened(PUSHER, bearer=signed_in.bearer) as socket:
        assert (await socket.receive_json())["event"] == "pusher:connection_established"
        await sync_to_async(end)(signed_in, alice)
        assert (await socket.receive_json())["event"] == "pusher:error"
        assert await socket.closed_with() == 4009


async def test_leaves_other_sockets_open(alice, mallory, sign_in):
    ended, foreign = [await sync_to_async(sign_in)(user) for user in (alice, mallory)]
    phone = await sync_to_async(sign_in)(alice)
    async with (
        opened(PLAIN, bearer=foreign.bearer) as of_mallory,
        opened(PLAIN, bearer=phone.bearer) as of_phone,
    ):
        for socket in (of_mallory, of_phone):
            assert (await socket.receive_json())["type"] == "authenticated"
        await sync_to_async(delete_session)(ended, alice)
        assert await of_mallory.receive_nothing()
        assert await of_phone.receive_nothing()


# Far from what it takes, and from how long it hangs when nothing ends it.
BEARABLE_SECONDS = 30


@pytest.fixture(params=["refuses", "hangs"])
def dead_broker(request, settings):
    """Point the channel layer at a server that is away, or takes connections and says nothing."""
    with network.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1] if request.param == "hangs" else 1
        address = {"address": f"redis://127.0.0.1:{port}/0", "socket_timeout": None}
        settings.CHANNEL_LAYERS = {
            "default": {
                "BACKEND": "channels_redis.core.RedisChannelLayer",
                "CONFIG": {"hosts": [address]},
            }
        }
        yield


def test_ends_the_session_though_the_broker_is_dead(alice, sign_in, dead_broker):
    signed_in = sign_in(alice)
    begin = time.monotonic()
    delete_session(signed_in, alice)
    assert time.monotonic() - begin < BEARABLE_SECONDS
    assert Session.objects.get().revoked_at is not None
