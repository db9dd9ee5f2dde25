"""Login and password of HTTP Basic: read, checked as a sign-in is, remembered for a while."""

from __future__ import annotations

import base64
import binascii

from django.core.cache import cache
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare, salted_hmac
from redis.exceptions import RedisError
from rest_framework.exceptions import AuthenticationFailed, Throttled

from vms.accounts.models import User
from vms.accounts.services import checked_user
from vms.accounts.throttles import SignInAddressThrottle, SignInLoginThrottle
from vms.api.clients import remote_address
from vms.api.throttling import SlotThrottle

# A client that polls sends its password each time; hashing it costs most of a second.
REMEMBERED_SECONDS = 300


def read_basic(header: str) -> tuple[str, str] | None:
    """Read login and password of an Authorization header (RFC 7617); None for other schemes.

    Raises:
        AuthenticationFailed: they cannot be read.
    """
    scheme, _, text = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        pair = decode(base64.b64decode(text.strip(), validate=True))
    except (binascii.Error, ValueError) as error:
        raise AuthenticationFailed from error
    login, colon, password = pair.partition(":")
    if not colon or not login or "\0" in pair:
        raise AuthenticationFailed
    return login, password


def decode(octets: bytes) -> str:
    """Read UTF-8, and what older clients send instead."""
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return octets.decode("latin-1")


def user_of(request: HttpRequest, login: str, password: str) -> User:
    """Return the user whose password this is; one that was right lately is not counted as a try.

    Raises:
        Throttled: too many tries from this address or for this login.
        AuthenticationFailed: it is wrong, or nobody has the login.
    """
    known = remembered_user(login, password)
    return known or signed_in(request, login, password)


def signed_in(request: HttpRequest, login: str, password: str) -> User:
    """Check a password and count the try, as signing in does.

    Raises:
        Throttled, AuthenticationFailed: as `user_of`.
    """
    count_try(SignInAddressThrottle(), remote_address(request))
    count_try(SignInLoginThrottle(), login)
    user = checked_user(login, password)
    if user is None:
        raise AuthenticationFailed
    remember(user, password)
    return user


def count_try(throttle: SlotThrottle, name: str | None) -> None:
    if name is not None and not throttle.admits(name):
        raise Throttled(wait=throttle.wait())


def remembered_user(login: str, password: str) -> User | None:
    """Return the active user if this very password was right lately and is theirs still."""
    user = User.objects.filter(login=login, is_active=True).first()
    try:
        kept = cache.get(key_of(user)) if user is not None else None
    except (RedisError, OSError):
        return None
    if user is None or not isinstance(kept, str):
        return None
    return user if constant_time_compare(kept, proof_of(user, password)) else None


def remember(user: User, password: str) -> None:
    try:
        cache.set(key_of(user), proof_of(user, password), timeout=REMEMBERED_SECONDS)
    except (RedisError, OSError):
        return  # the next one is checked again


def key_of(user: User) -> str:
    return f"psim.basic.{user.pk}"


def proof_of(user: User, password: str) -> str:
    """Stand for a password that was right: of no use without the server's key, nor after a change.

    The stored hash is part of it, so a new password forgets the old one at once.
    """
    return salted_hmac(
        "exports.psim.passwords", f"{user.password}\0{password}", algorithm="sha256"
    ).hexdigest()
