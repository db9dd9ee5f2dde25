"""The demonstration's own data folder, so that it never meets real cameras or recordings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from vms.ops.web import PortTaken, choose_address

NAME = "demo"
# What an operator may choose for a demonstration too. Everything else, above all where a real
# database, archive or broker is, is left behind.
KEPT = frozenset(
    {
        "VMS_HOST",
        "VMS_PORT",
        "VMS_FFMPEG",
        "VMS_TIME_ZONE",
        "VMS_LOG_FORMAT",
        "VMS_LOG_LEVEL",
    }
)


def demo_environment(environ: Mapping[str, str], data_dir: Path) -> dict[str, str]:
    """Make the environment of a process that works in the demo folder inside *data_dir*."""
    kept = {
        name: value
        for name, value in environ.items()
        if not name.startswith("VMS_") or name in KEPT
    }
    return {**kept, "VMS_DATA_DIR": str(data_dir / NAME)}


def free_port(host: str, port: int, allowed_hosts: Sequence[str]) -> int:
    """Return *port*, or 0 (any free one) when another program listens there."""
    try:
        return choose_address(host, port, allowed_hosts).port
    except PortTaken:
        return 0
