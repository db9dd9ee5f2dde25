"""Damage in one segment costs that segment's damaged part and nothing else."""

from __future__ import annotations

import random
import shutil
import threading
from dataclasses import replace
from fractions import Fraction

import pytest

from exports.errors import SegmentChanged
from tests.exports.matrix.archive import Archive, instant
from tests.exports.matrix.reel import Camera, reel
from tests.exports.matrix.watch import check_exact, check_sound, numbers, watch

pytestmark = pytest.mark.ffmpeg

LENGTH = 40
BEGIN, END = Fraction("1.35"), Fraction("14.65")
CAMERA = Camera()


@pytest.fixture(params=["mp4", "fmp4"])
def archive(request, tmp_path):
    """Four segments of four seconds."""
    return Archive(tmp_path).record_all(reel(CAMERA, 16), LENGTH, request.param)


def rest_of(archive, *kept):
    """List the numbers wanted of all segments but the second, with those *kept* of that one."""
    rest = [one.number for one in archive.wanted(BEGIN, END) if one.number // LENGTH != 1]
    return sorted([*rest, *kept])


def test_goes_on_after_a_segment_that_is_missing(engine, archive, target):
    archive.lose(1)
    archive.export(engine, BEGIN, END, target)

    check_exact(archive, target, BEGIN, END)
    check_sound(target, archive.wanted(BEGIN, END))


@pytest.mark.parametrize("content", [b"", b"\0" * 5000, b"no film at all" * 99], ids=len)
def test_goes_on_after_a_segment_that_is_none(engine, archive, content, target):
    archive.locate(1).write_bytes(content)
    plan = archive.export(engine, BEGIN, END, target)

    assert numbers(target) == rest_of(archive)
    assert any("segment 1" in warning for warning in plan.warnings)
    assert [gap.duration.total_seconds() for gap in plan.gaps] == [4]


@pytest.mark.parametrize("container", ["mp4", "fmp4"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.85])
def test_keeps_what_comes_before_the_end_of_a_cut_segment(
    engine, container, share, tmp_path, target
):
    archive = Archive(tmp_path).record_all(reel(CAMERA, 16), LENGTH, container)
    truncate(archive.locate(1), share)
    archive.export(engine, BEGIN, END, target)

    shown = numbers(target)
    kept = [number for number in shown if number // LENGTH == 1]
    assert kept == list(range(LENGTH, LENGTH + len(kept)))
    assert shown == rest_of(archive, *kept)
    assert bool(kept) == (container == "fmp4" and share > 0.1)
    assert len(kept) < LENGTH


# Before the samples, among them, behind the last of them, and within the tables.
@pytest.mark.parametrize("share", [0.005, 0.4, None, 0.97])
def test_says_of_an_mp4_file_cut_short_that_its_index_is_lost(engine, share, tmp_path, target):
    archive = Archive(tmp_path).record_all(reel(CAMERA, 16), LENGTH, "mp4")
    if share is None:
        content = archive.locate(1).read_bytes()
        archive.locate(1).write_bytes(content[: content.index(b"moov") - 4])
    else:
        truncate(archive.locate(1), share)
    plan = archive.export(engine, BEGIN, END, target)

    assert numbers(target) == rest_of(archive)
    assert plan.warnings == ("segment 1: the file was cut short and its index is lost",)
    assert [(gap.begin, gap.end) for gap in plan.gaps] == [(instant(4), instant(8))]


@pytest.mark.parametrize("share", [0.3, 0.8])
def test_keeps_what_is_there_of_a_file_whose_index_comes_first(engine, share, tmp_path, target):
    archive = Archive(tmp_path).record_all(reel(CAMERA, 16), LENGTH, "faststart")
    truncate(archive.locate(1), share)
    plan = archive.export(engine, BEGIN, END, target)

    shown = numbers(target)
    kept = [number for number in shown if number // LENGTH == 1]
    assert kept == list(range(LENGTH, LENGTH + len(kept)))
    assert 0 < len(kept) < LENGTH
    assert shown == rest_of(archive, *kept)
    assert [gap.end for gap in plan.gaps] == [instant(8)]


@pytest.mark.parametrize("seed", range(4))
def test_goes_on_after_garbage_within(engine, archive, seed, target):
    content = bytearray(archive.locate(1).read_bytes())
    chance = random.Random(seed)
    length = len(content) // 5
    begin = chance.randrange(len(content) - length)
    content[begin : begin + length] = chance.randbytes(length)
    archive.locate(1).write_bytes(content)
    archive.export(engine, BEGIN, END, target)

    # Within the damaged segment a decoder shows what it can; around it nothing may change.
    shown = numbers(target)
    before = [number for number in rest_of(archive) if number < LENGTH]
    after = [number for number in rest_of(archive) if number > LENGTH]
    assert shown[: len(before)] == before
    assert shown[-len(after) :] == after
    assert len(shown) <= len(before) + LENGTH + len(after)


@pytest.mark.parametrize("clocks", [(90_000, 12_800, 90_000), (15_360, 90_000, 1000)], ids=str)
def test_joins_segments_of_different_clocks(engine, clocks, tmp_path, target):
    archive = Archive(tmp_path)
    for index, clock in enumerate(clocks):
        source = reel(replace(CAMERA, clock=clock), 16)
        archive.record(source, index * LENGTH, (index + 1) * LENGTH)
    begin, end = Fraction("1.35"), Fraction("11.65")
    archive.export(engine, begin, end, target)

    check_exact(archive, target, begin, end)
    check_sound(target, archive.wanted(begin, end))


@pytest.mark.parametrize("container", ["mp4", "fmp4"])
@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_changes_size_there_and_back(engine, codec, container, tmp_path, target):
    archive = Archive(tmp_path)
    for index, width in enumerate([96, 160, 96, 160]):
        source = reel(replace(CAMERA, width=width, codec=codec), 16)
        archive.record(source, index * LENGTH, (index + 1) * LENGTH, container)
    plan = archive.export(engine, BEGIN, END, target)

    check_exact(archive, target, BEGIN, END)
    check_sound(target, archive.wanted(BEGIN, END))
    assert plan.configs == 2


@pytest.mark.parametrize("early", [1, 20, 40])
def test_shows_no_picture_twice_where_segments_overlap(engine, early, tmp_path, target):
    """A recorder that restarts records what another one is still writing: the same pictures."""
    source = reel(replace(CAMERA, gop=1), 12)
    archive = Archive(tmp_path)
    archive.record(source, 0, 80)
    archive.record(source, 80 - early, 120)
    begin, end = Fraction("1.35"), Fraction("11.65")
    plan = archive.export(engine, begin, end, target)

    check_exact(archive, target, begin, end)
    check_sound(target, archive.wanted(begin, end))
    assert plan.gaps == ()


def test_shows_no_picture_twice_that_begins_between_microseconds(engine, tmp_path, target):
    """Picture 31 of 29.97 a second is a third of a microsecond before its segment's begin."""
    source = reel(replace(CAMERA, fps=Fraction(30_000, 1001), gop=1), 12)
    archive = Archive(tmp_path)
    archive.record(source, 0, 60)
    archive.record(source, 31, 120)
    begin, end = Fraction("0.35"), Fraction("3.5")
    archive.export(engine, begin, end, target)

    check_exact(archive, target, begin, end)


def test_shows_no_picture_twice_of_segments_there_twice(engine, archive, target):
    for number in (0, 1, 3):
        copy = archive.known[number]
        path = copy.path.with_name(f"copy-{number}.mp4")
        shutil.copyfile(copy.path, path)
        archive.known[10 + number] = replace(copy, path=path)
    archive.record(reel(CAMERA, 16), LENGTH + 20, LENGTH + 40)  # the half of one
    archive.export(engine, BEGIN, END, target)

    check_exact(archive, target, BEGIN, END)
    check_sound(target, archive.wanted(BEGIN, END))


def test_says_so_when_a_segment_is_deleted_between_plan_and_copy(engine, archive, target):
    plan = archive.plan(BEGIN, END)
    archive.locate(2).unlink()

    with pytest.raises(SegmentChanged, match="2026-03-14 09:26:08") as raised:
        archive.render(engine, plan, target)
    assert raised.value.may_pass


def test_shows_whole_pictures_only_of_a_file_that_is_written(engine, tmp_path, target):
    archive = Archive(tmp_path)
    archive.record(reel(CAMERA, 16), container="fmp4")
    whole = archive.locate(0).read_bytes()
    begin, end = Fraction("1.35"), Fraction("15.5")
    seen = set()
    for share in (0.3, 0.55, 0.8, 1):
        archive.locate(0).write_bytes(whole[: int(len(whole) * share)])
        archive.export(engine, begin, end, target)
        shown = numbers(target)
        assert shown == list(range(13, 13 + len(shown)))
        seen.add(len(shown))
    assert len(seen) == 4
    assert max(seen) == len(archive.wanted(begin, end))


def test_makes_a_whole_file_or_none_while_a_segment_grows(engine, tmp_path, target):
    archive = Archive(tmp_path)
    archive.record(reel(CAMERA, 16), container="fmp4")
    path = archive.locate(0)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 3])
    asked = threading.Event()
    grown = threading.Event()

    def grow():
        with path.open("ab", buffering=0) as file:
            for begin in range(len(whole) // 3, len(whole), 997):
                asked.wait(10)
                file.write(whole[begin : begin + 997])
        grown.set()

    writer = threading.Thread(target=grow)
    writer.start()
    begin, end = Fraction("1.35"), Fraction("15.5")
    while not grown.is_set():
        plan = archive.plan(begin, end)
        asked.set()
        try:
            archive.render(engine, plan, target)
        except SegmentChanged:
            continue
        shown = [one.number for one in watch(target)]
        assert shown == list(range(13, 13 + plan.shown))
    writer.join()

    archive.export(engine, begin, end, target)
    check_exact(archive, target, begin, end)


def truncate(path, share):
    with path.open("r+b") as file:
        file.truncate(int(path.stat().st_size * share))
