"""The very picture, of recorders that begin segments wherever a clock tells them to."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import pytest

from cameras.timeline import Interval
from previews import rendering_frames
from previews.recipes import read_recipe, virtual_file
from previews.rendering_cuts import plan_cut
from previews.rendering_lean import is_dispensable
from previews.rendering_pictures import first_picture, parts_of, pictures_until, render_picture
from previews.rendering_segments import Opened
from previews.signing import micros
from tests.exports.matrix.archive import HOLD, Archive, instant
from tests.exports.matrix.reel import Camera, reel
from tests.previews.looking import number_of, numbers_of

pytestmark = pytest.mark.ffmpeg
SECONDS = 6
PLAIN = Camera()
REORDERED = Camera(bframes=2, open_gop=True)
HEVC = Camera(codec="hevc", bframes=2, open_gop=True)
# A camera, of which pictures in decode order segments begin, and their container.
RECORDINGS = {
    "within groups": (PLAIN, range(0, 60, 13), "mp4"),
    "within a group of seconds": (replace(PLAIN, gop=60), range(0, 60, 7), "fmp4"),
    "open groups": (REORDERED, None, "mp4"),
    "open groups of H.265": (HEVC, None, "fmp4"),
}


def recorded(name, folder):
    """Record segments that begin as the named ones do; with keyframes if nothing else is said."""
    camera, begins, container = RECORDINGS[name]
    video = reel(camera, SECONDS).video
    begins = begins or [number for number, piece in enumerate(video) if piece.key]
    archive = Archive(folder)
    for first, stop in pairwise([*begins, len(video)]):
        archive.record(reel(camera, SECONDS), first, stop, container)
    return archive


def told(archive, at, end=None):
    """Tell of the segments as the web process does: those before *at* only lend."""
    return [
        {
            "id": number + 1,  # rows count from one
            "begin": micros(instant(segment.begin)),
            "path": str(segment.path),
            "sidecar": f"{segment.path}.idx",
            "lends": segment.end + HOLD <= at,
        }
        for number, segment in archive.known.items()
        if segment.begin < (at + 1 if end is None else end)
    ]


@pytest.mark.parametrize("name", RECORDINGS)
def test_shows_the_very_picture_wherever_segments_begin(name, tmp_path):
    archive, target = recorded(name, tmp_path), tmp_path / "picture.jpg"
    shown, wanted = {}, {}

    for picture in archive.pictures():
        at = archive.at(picture.number)
        when = micros(instant(at))
        render_picture(segments=told(archive, at), at=when, width=None, target=str(target))
        shown[at] = number_of(target.read_bytes())
        wanted[at] = archive.wanted(at, at + Fraction(1, 10**6))[0].number

    assert shown == wanted


@pytest.mark.parametrize("source", ["mp4", "hls"])
@pytest.mark.parametrize("name", ["within groups", "open groups", "open groups of H.265"])
def test_a_link_begins_with_what_the_segments_before_lend(name, source, tmp_path):
    archive, target = recorded(name, tmp_path), tmp_path / "a.cut"
    begin, end = archive.known[1].begin, archive.known[2].end
    bounds = [micros(instant(one)) for one in (begin, end)]

    plan_cut(told(archive, begin, end), *bounds, source, str(target))

    recipe = read_recipe(target)
    file = virtual_file(recipe, recipe.paths)
    shown = numbers_of(b"".join(file.read(0, file.length)))
    wanted = [one.number for one in archive.wanted(begin, end)]
    if source == "hls":  # players know no hidden pictures: it begins with the group
        assert shown[-len(wanted) :] == wanted
        assert shown == list(range(shown[0], wanted[-1] + 1))
    else:
        assert shown == wanted


@pytest.mark.parametrize(
    "camera",
    [replace(REORDERED, bframes=3), replace(HEVC, bframes=4), replace(PLAIN, bframes=1)],
    ids=["h264", "hevc", "plain"],
)
def test_decodes_the_same_picture_without_those_no_other_needs(camera, tmp_path, monkeypatch):
    archive, left_out = Archive(tmp_path), []
    archive.record(reel(camera, SECONDS))

    def judged(sample, config):
        left_out.append(is_dispensable(sample, config))
        return left_out[-1]

    monkeypatch.setattr(rendering_frames, "is_dispensable", judged)
    for picture in archive.pictures()[5:60:3]:
        at = archive.at(picture.number)
        opened = Opened(told(archive, at))
        plan = opened.plan(Interval(instant(at), instant(at + HOLD)))
        lean = first_picture(plan, opened)
        whole = pictures_until(parts_of(plan), opened.locate, lean.at, is_lean=False)
        same = next(one for one in whole if one.at == lean.at)
        assert (lean.frame.to_ndarray() == same.frame.to_ndarray()).all()

    assert left_out.count(True) > len(left_out) / 4
