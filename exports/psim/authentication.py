"""Who asks with a PSIM call: by password, by token in a header, by token in the address."""

from __future__ import annotations

from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from exports.psim.bodies import parameter
from exports.psim.models import PsimToken
from exports.psim.passwords import read_basic, signed_in, user_of
from exports.psim.tokens import PREFIX, find_token
from vms.accounts.authentication import bearer_of
from vms.accounts.models import User

# Both, so that clients which wait to be asked send their password.
CHALLENGE = 'Basic realm="VMS", charset="UTF-8", Bearer'


class ChallengingAuthentication(BaseAuthentication):
    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002 - the base's signature
        return CHALLENGE


class BasicAuthentication(ChallengingAuthentication):
    """`Authorization: Basic ...`, what `http://login:password@host/` becomes."""

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        pair = read_basic(request.headers.get("Authorization", ""))
        return None if pair is None else (self.user(request, *pair), None)

    def user(self, request: Request, login: str, password: str) -> User:
        return user_of(request, login, password)


class SignInAuthentication(BasicAuthentication):
    """The same where a token is given out: each time counts as signing in."""

    def user(self, request: Request, login: str, password: str) -> User:
        return signed_in(request, login, password)


class PsimTokenAuthentication(ChallengingAuthentication):
    """`Authorization: Bearer <token>`, or `?token=`; `request.auth` becomes the PsimToken.

    Other tokens of ours in the header are left to those who know them.
    """

    def authenticate(self, request: Request) -> tuple[User, PsimToken] | None:
        secret = bearer_of(request)
        if secret is not None and not secret.startswith(PREFIX):
            return None
        if secret is None:
            secret = parameter(request.query_params, "token")
        if secret is None:
            return None
        token = find_token(secret, timezone.now())
        if token is None:
            raise AuthenticationFailed
        return token.user, token
