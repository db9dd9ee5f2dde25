"""Ask an advisory service about every pinned package: `make audit`.

`pip-audit` does the asking and is no dependency of ours: it comes from PATH, or from PIP_AUDIT
("uvx pip-audit"). By itself it calls packages clean that the service knew nothing of, which is all
of them behind a mirror that has no advisories; here that counts as not audited.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

LISTS = ("requirements.txt", "requirements-dev.txt")
CLEAN, VULNERABLE, NOT_AUDITED = 0, 1, 2
OPTIONS = ("--require-hashes", "--disable-pip", "--format", "json", "--progress-spinner", "off")
PATIENCE_SECONDS = 300
TOOL_MISSING = (
    "not audited: there is no pip-audit. Install it (pipx install pip-audit), or name it: "
    'PIP_AUDIT="uvx pip-audit" make audit.'
)


def audit(tool: list[str], folder: Path) -> int:
    """Have *tool* look at the lists in *folder*, print what it found and return the exit code."""
    lists = [word for name in LISTS for word in ("-r", str(folder / name))]
    try:
        done = subprocess.run(
            [*tool, *OPTIONS, *lists],
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_SECONDS,
        )
    except FileNotFoundError:
        return tell(NOT_AUDITED, TOOL_MISSING)
    except subprocess.TimeoutExpired:
        return tell(NOT_AUDITED, "not audited: the advisory service does not answer.")
    try:
        found = json.loads(done.stdout)
    except ValueError:
        reason = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        return tell(NOT_AUDITED, f"not audited: the advisory service was not asked: {reason}")
    return judge(found)


def judge(found: Mapping[str, Any]) -> int:
    """Print what a report of pip-audit says of the packages, and return the exit code."""
    packages = found["dependencies"]
    unknown = [package for package in packages if "skip_reason" in package]
    holes = 0
    for package in packages:
        for hole in package.get("vulns", []):
            holes += 1
            cure = ", ".join(hole["fix_versions"]) or "nothing yet"
            say(f"{package['name']} {package['version']}: {hole['id']}, fixed in: {cure}")
    if holes:
        return tell(VULNERABLE, f"{holes} known holes; raise the versions and run `make lock`.")
    if unknown or not packages:
        text = (
            f"not audited: the service knows nothing of {len(unknown)} of {len(packages)} packages."
        )
        return tell(NOT_AUDITED, text)
    return tell(CLEAN, f"{len(packages)} packages, no known hole.")


def tell(code: int, text: str) -> int:
    say(text)
    return code


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(audit(shlex.split(os.environ.get("PIP_AUDIT", "pip-audit")), Path.cwd()))
