"""Plans what an archive link serves, in a renderer: nothing of the media is copied or decoded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cameras.timeline import Interval
from exports.engines.splice import Unspliceable, can_splice, splice
from exports.engines.spliced import SplicedFile
from exports.errors import ExportError
from exports.plan import ExportPlan
from exports.terms import Cut
from previews.errors import CannotRender
from previews.hls import make_playlist
from previews.recipes import write_recipe
from previews.rendering_segments import Opened, instant

UNSUITABLE = "This archive cannot be streamed as it is recorded; order a download instead."


def plan_cut(
    segments: list[dict[str, Any]], begin: int, end: int, source: str, target: str
) -> dict[str, Any]:
    """Write the recipe of the cut of `[begin, end)` (microseconds since 1970) to *target*.

    As `mp4` it is the exact cut that a download makes; as `hls` it begins at the keyframe before.

    Raises:
        CannotRender: there is no footage, or it cannot be served this way.
    """
    opened = Opened(segments)
    cut = Cut.KEYFRAME if source == "hls" else Cut.EXACT
    try:
        plan = opened.plan(Interval(instant(begin), instant(end)), cut)
        spliced, playlist = described(plan, source)
    except Unspliceable as error:
        raise CannotRender(UNSUITABLE) from error
    except ExportError as error:
        raise CannotRender(error.message) from error
    paths = {segment: opened.locate(segment) for segment in spliced.segments}
    shown = (plan.begin, plan.end)
    write_recipe(Path(target), spliced, paths, playlist=playlist, shown=shown)
    return {"size": spliced.size}


def described(plan: ExportPlan, source: str) -> tuple[SplicedFile, str]:
    if not can_splice(plan):
        raise Unspliceable(UNSUITABLE)
    if source == "hls":
        made = make_playlist(plan)
        return made.file, made.text
    return splice(plan), ""


def warm() -> None:
    """Do nothing: whoever asks for it wants the process to be there."""
