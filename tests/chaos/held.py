"""The real ffmpeg, slow or waiting, so that a fault meets it at work on however quick a machine."""

from __future__ import annotations

from pathlib import Path

from tests.chaos.site import Site
from vms.media.ffmpeg import find_ffmpeg


def hold(site: Site) -> Path:
    """Have ffmpeg, which makes all but mp4, wait until the file that this gives is there."""
    go = site.folder / "go"
    site.extra["VMS_FFMPEG"] = str(gated_ffmpeg(site.folder / "gated-ffmpeg", go))
    return go


def gated_ffmpeg(path: Path, go: Path) -> Path:
    """Make *path* an ffmpeg that begins its work when the file *go* is there."""
    return script(path, f'until [ -e "{go}" ]; do sleep 0.05; done', "")


def slow_ffmpeg(path: Path, slow: Path) -> Path:
    """Make *path* an ffmpeg that reads as fast as one watches while the file *slow* is there."""
    slow.touch()
    return script(path, f'[ -e "{slow}" ] && pace=-re', "$pace")


def paced_ffmpeg(path: Path, seconds: float) -> Path:
    """Make *path* an ffmpeg that begins its work so much later."""
    return script(path, f"sleep {seconds}", "")


def script(path: Path, before: str, option: str) -> Path:
    """Have the shell do *before*, and ffmpeg get *option* first; not when asked for its version."""
    path.write_text(
        f'#!/bin/sh\nif [ "$2" != -version ]; then\n  {before}\nfi\n'
        f'exec "{find_ffmpeg()}" {option} "$@"\n'
    )
    path.chmod(0o755)
    return path
