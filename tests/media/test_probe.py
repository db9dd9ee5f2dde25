from __future__ import annotations

import os
from fractions import Fraction

import pytest

from tests.footage import Footage
from vms.media.probe import UnreadableMedia, read_media

pytestmark = pytest.mark.ffmpeg


def first(footage, tmp_path):
    return footage.make(tmp_path / "archive")[0]


@pytest.mark.parametrize("container", ["fmp4", "mp4", "mpegts"])
@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_reads_what_a_segment_holds(tmp_path, codec, container):
    footage = Footage(codec=codec, container=container, seconds=8)
    media = read_media(first(footage, tmp_path))

    assert (media.video.codec, media.audio.codec) == (codec, "aac")
    assert (media.width, media.height) == (160, 90)
    assert len(media.video.pts) == 40
    assert media.duration == 4
    assert list(media.video.key.nonzero()[0]) == [0, 20]
    assert not media.truncated


def test_reads_pictures_out_of_order(tmp_path):
    media = read_media(first(Footage(bframes=2, seconds=8), tmp_path))

    assert list(media.video.pts) != sorted(media.video.pts)
    assert media.duration == 4


def test_gives_segments_of_one_camera_one_configuration(tmp_path):
    for container in ("fmp4", "mp4", "mpegts"):
        paths = Footage(container=container).make(tmp_path / container)
        assert len({read_media(path).config for path in paths}) == 1


def test_tells_other_settings_apart(tmp_path):
    configs = {
        read_media(first(footage, tmp_path / str(index))).video.config
        for index, footage in enumerate(
            [Footage(seconds=4), Footage(seconds=4, width=320, height=180)]
        )
    }
    assert len(configs) == 2


def test_reads_a_silent_segment(tmp_path):
    assert read_media(first(Footage(audio=None), tmp_path)).audio is None


@pytest.mark.parametrize("share", [0.3, 0.5, 0.9])
def test_reads_what_is_whole_of_a_segment_cut_short(tmp_path, share):
    path = first(Footage(), tmp_path)
    os.truncate(path, int(path.stat().st_size * share))

    media = read_media(path)
    assert 0 < len(media.video.pts) <= 40
    assert media.duration <= 4


def test_says_why_a_file_is_of_no_use(tmp_path):
    empty, text, half = tmp_path / "empty.mp4", tmp_path / "text.mp4", tmp_path / "half.mp4"
    empty.touch()
    text.write_text("this is not a video" * 100)
    whole = first(Footage(container="mp4"), tmp_path).read_bytes()
    half.write_bytes(whole[: whole.index(b"mdat") + 100])
    sound = tmp_path / "sound.mp4"
    sound.write_bytes(b"")

    for path, reason in (
        (tmp_path / "missing.mp4", "missing"),
        (empty, "empty"),
        (text, "damaged"),
    ):
        with pytest.raises(UnreadableMedia, match=reason) as refusal:
            read_media(path)
        assert str(tmp_path) not in refusal.value.reason
    with pytest.raises(UnreadableMedia):
        read_media(half)


def test_measures_to_the_tick(tmp_path):
    media = read_media(first(Footage(fps=25, gop=50), tmp_path))

    assert media.duration == Fraction(4)
    assert set(media.video.duration * media.video.time_base) == {Fraction(1, 25)}
