"""A clip shows the pictures from its instant on, in a form that browsers play."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from previews.errors import CannotRender, is_no_room
from previews.rendering_clips import render_clip
from previews.signing import micros
from tests.footage import BEGIN, Footage, begin_of
from tests.previews.looking import numbers_of, streams_of
from tests.previews.test_preview_pictures import told

pytestmark = pytest.mark.ffmpeg
PLAIN = Footage(seconds=12)
HEVC = Footage(seconds=12, codec="hevc", bframes=2)
TRANSPORT = Footage(seconds=12, container="mpegts")


@pytest.fixture
def render(tmp_path):
    target = tmp_path / "clip.mp4"

    def render(segments, at: datetime, seconds: float = 4, *, keeps_codec: bool = False) -> bytes:
        target.unlink(missing_ok=True)
        done = render_clip(
            segments=segments,
            at=micros(at),
            seconds=seconds,
            keeps_codec=keeps_codec,
            target=str(target),
        )
        render.at = done["at"]
        return target.read_bytes()

    return render


def segments_of(footage: Footage, folder: Path):
    return told(footage.make(folder / "archive"))


@pytest.mark.parametrize("footage", [PLAIN, Footage(seconds=12, bframes=2), HEVC], ids=str)
@pytest.mark.parametrize("at", [0, 1.35, 3.95])
def test_shows_the_pictures_of_its_seconds(footage, at, render, tmp_path):
    begin = BEGIN + timedelta(seconds=at)

    clip = render(segments_of(footage, tmp_path), begin)

    assert numbers_of(clip) == footage.numbers_in(begin, begin + timedelta(seconds=4))
    assert streams_of(clip) == ["h264", "aac"]


def test_copies_h264_byte_by_byte(render, tmp_path):
    segments = segments_of(PLAIN, tmp_path)

    clip = render(segments, BEGIN)

    media = Path(segments[0]["path"]).read_bytes()
    assert media[len(media) // 2 :][:500] in clip


def test_keeps_h265_when_that_is_asked_for(render, tmp_path):
    clip = render(segments_of(HEVC, tmp_path), BEGIN, keeps_codec=True)

    assert streams_of(clip) == ["hevc", "aac"]
    assert numbers_of(clip) == HEVC.numbers_in(BEGIN, BEGIN + timedelta(seconds=4))


def test_makes_a_clip_of_transport_streams_from_the_keyframe_on(render, tmp_path):
    clip = render(segments_of(TRANSPORT, tmp_path), BEGIN + timedelta(seconds=2.5))

    numbers = numbers_of(clip)
    keyframe = BEGIN + timedelta(seconds=2)
    assert numbers[0] == TRANSPORT.number_at(keyframe)
    assert TRANSPORT.number_at(BEGIN + timedelta(seconds=6.4)) in numbers
    assert render.at == micros(keyframe)


def test_ends_where_the_archive_does(render, tmp_path):
    begin = PLAIN.end - timedelta(seconds=1)

    clip = render(segments_of(PLAIN, tmp_path), begin)

    assert numbers_of(clip) == PLAIN.numbers_in(begin, PLAIN.end)


def test_begins_with_the_next_footage_in_a_gap(render, tmp_path):
    first, _missing, third = segments_of(PLAIN, tmp_path)

    clip = render([first, third], BEGIN + timedelta(seconds=5), seconds=2)

    begin = BEGIN + timedelta(seconds=8)
    assert numbers_of(clip) == PLAIN.numbers_in(begin, begin + timedelta(seconds=2))


def test_shows_what_comes_before_a_change_of_the_codec(render, tmp_path):
    first = told(PLAIN.make(tmp_path / "a"))[:1]
    later = told(HEVC.make(tmp_path / "b"))[1:2]
    later[0]["id"] = 7

    begin = BEGIN + timedelta(seconds=2)
    clip = render([*first, *later], begin)

    assert numbers_of(clip) == PLAIN.numbers_in(begin, BEGIN + timedelta(seconds=4))


def test_leaves_out_sound_that_browsers_do_not_play_where_it_encodes(render, tmp_path):
    dolby = Footage(seconds=4, codec="hevc", audio="ac3")

    clip = render(segments_of(dolby, tmp_path), BEGIN)

    assert streams_of(clip) == ["h264"]
    assert numbers_of(clip) == dolby.numbers_in(BEGIN, dolby.end)


@pytest.mark.parametrize("content", [b"", b"\0" * 5000, b"\0\0\0\x08moov"])
def test_says_damaged_when_its_segment_is_garbage(render, tmp_path, content):
    segments = segments_of(PLAIN, tmp_path)[:1]
    Path(segments[0]["path"]).write_bytes(content)

    with pytest.raises(CannotRender, match="damaged"):
        render(segments, BEGIN)


@pytest.mark.parametrize("footage", [PLAIN, HEVC, TRANSPORT], ids=str)
def test_a_full_disk_is_no_damage(tmp_path, footage):
    full = {"seconds": 2, "keeps_codec": False, "target": "/dev/full"}

    with pytest.raises(OSError, match="No space left") as caught:
        render_clip(segments=segments_of(footage, tmp_path), at=micros(BEGIN), **full)

    assert is_no_room(caught.value)


def test_has_nothing_to_show_behind_the_end(render, tmp_path):
    with pytest.raises(CannotRender, match="no footage"):
        render(segments_of(PLAIN, tmp_path), PLAIN.end + timedelta(seconds=5))


def test_names_of_segments_tell_when_they_begin(tmp_path):
    """What `told` tells renderers is what the archive's index would."""
    paths = PLAIN.make(tmp_path)

    assert [micros(begin_of(path)) for path in paths] == [one["begin"] for one in told(paths)]
