"""What a browser shows of a playlist of the archive, from a page of another site, by hls.js."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

from tests.browser.chromium import PROGRAM, browser
from tests.browser.files import serving as serving_page
from tests.browser.test_playback import number_in, wanted
from tests.footage import Footage
from tests.previews.archive import asked, partly_heard, record, resized, serving

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.ffmpeg,
    pytest.mark.processes,
    pytest.mark.xdist_group("browser"),
    pytest.mark.skipif(PROGRAM is None, reason="Chromium is not installed"),
]

HERE = Path(__file__).parent
HLS = HERE / "hls.js" / "hls.light.min.js"
FOOTAGE = {
    "fragments": Footage(),
    "plain files": Footage(container="mp4"),
    "B-frames": Footage(container="mp4", bframes=2),
    "silent": Footage(container="mp4", audio=None),
    "long segments": Footage(container="mp4", segment_seconds=20),
}


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Open the player in a browser."""
    folder = tmp_path_factory.mktemp("served")
    for path in (HERE / "player.html", HLS):
        shutil.copy(path, folder)
    with (
        serving_page(folder) as address,
        browser(tmp_path_factory.mktemp("profile")) as page,
    ):
        page.open(f"{address}/player.html")
        yield page


@pytest.fixture
def play(page, api, alice):
    """Open the playlist of an interval in a page of another site; gives what is shown first."""
    with serving() as site:

        def play(camera, begin, end):
            body = {"cameras": [asked(camera, begin, end)], "source": "hls"}
            answer = api(alice).post("/api/v1/cameras/archive", body, "json")
            url = answer.data[0]["url"].replace("http://testserver", site)
            return page.run(f"openPlaylist('{url}')")

        yield play
        page.run("hls.destroy()")


def seek(page, seconds):
    return number_in(page.run(f"seek({seconds:.6f})"))


def test_is_the_library_that_was_published():
    digest = hashlib.sha256(HLS.read_bytes()).hexdigest()

    assert f"`{digest}`" in (HLS.parent / "README.md").read_text()


@pytest.mark.parametrize("footage", FOOTAGE.values(), ids=FOOTAGE.keys())
def test_begins_and_ends_with_the_interval(page, play, alice, footage):
    state = play(record(footage, alice), 3.37, 15.3)

    assert number_in(state["picture"]) == wanted(3.37, 15.3)[0]
    assert state["duration"] == pytest.approx(13.3, abs=0.25)
    seek(page, 12.05)
    page.run("play(2)")
    last = wanted(3.37, 15.3)[-1]
    assert 0 <= number_in(page.run("picture()")) - last <= footage.bframes


def test_shows_every_picture_where_it_is_sought(page, play, alice):
    play(record(Footage(container="mp4"), alice), 2, 8)

    for index in (0, 59, 31, 1, 20, 19, 45):
        assert seek(page, (index + 0.5) / 10) == wanted(2, 8)[index]


def test_seeks_back_and_forth_over_a_gap_and_plays_through_it(page, play, alice):
    camera = record(Footage(container="mp4"), alice, missing=[2])
    state = play(camera, 2, 18)
    numbers = wanted(2, 8) + wanted(12, 18)

    assert state["duration"] == pytest.approx(12, abs=0.1)
    for index in (5, 70, 50, 115, 61, 58):
        assert seek(page, (index + 0.5) / 10) == numbers[index]
    seek(page, 0.05)
    page.run("play(4)")
    assert number_in(page.run("picture()")) == numbers[-1]


def test_shows_pictures_without_sound_between_others(page, play, alice):
    """A player jumps over what has not both; so there is silence."""
    first, *others = partly_heard()
    play(record(first, alice, *others), 0, 12)

    for seconds in (0.05, 3.95, 4.05, 7.05, 7.95, 8.05):
        assert seek(page, seconds) == wanted(0, 12)[int(seconds * 10)]


def test_seeks_back_and_forth_over_a_change_of_picture_size(page, play, alice):
    first, *others = resized()
    play(record(first, alice, *others), 0, 12)

    for seconds, width in ((0.05, 160), (5.05, 320), (9.05, 160), (3.95, 160), (4.05, 320)):
        picture = page.run(f"seek({seconds})")
        assert (number_in(picture), picture["width"]) == (wanted(0, 12)[int(seconds * 10)], width)
