from datetime import UTC, datetime, timedelta

from cameras.demo.encoding import Encoding
from cameras.demo.footage import render_footage
from cameras.demo.numbers import WRAP
from cameras.demo.picture import frame_number
from cameras.timeline import Interval
from vms.media.ffmpeg import find_ffmpeg
from vms.ops.demo.frames import complete, decode, expected_numbers, first_difference

BEGIN = datetime(2026, 3, 14, 9, 26, 0, tzinfo=UTC)
FPS = 20
ZERO = frame_number(BEGIN, FPS)


def after(seconds):
    return BEGIN + timedelta(seconds=seconds)


def test_expects_the_picture_on_screen_and_all_that_begin_inside():
    assert expected_numbers(Interval(after(0.08), after(0.22)), FPS) == range(ZERO + 1, ZERO + 5)


def test_leaves_out_the_picture_that_begins_at_the_end():
    assert expected_numbers(Interval(after(0.05), after(0.20)), FPS) == range(ZERO + 1, ZERO + 4)


def test_completes_numbers_cut_to_32_bits():
    assert complete(ZERO % WRAP, ZERO + 5) == ZERO
    assert complete(0, WRAP - 1) == WRAP
    assert complete(WRAP - 1, 2 * WRAP) == 2 * WRAP - 1


def test_leaves_unreadable_numbers_unreadable():
    assert complete(None, ZERO) is None


def test_finds_no_difference_in_the_right_pictures():
    assert first_difference(range(3, 6), [3, 4, 5], FPS) is None


def test_names_the_first_wrong_picture():
    told = first_difference(range(ZERO, ZERO + 3), [ZERO, ZERO, ZERO + 2], FPS)

    assert told == (
        f"picture 2 should be number {ZERO + 1} of 09:26:00.050, is number {ZERO} of 09:26:00.000"
    )


def test_names_an_unreadable_picture():
    assert "is one without a number" in first_difference(range(ZERO, ZERO + 1), [None], FPS)


def test_counts_pictures_that_are_missing_at_the_end():
    assert first_difference(range(3, 6), [3, 4], FPS) == "3 pictures should be shown, 2 are"


def test_reads_the_numbers_of_a_real_file(tmp_path):
    encoding = Encoding(width=160, height=90, fps=FPS, gop=FPS, audio=None)
    (path,) = render_footage(find_ffmpeg(), tmp_path, BEGIN, 2, encoding=encoding)

    delivered = decode(path, ZERO)

    assert delivered.numbers == list(range(ZERO, ZERO + 2 * FPS))
    assert delivered.hidden == 0
