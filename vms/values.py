"""How the text of an operator's setting becomes a value; used by the list in `vms.env`.

Every parser raises ValueError with the cure, and those of addresses never repeat their text: it
may hold a password.
"""

from __future__ import annotations

import base64
import ipaddress
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

KEY_LENGTH = 32
PUBLIC_KEY_LENGTH = 32
LABEL = r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)"
HOST_NAME = re.compile(rf"{LABEL}(\.{LABEL})*")
# As `Stream.node`: a part of a queue's name.
NODE = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
PREFIX = re.compile(r"([A-Za-z0-9_-][A-Za-z0-9_.-]*/)+")
TOKEN = re.compile(r"[!-~]+")
LOCATION = re.compile(r"/([A-Za-z0-9_-]+/)+")


def parse_text(text: str) -> str:
    return text.strip()


def parse_bool(text: str) -> bool:
    lowered = text.strip().lower()
    if lowered in {"1", "true", "yes", "on"}:
        return True
    if lowered in {"0", "false", "no", "off", ""}:
        return False
    raise ValueError("write true or false")


def parse_path(text: str) -> Path:
    if not text.strip():
        raise ValueError("write the path of a folder")
    return Path(text.strip()).expanduser().absolute()


def parse_node(text: str) -> str:
    if not NODE.fullmatch(text.strip()):
        raise ValueError("write up to 32 small letters, digits, - and _")
    return text.strip()


def parse_zone(text: str) -> str:
    try:
        ZoneInfo(text.strip())
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError("write an IANA time zone such as Europe/Berlin") from error
    return text.strip()


def parse_key(text: str) -> str:
    if len(text.strip()) < KEY_LENGTH:
        raise ValueError(f"write a random text of at least {KEY_LENGTH} characters")
    return text.strip()


def parse_keys(text: str) -> list[str]:
    keys = listed(text)
    if not keys or any(len(key) < KEY_LENGTH for key in keys):
        raise ValueError(
            f"write random texts of at least {KEY_LENGTH} characters without a comma, separated "
            "by commas, the newest first"
        )
    return keys


def parse_public_key(text: str) -> bytes:
    cure = "write the 32 bytes of an Ed25519 public key in base64"
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except ValueError as error:
        raise ValueError(cure) from error
    if len(key) != PUBLIC_KEY_LENGTH:
        raise ValueError(cure)
    return key


def one_of(*words: str) -> Callable[[str], str]:
    """Make a parser that accepts only *words*."""

    def parse(text: str) -> str:
        if text.strip() not in words:
            raise ValueError(f"write one of {', '.join(words)}")
        return text.strip()

    return parse


def parse_location(text: str) -> str:
    if not LOCATION.fullmatch(text.strip()):
        raise ValueError("write the location as nginx has it, such as /_files/")
    return text.strip()


# --- buckets ------------------------------------------------------------------------------------


def parse_bucket(text: str) -> str:
    """Accept the name of a bucket (Amazon S3 User Guide, "Bucket naming rules")."""
    if not BUCKET.fullmatch(text.strip()) or ".." in text:
        raise ValueError(
            "write the name of a bucket: 3 to 63 small letters, digits, dots and hyphens"
        )
    return text.strip()


def parse_s3_prefix(text: str) -> str:
    if not PREFIX.fullmatch(text.strip()):
        raise ValueError("write a prefix that ends with a slash, such as vms/, in plain letters")
    return text.strip()


def parse_token(text: str) -> str:
    """Accept a word that goes into a signature; never repeat it, it may be a secret."""
    if not TOKEN.fullmatch(text.strip()):
        raise ValueError("write one word, without spaces, of printable ASCII letters")
    return text.strip()


def whole(low: int, high: int) -> Callable[[str], int]:
    """Make a parser of whole numbers from *low* to *high*, both allowed."""

    def parse(text: str) -> int:
        cure = f"write a whole number from {low} to {high}"
        try:
            number = int(text.strip())
        except ValueError as error:
            raise ValueError(cure) from error
        if not low <= number <= high:
            raise ValueError(cure)
        return number

    return parse


# --- hosts ------------------------------------------------------------------------------------


