"""The ASGI application: HTTP goes to Django, sockets to the push consumers."""

from __future__ import annotations

import gc
import os
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Any

from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
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

# Collecting garbage stops every socket of the process meanwhile, for half a second with a thousand
# of them. What is loaded by now stays for good and need not be looked through; and the rest need
# not each time that so little is new as a look at all sockets makes and drops again.
import_module(settings.ROOT_URLCONF)
gc.collect()
gc.freeze()
gc.set_threshold(5_000, 10, 5)
