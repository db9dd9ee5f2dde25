from __future__ import annotations

import struct
from fractions import Fraction

import pytest

from vms.media.mp4.atoms import Malformed, boxes
from vms.media.mp4.edits import shown_duration, trim_end


def box(kind, *content):
    body = b"".join(content)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def full(kind, version, *content):
    return box(kind, struct.pack(">I", version << 24), *content)


def movie(*, wide=False, edits=((4000, 0),), scale=1000, duration=9000):
    """The boxes that say how long a movie is shown, with nothing of the media."""
    number = ">Q" if wide else ">I"
    width = 8 if wide else 4
    version = int(wide)

    def pack(value):
        return struct.pack(number, value)

    mvhd = full(b"mvhd", version, bytes(2 * width), struct.pack(">I", scale), pack(duration))
    tkhd = full(b"tkhd", version, bytes(2 * width), bytes(8), pack(duration))
    entries = b"".join(pack(length) + pack(start) + bytes(4) for length, start in edits)
    elst = full(b"elst", version, struct.pack(">I", len(edits)), entries)
    return box(b"moov", mvhd, box(b"trak", tkhd, box(b"edts", elst), box(b"mdia", b"")))


@pytest.mark.parametrize("wide", [False, True])
def test_shortens_what_is_shown(tmp_path, wide):
    path = tmp_path / "movie.mp4"
    path.write_bytes(movie(wide=wide))

    trim_end(path, Fraction(5, 2))

    assert shown_duration(path) == Fraction(5, 2)
    assert path.read_bytes() == movie(wide=wide, edits=((2500, 0),), duration=2500)


def test_counts_a_tick_that_is_only_touched(tmp_path):
    path = tmp_path / "movie.mp4"
    path.write_bytes(movie())

    trim_end(path, Fraction(1, 3))

    assert shown_duration(path) == Fraction(334, 1000)


def test_counts_the_empty_edit_before_a_late_track(tmp_path):
    path = tmp_path / "movie.mp4"
    path.write_bytes(movie(edits=((500, 0), (4000, 0))))

    trim_end(path, Fraction(2))

    assert path.read_bytes() == movie(edits=((500, 0), (1500, 0)), duration=2000)


def test_makes_nothing_longer(tmp_path):
    path = tmp_path / "movie.mp4"
    path.write_bytes(movie(edits=((1000, 0),)))

    trim_end(path, Fraction(9))

    assert shown_duration(path) == 1


@pytest.mark.parametrize(
    "content",
    [
        b"",
        box(b"ftyp", b"isom"),
        box(b"moov", b""),
        struct.pack(">I4s", 999, b"moov"),
        struct.pack(">I4s", 4, b"moov") + bytes(8),
        struct.pack(">I4sQ", 1, b"moov", 3) + bytes(8),
    ],
    ids=["empty", "no movie", "empty movie", "past the end", "too small", "too small 64"],
)
def test_refuses_what_is_no_movie(tmp_path, content):
    path = tmp_path / "movie.mp4"
    path.write_bytes(content)

    with pytest.raises(Malformed):
        trim_end(path, Fraction(1))


def test_refuses_an_edit_list_longer_than_its_box(tmp_path):
    path = tmp_path / "movie.mp4"
    content = movie()
    at = content.index(b"elst") + 8
    path.write_bytes(content[:at] + struct.pack(">I", 1000) + content[at + 4 :])

    with pytest.raises(Malformed):
        trim_end(path, Fraction(1))


def test_walks_boxes_of_64_bit_size_and_to_the_end(tmp_path):
    path = tmp_path / "boxes"
    wide = struct.pack(">I4sQ", 1, b"free", 20) + bytes(4)
    path.write_bytes(wide + struct.pack(">I4s", 0, b"mdat") + bytes(100))

    with path.open("rb") as file:
        found = [(item.kind, item.end - item.body) for item in boxes(file.fileno(), 0, 128)]
    assert found == [(b"free", 4), (b"mdat", 100)]
