"""The web process: where it listens, how it is started, when it counts as up."""

from __future__ import annotations

import errno
import http.client
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vms.ops.children import Program
from vms.ops.ports import bound_port, free_port

# Leaves uvicorn's loggers to Django's settings, which redact what they write.
LOG_CONFIG = Path(__file__).with_name("uvicorn.json")
ANSWER_SECONDS = 2.0
# What a browser or a player has open when the server stops gets so long to finish.
FINISH_SECONDS = 5
# Frames clients send us are small; what we send is not limited by these.
SOCKET_MESSAGE_BYTES = 64 * 1024
SOCKET_QUEUE = 16


class PortTaken(Exception):
    """Nothing can listen on the address; the message names the setting."""


@dataclass(frozen=True)
class WebAddress:
    """Where the web process listens and the Host header our own questions carry."""

    host: str
    port: int
    host_header: str

    @property
    def reachable_host(self) -> str:
        """The host to connect to: "all addresses" is none."""
        return {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(self.host, self.host)  # noqa: S104

    @property
    def url(self) -> str:
        host = self.reachable_host
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    @property
    def bind(self) -> str:
        """Host and port in one text, as servers take it."""
        host = self.host or "0.0.0.0"  # noqa: S104 - what an empty host means
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"

    def is_answering(self) -> bool:
        connection = http.client.HTTPConnection(
            self.reachable_host, self.port, timeout=ANSWER_SECONDS
        )
        try:
            connection.request("GET", "/healthz", headers={"Host": self.host_header})
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def choose_address(host: str, port: int, allowed_hosts: Sequence[str]) -> WebAddress:
    """Find the address to listen on; port 0 becomes a free one.

    Raises:
        PortTaken: another program has it, or the host is none of this machine's addresses.
    """
    try:
        family = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM)[0][0]
        chosen = bound_port(host, port, family) if port else free_port(host, family)
    except PermissionError as error:
        raise PortTaken(f"Port {port} may not be used: set VMS_PORT to one above 1023.") from error
    except (socket.gaierror, UnicodeError) as error:
        raise PortTaken(f"VMS_HOST {host} is no address of this machine.") from error
    except OSError as error:
        if error.errno == errno.EADDRNOTAVAIL:
            raise PortTaken(f"VMS_HOST {host} is no address of this machine.") from error
        raise PortTaken(
            f"Port {port} on {host} cannot be used ({error.strerror}): stop the program that "
            "listens there, or set VMS_PORT to a free port and VMS_HOST to an address of this "
            "machine."
        ) from error
    return WebAddress(host, chosen, host_header(allowed_hosts))


def host_header(allowed_hosts: Sequence[str]) -> str:
    """Choose a host name the web process accepts."""
    for host in allowed_hosts:
        if host != "*":
            return host.lstrip(".")
    return "localhost"


def web_program(address: WebAddress, trusted_proxies: Sequence[str]) -> Program:
    return Program(
        name="web",
        command=[
            sys.executable,
            *("-m", "vms.ops.web_server", "vms.asgi:application"),
            *("--host", address.host, "--port", str(address.port)),
            *("--lifespan", "off", "--no-access-log", "--no-server-header"),
            *("--log-config", str(LOG_CONFIG), "--log-level", "warning"),
            *("--ws-max-size", str(SOCKET_MESSAGE_BYTES), "--ws-max-queue", str(SOCKET_QUEUE)),
            # A compressor takes more memory than all else of a socket; our frames are short.
            *("--ws-per-message-deflate", "false"),
            *("--timeout-graceful-shutdown", str(FINISH_SECONDS)),
            *proxy_options(trusted_proxies),
        ],
        is_ready=address.is_answering,
        grace_seconds=FINISH_SECONDS + 3,
    )


def proxy_options(trusted_proxies: Sequence[str]) -> list[str]:
    """Believe X-Forwarded headers of the named proxies only; uvicorn's default trusts loopback."""
    if not trusted_proxies:
        return ["--no-proxy-headers"]
    return ["--proxy-headers", "--forwarded-allow-ips", ",".join(trusted_proxies)]