def parse_host(text: str) -> str:
    host = text.strip()
    if not is_address(host) and not HOST_NAME.fullmatch(host):
        raise ValueError("write an address such as 127.0.0.1 or a host name, without a port")
    return host


def parse_allowed_hosts(text: str) -> list[str]:
    return [parse_allowed_host(item) for item in listed(text)]


def parse_allowed_host(text: str) -> str:
    """Return the host as a Host header holds it: an IPv6 address in brackets, no port."""
    if is_address(text.removeprefix("[").removesuffix("]")):
        return in_header(text.removeprefix("[").removesuffix("]"))
    if not HOST_NAME.fullmatch(text.removeprefix(".")):
        raise ValueError(
            "write host names such as vms.example.org, separated by commas, without scheme, port "
            "or *; .example.org stands for all names below it"
        )
    return text.lower()


def parse_proxies(text: str) -> list[str]:
    return [parse_proxy(item) for item in listed(text)]


def parse_proxy(text: str) -> str:
    cure = (
        "write addresses or networks such as 10.0.0.2 or 10.0.0.0/24, separated by commas; host "
        "names, * and networks of everybody are not taken"
    )
    try:
        network = ipaddress.ip_network(text)
    except ValueError as error:
        raise ValueError(cure) from error
    if network.prefixlen == 0:
        raise ValueError(cure)
    return text


def listed(text: str) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()]


def is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def in_header(host: str) -> str:
    """Write *host* as a Host header does: an IPv6 address stands in brackets."""
    return f"[{host}]" if ":" in host else host


# --- addresses of servers ---------------------------------------------------------------------


def parse_public_url(text: str) -> str:
    cure = "write an address such as https://vms.example.org, with a port at most behind the host"
    parts = split_address(text, ("http", "https"), cure)
    host = parts.hostname or ""
    if "@" in parts.netloc or not (is_address(host) or HOST_NAME.fullmatch(host)):
        raise ValueError(cure)
    if parts.path not in {"", "/"} or re.search(r"[?#]", text):
        raise ValueError(cure)
    port = "" if parts.port is None else f":{parts.port}"
    return f"{parts.scheme}://{in_header(host)}{port}"


def parse_database_url(text: str) -> str:
    """Accept a PostgreSQL server and its database, or the file of an SQLite database."""
    cure = (
        "write postgres://user:password@host:5432/name, special characters in the password "
        "percent-encoded, or sqlite:////path/of/the.file"
    )
    parts = split_address(text, ("postgres", "postgresql", "sqlite"), cure)
    name = parts.path.removeprefix("/")
    if not name or parts.fragment:
        raise ValueError(cure)
    if parts.scheme == "sqlite":
        if parts.netloc:
            raise ValueError(cure)
    elif "/" in name:
        raise ValueError(cure)
    return text.strip()


def parse_redis_url(text: str) -> str:
    cure = (
        "write redis://:password@host:6379/0 or rediss://..., special characters in the password "
        "percent-encoded"
    )
    parts = split_address(text, ("redis", "rediss"), cure)
    if not parts.hostname or parts.fragment or not re.fullmatch(r"(/\d*)?", parts.path):
        raise ValueError(cure)
    return text.strip()


def parse_broker_url(text: str) -> str:
    """Take the address of a RabbitMQ server, with or without TLS (RabbitMQ URI specification)."""
    cure = (
        "write amqp://user:password@host:5672/vhost or amqps://..., special characters in the "
        "password percent-encoded"
    )
    parts = split_address(text, ("amqp", "amqps"), cure)
    if not parts.hostname or parts.fragment or parts.query:
        raise ValueError(cure)
    return text.strip()


def parse_s3_url(text: str) -> str:
    cure = "write an address such as https://s3.example.org, with a port at most behind the host"
    try:
        return parse_public_url(text)
    except ValueError:
        raise ValueError(cure) from None


def split_address(text: str, schemes: tuple[str, ...], cure: str) -> SplitResult:
    """Take an address apart; what is left for the caller are its parts, each well-formed."""
    address = text.strip()
    if re.search(r"[\s\\]", address):
        raise ValueError(cure)
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        # Python's own words would repeat a piece of the text, which may be a password.
        raise ValueError(cure) from None
    if parts.scheme not in schemes or "://" not in address or port == 0:
        raise ValueError(cure)
    return parts
