"""Links to the archive followed over the wire by programs that people use."""

from __future__ import annotations

import shutil
import subprocess
from datetime import timedelta

import av
import pytest

from tests.footage import BEGIN, Footage, decode_beeps, decode_numbers
from tests.previews.archive import asked, record, resized, serving
from tests.running import PATIENCE_SECONDS
from vms.media.ffmpeg import find_ffmpeg

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.ffmpeg,
    pytest.mark.processes,
]


@pytest.fixture
def site():
    with serving() as site:
        yield site


@pytest.fixture
def give(api, alice, site):
    """Give alice a link to an interval of a camera; returns its address at the server."""

    def give(camera, begin, end, **options):
        body = {"cameras": [asked(camera, begin, end)], **options}
        answer = api(alice).post("/api/v1/cameras/archive", body, "json")
        assert answer.status_code == 200, answer.data
        return answer.data[0]["url"].replace("http://testserver", site)

    return give


def numbers_between(footage, begin, end):
    return footage.numbers_in(BEGIN + timedelta(seconds=begin), BEGIN + timedelta(seconds=end))


def fetch(url, target, *options):
    command = ["curl", "-fsS", "--noproxy", "*", *options, "-o", str(target), url]
    subprocess.run(command, check=True, timeout=PATIENCE_SECONDS)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_goes_on_where_it_broke_off(give, alice, tmp_path):
    url = give(record(Footage(), alice), 3.37, 15.2)
    fetch(url, tmp_path / "whole.mp4")
    whole = (tmp_path / "whole.mp4").read_bytes()
    for left in (1, 5000, len(whole) - 1):
        target = tmp_path / "resumed.mp4"
        target.write_bytes(whole[:left])
        fetch(url, target, "-C", "-")
        assert target.read_bytes() == whole


@pytest.mark.parametrize("bframes", [0, 2])
def test_ffmpeg_reads_the_cut_at_its_link(give, alice, bframes, tmp_path):
    footage = Footage(container="mp4", bframes=bframes)
    url = give(record(footage, alice), 3.37, 15.2)

    assert [number for _, number in decode_numbers(url)] == numbers_between(footage, 3.37, 15.2)


PLAYED = {
    "fragments": Footage(),
    "plain files": Footage(container="mp4"),
    "B-frames": Footage(container="mp4", bframes=2),
    "long segments": Footage(container="mp4", segment_seconds=20),
    "silent": Footage(audio=None),
    "H.265": Footage(codec="hevc"),
}


@pytest.mark.parametrize("footage", PLAYED.values(), ids=PLAYED.keys())
def test_ffmpeg_plays_a_playlist_through(give, alice, footage):
    url = give(record(footage, alice), 3.37, 15.2, source="hls")

    found = decode_numbers(url)

    # From the keyframe before the begin: where to start is in the playlist. Pictures that are
    # decoded before the last one and shown after it cannot be hidden.
    wanted = numbers_between(footage, 2, 15.2)
    assert [number for _, number in found][: len(wanted)] == wanted
    assert len(found) - len(wanted) <= footage.bframes
    assert [float(seconds) for seconds, _ in found] == pytest.approx(
        [index / 10 for index in range(len(found))], abs=0.001
    )
    if footage.audio:
        # The packet that begins before the first picture is left out, and decoders warm up.
        assert decode_beeps(url) == pytest.approx([0.08, *range(1, 14)], abs=0.05)


def test_the_bundled_ffmpeg_plays_a_playlist_through(give, alice, tmp_path):
    footage = Footage(container="mp4")
    url = give(record(footage, alice), 2, 18, source="hls")
    target = tmp_path / "played.mp4"

    command = [str(find_ffmpeg()), "-v", "error", "-i", url, "-c", "copy", str(target)]
    subprocess.run(command, check=True, timeout=PATIENCE_SECONDS)

    assert [number for _, number in decode_numbers(target)] == numbers_between(footage, 2, 18)


def test_ffmpeg_goes_over_a_gap(give, alice):
    footage = Footage(container="mp4")
    url = give(record(footage, alice, missing=[2]), 2, 18, source="hls")

    assert [number for _, number in decode_numbers(url)] == (
        numbers_between(footage, 2, 8) + numbers_between(footage, 12, 18)
    )


def test_ffmpeg_goes_over_a_change_of_picture_size(give, alice):
    first, *others = resized()
    url = give(record(first, alice, *others), 1.5, 10.5, source="hls")

    # Pictures of another size are scaled by players; here the numbers tell that none is missing.
    with av.open(url) as container:
        sizes = [(frame.width, frame.height) for frame in container.decode(video=0)]
    assert sizes == [(160, 90)] * 40 + [(320, 180)] * 40 + [(160, 90)] * 25


def test_ffmpeg_seeks_in_a_playlist(give, alice, tmp_path):
    footage = Footage(container="mp4")
    url = give(record(footage, alice), 2, 18, source="hls")
    target = tmp_path / "sought.mp4"

    command = [str(find_ffmpeg()), "-v", "error", "-ss", "9.95", "-i", url, "-frames:v", "3"]
    subprocess.run([*command, "-an", str(target)], check=True, timeout=PATIENCE_SECONDS)

    assert [number for _, number in decode_numbers(target)] == numbers_between(footage, 12, 12.3)
