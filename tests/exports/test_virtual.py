from __future__ import annotations

import os
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exports.engines.spliced import Blob, Range, SplicedFile
from exports.engines.virtual import FilePart, VirtualFile
from exports.errors import SegmentChanged
from tests.exports.noise import (
    GIB,
    HARM,
    HEADER,
    MIB,
    content_of,
    describe,
    lengthen,
    make_noise,
    noise,
    opened,
    rewrite,
    sparse,
    splice_noise,
)


@pytest.fixture
def paths(tmp_path):
    return make_noise(tmp_path / "footage")


@pytest.fixture
def spliced(paths):
    return splice_noise(paths)


def test_virtual_reads_what_a_copy_holds(spliced, paths):
    virtual = VirtualFile(spliced, paths.__getitem__)
    content = content_of(spliced, paths)
    assert virtual.length == len(content)

    @settings(max_examples=200, deadline=None)
    @given(st.tuples(*[st.integers(0, len(content))] * 2).map(sorted))
    def check(span):
        begin, end = span
        assert b"".join(virtual.read(begin, end)) == content[begin:end]
        assert sent(virtual, begin, end) == content[begin:end]

    check()


@pytest.mark.parametrize("around", range(8))
def test_virtual_reads_across_the_edges_of_parts(spliced, paths, around):
    virtual = VirtualFile(spliced, paths.__getitem__)
    content = content_of(spliced, paths)
    edge = virtual.begins[around]

    for begin in range(max(0, edge - 2), min(len(content), edge + 3)):
        for end in range(begin, min(len(content), edge + 3)):
            assert b"".join(virtual.read(begin, end)) == content[begin:end]


def sent(virtual, begin, end) -> bytes:
    found = b""
    for part in virtual.file_parts(begin, end):
        if isinstance(part, FilePart):
            with part.path.open("rb") as file:
                file.seek(part.offset)
                found += file.read(part.length)
        else:
            found += part
    return found


def test_virtual_gathers_blocks_of_one_size(tmp_path):
    paths = {0: tmp_path / "0.mp4"}
    paths[0].write_bytes(noise(0, 3 * MIB))
    ranges = [Range(0, at, 900) for at in range(0, 3 * MIB - 1000, 1000)]
    virtual = VirtualFile(describe(paths, ranges), paths.__getitem__)

    sizes = [len(block) for block in virtual.read(0, virtual.length)]

    assert set(sizes[:-1]) == {MIB}
    assert sum(sizes) == virtual.length


@pytest.mark.parametrize("span", [(-1, 1), (2, 1), (0, 10**9)])
def test_virtual_refuses_a_span_it_does_not_have(spliced, paths, span):
    with pytest.raises(ValueError, match="no such span"):
        VirtualFile(spliced, paths.__getitem__).read(*span)


@pytest.mark.parametrize("harm", HARM)
def test_virtual_says_that_a_segment_changed_before_it_gives_bytes(spliced, paths, harm):
    virtual = VirtualFile(spliced, paths.__getitem__)
    harm(paths[3])

    with pytest.raises(SegmentChanged):
        virtual.read(0, virtual.length)
    with pytest.raises(SegmentChanged):
        virtual.file_parts(virtual.length - 1, virtual.length)
    assert len(b"".join(virtual.read(0, virtual.begins[-2]))) == virtual.begins[-2]


@pytest.mark.parametrize("harm", [lambda path: os.truncate(path, 2 * MIB), rewrite, lengthen])
def test_virtual_gives_no_bytes_of_a_segment_that_changes_while_read(tmp_path, harm):
    paths = {0: tmp_path / "0.mp4"}
    paths[0].write_bytes(noise(0, 4 * MIB))
    virtual = VirtualFile(describe(paths, [Range(0, 0, 4 * MIB)]), paths.__getitem__)
    blocks = virtual.read(0, virtual.length)
    next(blocks)
    harm(paths[0])

    with pytest.raises(SegmentChanged):
        next(blocks)


def test_virtual_keeps_no_descriptor(spliced, paths):
    virtual = VirtualFile(spliced, paths.__getitem__)

    list(virtual.read(0, virtual.length))
    assert opened(paths) == 0
    broken_off = virtual.read(0, virtual.length)
    next(broken_off)
    assert opened(paths) == 1
    broken_off.close()

    assert opened(paths) == 0


def test_virtual_reads_beyond_4_gib(tmp_path):
    paths = {0: sparse(tmp_path / "0.mp4", 6 * GIB, **{f"at_{5 * GIB}": b"five", "at_0": b"zero"})}
    spliced = describe(paths, [Range(0, 0, 6 * GIB), Range(0, 0, 4), Range(0, 5 * GIB, 4)])
    virtual = VirtualFile(spliced, paths.__getitem__)
    at = len(HEADER)

    assert virtual.length == at + 6 * GIB + 8
    found = b"".join(virtual.read(at + 5 * GIB - 2, at + 5 * GIB + 6))
    assert found == b"\0\0five\0\0"
    assert b"".join(virtual.read(virtual.length - 9, virtual.length)) == b"\0zerofive"


def test_virtual_takes_little_memory(tmp_path):
    paths = {0: sparse(tmp_path / "0.mp4", 16 * MIB)}
    ranges = [Range(0, 0, 16 * MIB)] * 64
    virtual = VirtualFile(describe(paths, ranges), paths.__getitem__)

    tracemalloc.start()
    try:
        total = sum(map(len, virtual.read(0, virtual.length)))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert total == virtual.length > GIB
    assert peak < 4 * MIB


def etag(spliced) -> str:
    return VirtualFile(spliced, Path).etag


def test_tag_is_that_of_the_bytes_whatever_ids_the_rows_have(spliced, paths):
    again = describe(paths, spliced.ranges)
    renumbered = SplicedFile(
        spliced.header,
        tuple(
            part if isinstance(part, Blob) else Range(part.segment + 70, part.offset, part.length)
            for part in spliced.ranges
        ),
        {key + 70: state for key, state in spliced.states.items()},
        {key + 70: begin for key, begin in spliced.begins.items()},
    )

    assert etag(spliced) == etag(again) == etag(renumbered)
    assert etag(spliced).startswith('"')
    assert etag(spliced).endswith('"')


def test_tag_is_another_when_anything_is(spliced, paths):
    first, *others = spliced.ranges
    tags = [
        etag(spliced),
        etag(describe(paths, spliced.ranges, HEADER + b"!")),
        etag(describe(paths, others)),
        etag(describe(paths, [*others, first])),
        etag(describe(paths, [Range(0, 1001, 500_000), *others])),
        etag(describe(paths, [Range(0, 1000, 500_001), *others])),
        etag(describe(paths, [Range(1, 1000, 500_000), *others])),
        etag(describe(paths, [first, Blob(b"other"), *others[1:]])),
    ]
    rewrite(paths[3])
    tags.append(etag(describe(paths, spliced.ranges)))
    lengthen(paths[3])
    tags.append(etag(describe(paths, spliced.ranges)))

    assert len(set(tags)) == len(tags)
