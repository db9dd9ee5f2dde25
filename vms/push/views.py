"""What a client asks over HTTP before it opens a socket: where, a ticket, a signature."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta
from urllib.parse import urlsplit

from drf_spectacular.utils import extend_schema
from rest_framework import exceptions
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from vms.accounts.models import Session
from vms.api.broadcast import BROKER_ERRORS
from vms.api.links import origin
from vms.api.parsers import BodyParser, FormParser, MultiPartParser
from vms.api.schema import refusals
from vms.api.throttling import AddressThrottle
from vms.push.channels import PRIVATE, app_key, own_channels, sign_channel
from vms.push.serializers import (
    SignatureSerializer,
    SubscriptionSerializer,
    TicketSerializer,
    WsUrlSerializer,
)
from vms.push.tickets import TICKET_SECONDS, issue_ticket, remember_grant

SOCKET_PATH = "/ws"
DEFAULT_PORTS = {"http": 80, "https": 443}


class WsUrlThrottle(AddressThrottle):
    scope = "wsurl"
    limit = 20
    window = timedelta(minutes=5)


class BrokerAway(exceptions.APIException):
    """The shared cache cannot be reached, so nothing can be handed over to a socket."""

    status_code = 503
    default_detail = "Push is not available at the moment; try again soon."
    default_code = "broker_away"


class WsUrlView(APIView):
    authentication_classes = ()
    permission_classes = (AllowAny,)
    throttle_classes = (WsUrlThrottle,)

    @extend_schema(responses={200: WsUrlSerializer, **refusals(429)})
    def get(self, request: Request) -> Response:
        """Tell where the sockets are."""
        return Response(socket_address(origin(request)))


class TicketView(APIView):
    @extend_schema(request=None, responses={200: TicketSerializer, **refusals(401, 403, 503)})
    def post(self, request: Request) -> Response:
        """Give out a ticket that opens one socket, for `?token=` in its address."""
        session = session_of(request)
        with broker_needed():
            ticket = issue_ticket(session.pk)
        return Response({"ticket": ticket, "expires_in": TICKET_SECONDS})


class BroadcastingAuthView(APIView):
    parser_classes = (BodyParser, FormParser, MultiPartParser)

    @extend_schema(
        request=SubscriptionSerializer,
        responses={200: SignatureSerializer, **refusals(400, 401, 403, 422, 503)},
    )
    def post(self, request: Request) -> Response:
        """Sign a subscription to one of the caller's own private channels."""
        session = session_of(request)
        wanted = SubscriptionSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        socket_id = wanted.validated_data["socket_id"]
        channel = wanted.validated_data["channel_name"]
        if channel not in private_channels(session):
            raise exceptions.PermissionDenied
        with broker_needed():
            remember_grant(socket_id, channel, session.pk, wanted.validated_data.get("after"))
        return Response({"auth": sign_channel(socket_id, channel)})


def socket_address(base: str) -> dict[str, str | int | bool]:
    """Describe the sockets of the server at *base*; an IPv6 host keeps its brackets."""
    parts = urlsplit(base)
    path = parts.path.rstrip("/") + SOCKET_PATH
    is_encrypted = parts.scheme == "https"
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    return {
        "ws_url": f"{'wss' if is_encrypted else 'ws'}://{parts.netloc}{path}",
        "app_key": app_key(),
        "port": parts.port or DEFAULT_PORTS[parts.scheme],
        "host": host,
        "path": path,
        "is_encrypted": is_encrypted,
    }


def session_of(request: Request) -> Session:
    """Return the caller's session; other tokens, of integrations, have no socket."""
    if not isinstance(request.auth, Session):
        raise exceptions.PermissionDenied
    return request.auth


def private_channels(session: Session) -> set[str]:
    return {PRIVATE + channel for channel in own_channels(session.pk, session.user_id)}


@contextmanager
def broker_needed() -> Generator[None]:
    """Answer 503 when the shared cache cannot be reached."""
    try:
        yield
    except BROKER_ERRORS as error:
        raise BrokerAway from error
