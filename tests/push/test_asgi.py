from __future__ import annotations

import pytest

from tests.push.sockets import Socket


@pytest.mark.parametrize("path", ["/", "/ws", "/ws/", "/ws/notifications/", "/ws/app/", "/x/é"])
async def test_closes_a_socket_where_none_lives(path):
    socket = Socket(path)
    assert not await socket.connect()
    await socket.wait()
