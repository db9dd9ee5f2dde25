"""Secrets the embedded mode keeps in the data folder: the signing key, the broker's address."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from vms.env import BadSetting
from vms.values import KEY_LENGTH

KEY_FILE = "secret.key"
REDIS_FILE = "redis.url"


def kept_key(data_dir: Path, *, embedded: bool) -> str:
    """Return the signing key kept in *data_dir*, made on first use.

    Raises:
        BadSetting: outside the embedded mode, where every machine has to sign with the same key.
            One that is kept from embedded use is not taken: other machines do not have it.
    """
    if not embedded:
        raise BadSetting(
            "VMS_SECRET_KEY is missing: with a database or broker of your own, set it to the "
            "same long random text on every machine."
        )
    path = data_dir / KEY_FILE
    if not path.exists():
        write_private(path, secrets.token_urlsafe(48))
    key = path.read_text().strip()
    if len(key) < KEY_LENGTH:
        raise BadSetting(f"{KEY_FILE} in the data folder is damaged: restore it, or delete it.")
    return key


def embedded_redis_url(run_dir: Path) -> str | None:
    """Return the address of the broker that a running `up` started, None when none runs."""
    try:
        return (run_dir / REDIS_FILE).read_text().strip() or None
    except FileNotFoundError:
        return None


def write_private(path: Path, text: str) -> None:
    """Write *text* into a new file only the owner can read; the first of two writers wins."""
    own = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(own, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    try:
        os.link(own, path)
    except FileExistsError:
        pass
    finally:
        own.unlink()
