"""Which engine makes the file of a plan."""

from __future__ import annotations

from pathlib import Path

from exports.engines.base import Engine
from exports.engines.containers import MP4
from exports.engines.ffmpeg import FfmpegEngine
from exports.engines.splice import SpliceEngine, can_splice
from exports.engines.treatment import treat
from exports.errors import NoEngine
from exports.plan import ExportPlan
from vms.media.ffmpeg import NoFfmpeg, find_ffmpeg


def choose_engine(
    plan: ExportPlan, container: str, *, wanted: str, ffmpeg: Path | None, stall_seconds: float
) -> Engine:
    """Return the engine for a plan; *wanted* is `auto`, `splice` or `ffmpeg`.

    Raises:
        NoEngine: there is none, or the one the operator insists on cannot do it.
        CannotHold: the container cannot hold the plan in any way.
    """
    if wanted != "ffmpeg" and container == MP4.name and can_splice(plan):
        return SpliceEngine()
    if wanted == "splice":
        raise NoEngine("This server makes only mp4 files, of an archive of mp4 files.")
    treatment = treat(plan, container)
    try:
        engine = FfmpegEngine(find_ffmpeg(ffmpeg), stall_seconds, treatment)
        engine.name  # noqa: B018 - asks the program for its version: does it run?
    except NoFfmpeg as error:
        raise NoEngine("The server has no ffmpeg; its operator has to look.") from error
    return engine
