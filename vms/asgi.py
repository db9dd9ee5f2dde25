"""The ASGI application: HTTP goes to Django, sockets to the push consumers."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import Any

from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.urls import path, re_path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vms.settings")
django_application = get_asgi_application()

# These need settings and models, which only exist once Django is set up.
from vms.api.body_limit import BodyLimit  # noqa: E402
from vms.push.plain import PlainConsumer  # noqa: E402
from vms.push.pusher import PusherConsumer  # noqa: E402


async def no_such_socket(
    _scope: dict[str, Any],
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    """Refuse the handshake (HTTP 403) where no socket lives; the router would raise instead."""
    await receive()
    await send({"type": "websocket.close"})


# No check of the Origin header: it protects sockets that a browser opens with the cookies of
# whoever visits a foreign page. Ours take no cookies; a foreign page has neither the token nor a
# ticket. Clients that are no browsers send any Origin or none.
application = ProtocolTypeRouter(
    {
        "http": BodyLimit(django_application),
        "websocket": URLRouter(
            [
                path("ws/notifications", PlainConsumer.as_asgi()),
                path("ws/app/<str:app_key>", PusherConsumer.as_asgi()),
                re_path(r"", no_such_socket),  # type: ignore[arg-type] # ASGI, no view
            ]
        ),
    }
)
