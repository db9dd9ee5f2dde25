"""Signing in and out, and the caller's own account."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.generics import ListAPIView
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from vms.accounts import services
from vms.accounts.authentication import session_of
from vms.accounts.models import Session, SessionQuerySet
from vms.accounts.serializers import (
    CredentialsSerializer,
    PasswordSerializer,
    RefreshSerializer,
    SessionSerializer,
    SignedInSerializer,
    TokenPairSerializer,
    UserSerializer,
)
from vms.accounts.throttles import (
    OldPasswordThrottle,
    SignInAddressThrottle,
    SignInLoginThrottle,
)
from vms.accounts.tokens import TokenPair
from vms.api.clients import Client, client_of
from vms.api.dates import wire_interval_time, wire_timestamp
from vms.api.errors import InvalidData
from vms.api.schema import StatusSerializer, refusals

BAD_CREDENTIALS = "These credentials do not match our records."


class TokenView(APIView):
    """Sign in. A token that is sent along is not looked at: it may be the one that expired."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    throttle_classes = (SignInAddressThrottle, SignInLoginThrottle)

    @extend_schema(
        summary="Sign in",
        request=CredentialsSerializer,
        responses={200: SignedInSerializer, **refusals(400, 415, 422, 429)},
    )
    def post(self, request: Request) -> Response:
        asked = CredentialsSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        login, password = asked.validated_data["login"], asked.validated_data["password"]
        try:
            session, pair = self.sign_in(login, password, client_of(request), timezone.now())
        except services.BadCredentials as error:
            raise InvalidData({"login": [BAD_CREDENTIALS]}) from error
        user = UserSerializer(session.user, context={"session": session}).data
        return Response({"user": user, **pair_body(pair, self.write_expiry(pair.expires_at))})

    def sign_in(
        self, login: str, password: str, client: Client, now: datetime
    ) -> tuple[Session, TokenPair]:
        return services.sign_in(login, password, client, now)

    def write_expiry(self, moment: datetime) -> str:
        return wire_timestamp(moment)


class OperatorTokenView(TokenView):
    """Sign in to the operator's API, whose clients read `expires_at` in the short form."""

    def sign_in(
        self, login: str, password: str, client: Client, now: datetime
    ) -> tuple[Session, TokenPair]:
        return services.sign_in_operator(login, password, client, now)

    def write_expiry(self, moment: datetime) -> str:
        return wire_interval_time(moment)


class RefreshView(APIView):
    """Trade a refresh token for a new pair."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(
        summary="Get a new pair of tokens",
        request=RefreshSerializer,
        responses={200: TokenPairSerializer, **refusals(400, 401, 415, 422)},
    )
    def post(self, request: Request) -> Response:
        asked = RefreshSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        pair = services.rotate(asked.validated_data["refresh_token"], timezone.now())
        if pair is None:
            raise AuthenticationFailed
        return Response(pair_body(pair, wire_timestamp(pair.expires_at)))


def pair_body(pair: TokenPair, expires_at: str) -> dict[str, Any]:
    return {
        "access_token": pair.access,
        "token_type": "Bearer",
        "expires_at": expires_at,
        "refresh_token": pair.refresh,
    }


class SessionListView(ListAPIView):
    """The caller's live sessions, newest first."""

    serializer_class = SessionSerializer
    queryset = Session.objects.none()  # names the model in the OpenAPI document
    filter_backends = ()

    def get_queryset(self) -> SessionQuerySet:
        live = Session.objects.live(timezone.now())
        return live.filter(user=session_of(self.request).user)

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "session": self.request.auth}

    @extend_schema(
        summary="List my sessions",
        responses={200: SessionSerializer(many=True), **refusals(401, 403, 422)},
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)


class SessionView(APIView):
    """End one of the caller's sessions; clients of other systems do it with POST."""

    @extend_schema(
        summary="End a session",
        request=None,
        responses={200: StatusSerializer, **refusals(401, 403, 404)},
    )
    def delete(self, request: Request, session_id: str) -> Response:
        if not services.end_session(session_of(request).user, session_id, timezone.now()):
            raise Http404
        return Response({"status": "ok"})

    @extend_schema(
        summary="End a session",
        operation_id="sessions_end",
        request=None,
        responses={200: StatusSerializer, **refusals(401, 403, 404)},
    )
    def post(self, request: Request, session_id: str) -> Response:
        return self.delete(request, session_id)


class UserView(APIView):
    """The caller."""

    @extend_schema(summary="Who am I", responses={200: UserSerializer, **refusals(401, 403)})
    def get(self, request: Request) -> Response:
        return Response(UserSerializer(request.user, context={"session": request.auth}).data)


class PasswordView(APIView):
    """Change the caller's password; all other sessions end."""

    throttle_classes = (OldPasswordThrottle,)

    @extend_schema(
        summary="Change my password",
        request=PasswordSerializer,
        responses={200: StatusSerializer, **refusals(400, 401, 403, 415, 422, 429)},
    )
    def put(self, request: Request) -> Response:
        session = session_of(request)
        user = session.user
        if not user.can_update_password:
            raise PermissionDenied
        asked = PasswordSerializer(data=request.data, context={"user": user})
        asked.is_valid(raise_exception=True)
        services.change_password(user, asked.validated_data["password"], session, timezone.now())
        return Response({"status": "ok"})
