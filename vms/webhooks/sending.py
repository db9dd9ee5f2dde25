"""One POST over TLS to an address that was checked, with an end to time and size.

The name is resolved once, and what is connected to is one of the addresses that were checked: a
name that stands for something else a moment later (DNS rebinding) changes nothing. Redirects are
answers like others, they are not followed; nor are proxies of the environment asked.
"""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import Event, Thread, Timer
from time import monotonic

from vms.webhooks.addresses import Network, may_connect
from vms.webhooks.targets import REFUSED, Target

MOST_ADDRESSES = 4
# Of an answer only the status counts; what else comes is read so far, that nothing is reset.
MOST_READ = 16 * 1024
HTTP_ERRORS = (OSError, http.client.HTTPException, ValueError)
Place = tuple[socket.AddressFamily, tuple[str, int]]


class NotSent(Exception):
    """No answer came; the message is for the log that owner and operators read."""


@dataclass(frozen=True)
class Limits:
    """What one attempt may cost and where it may go; *ca_file* is trusted beside the system's."""

    seconds: float
    allowed: tuple[Network, ...] = ()
    ca_file: Path | None = None


def post(target: Target, body: bytes, headers: Mapping[str, str], limits: Limits) -> int:
    """Send *body* and return the status of the answer, whatever it is.

    Raises:
        NotSent: the name is unknown, the address refused, or no answer came in time.
    """
    deadline = monotonic() + limits.seconds
    context = trust(limits.ca_file)
    raw = connect(checked_addresses(target, limits.allowed, deadline), deadline)
    with raw, cut_off(raw, deadline) as is_cut:
        try:
            # Certificates name hosts without the dot that ends a full name.
            name = target.host.removesuffix(".")
            tls = context.wrap_socket(raw, server_hostname=name)
            with tls:
                return exchange(tls, target, body, headers, is_cut)
        except HTTP_ERRORS as error:
            raise NotSent(reason_of(error, limits.seconds, is_cut=is_cut.is_set())) from error


def exchange(
    tls: ssl.SSLSocket, target: Target, body: bytes, headers: Mapping[str, str], is_cut: Event
) -> int:
    connection = http.client.HTTPSConnection(target.host, target.port)
    connection.auto_open = 0  # would connect by itself, to what was not checked
    connection.sock = tls
    connection.request("POST", target.path, body, dict(headers))
    response = connection.getresponse()
    if is_cut.is_set():  # the end we made ourselves would pass for that of the headers
        raise TimeoutError
    with suppress(*HTTP_ERRORS):
        response.read(MOST_READ)
    return response.status


def checked_addresses(
    target: Target, allowed: Sequence[Network], deadline: float
) -> Sequence[Place]:
    """Resolve the host, once; every address it has must be one that may be connected to."""
    addresses = resolve(target, deadline)
    if not all(may_connect(host, allowed) for _family, (host, _port) in addresses):
        raise NotSent(REFUSED)
    return addresses[:MOST_ADDRESSES]


def resolve(target: Target, deadline: float) -> Sequence[Place]:
    """Ask the system's resolver, which knows no deadline: a thread that is late is left to it."""
    found: list[Place] = []

    def ask() -> None:
        with suppress(OSError, UnicodeError):
            answers = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
            found.extend((answer[0], (str(answer[4][0]), target.port)) for answer in answers)

    thread = Thread(target=ask, daemon=True)
    thread.start()
    thread.join(max(deadline - monotonic(), 0))
    if thread.is_alive():
        raise NotSent("The host name was not looked up in time.")
    if not found:
        raise NotSent("The host name is not known.")
    return found


def connect(addresses: Sequence[Place], deadline: float) -> socket.socket:
    """Connect to the first address that takes it; each gets its share of the time left."""
    for number, (family, place) in enumerate(addresses):
        raw = socket.socket(family, socket.SOCK_STREAM)
        try:
            raw.settimeout(max((deadline - monotonic()) / (len(addresses) - number), 0.01))
            raw.connect(place)
        except OSError:
            raw.close()
        else:
            raw.settimeout(None)  # from here on the deadline holds for all together
            return raw
    raise NotSent("Nobody answers at this address.")


@contextmanager
def cut_off(raw: socket.socket, deadline: float) -> Iterator[Event]:
    """End the connection at the deadline, however busily the other side sends byte by byte."""
    is_cut = Event()
    # TLS takes the descriptor over from *raw*; this copy still ends the same connection.
    copy = raw.dup()

    def cut() -> None:
        is_cut.set()
        with suppress(OSError):
            copy.shutdown(socket.SHUT_RDWR)

    timer = Timer(max(deadline - monotonic(), 0), cut)
    timer.daemon = True
    timer.start()
    try:
        yield is_cut
    finally:
        timer.cancel()
        timer.join()
        copy.close()


@lru_cache(maxsize=4)
def trust(ca_file: Path | None) -> ssl.SSLContext:
    """Make the settings of TLS: certificates are verified, by the system's authorities and ours."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file is not None:
        try:
            context.load_verify_locations(ca_file)
        except OSError as error:
            raise NotSent("The file of certificate authorities cannot be read.") from error
    return context


def reason_of(error: Exception, seconds: float, *, is_cut: bool) -> str:
    if is_cut:
        return f"No answer within {seconds:g} seconds."
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"The certificate is not good: {error.verify_message.rstrip('.')}."
    if isinstance(error, ssl.SSLError):
        return "TLS failed: the receiver may not speak it."
    if isinstance(error, http.client.HTTPException):
        return "The answer is not HTTP."
    return "The connection was lost."
