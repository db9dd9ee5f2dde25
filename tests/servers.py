"""Where servers of the machine are that some suites want."""

from __future__ import annotations

import os
import shutil


def find_nginx() -> str | None:
    """Return nginx; Debian puts it where only the administrator's PATH leads."""
    return shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
