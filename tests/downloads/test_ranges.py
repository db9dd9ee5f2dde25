from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from downloads.ranges import ByteRange, Unsatisfiable, matches_etag, may_use_range, parse_range

ETAG = '"abc"'
MODIFIED = datetime(2023, 3, 10, 10, 20, 5, 123456, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "begin", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-99", 0, 100),
        ("bytes=10-19", 10, 20),
        ("bytes=99-", 99, 100),
        ("bytes=10-1000", 10, 100),
        ("bytes=-1", 99, 100),
        ("bytes=-1000", 0, 100),
        ("BYTES=1-2", 1, 3),
    ],
)
def test_reads_one_range(header, begin, end):
    assert parse_range(header, 100) == ByteRange(begin, end)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=a-b",
        "bytes=5-4",
        "bytes=0-1,5-6",
        "bytes=1-2-3",
        "items=0-1",
        "bytes=\u0660-\u0669",
        "bytes=0x1-2",
        f"bytes=0-{'9' * 5000}",
    ],
)
def test_takes_the_whole_file_when_it_is_not_one_valid_range(header):
    assert parse_range(header, 100) is None


@pytest.mark.parametrize(
    "header", ["bytes=100-", "bytes=100-200", "bytes=-0", f"bytes={'9' * 30}-"]
)
def test_refuses_a_range_outside_the_file(header):
    with pytest.raises(Unsatisfiable):
        parse_range(header, 100)


@pytest.mark.parametrize("header", ["bytes=0-", "bytes=0-0", "bytes=-1"])
def test_refuses_every_range_of_an_empty_file(header):
    with pytest.raises(Unsatisfiable):
        parse_range(header, 0)


def test_writes_the_answer_with_both_ends_included():
    assert ByteRange(10, 20).content_range(100) == "bytes 10-19/100"


number = st.one_of(st.just(""), st.integers(0, 10**40).map(str))


@given(first=number, last=number, size=st.integers(0, 2**63))
@example(first="", last="0", size=5)
def test_never_leaves_the_file(first, last, size):
    try:
        part = parse_range(f"bytes={first}-{last}", size)
    except Unsatisfiable:
        return
    assert part is None or 0 <= part.begin < part.end <= size


@given(header=st.text(), size=st.integers(0, 2**40))
def test_reads_any_text_without_breaking(header, size):
    try:
        part = parse_range(header, size)
    except Unsatisfiable:
        return
    assert part is None or 0 <= part.begin < part.end <= size


@given(size=st.integers(1, 10**6), data=st.data())
def test_agrees_with_slicing(size, data):
    first = data.draw(st.integers(0, size - 1))
    last = data.draw(st.integers(first, size + 5))
    assert parse_range(f"bytes={first}-{last}", size) == ByteRange(first, min(last + 1, size))
    assert parse_range(f"bytes={first}-", size) == ByteRange(first, size)
    suffix = data.draw(st.integers(1, size + 5))
    assert parse_range(f"bytes=-{suffix}", size) == ByteRange(max(0, size - suffix), size)


@pytest.mark.parametrize(
    ("if_range", "may"),
    [
        (None, True),
        (ETAG, True),
        ('"other"', False),
        (f"W/{ETAG}", False),
        (format_datetime(MODIFIED, usegmt=True), True),
        (format_datetime(MODIFIED + timedelta(seconds=1), usegmt=True), False),
        (format_datetime(MODIFIED - timedelta(seconds=1), usegmt=True), False),
        ("Fri, 10 Mar 2023 10:20:05 -0000", False),
        ("yesterday", False),
        ("Fri, 99 Mar 2023 99:20:05 GMT", False),
    ],
)
def test_uses_a_range_only_of_the_very_file_that_was_begun(if_range, may):
    assert may_use_range(if_range, ETAG, MODIFIED) is may


@pytest.mark.parametrize(
    ("if_none_match", "matches"),
    [
        (None, False),
        (ETAG, True),
        (f"W/{ETAG}", True),
        (f'"x", {ETAG} , "y"', True),
        ("*", True),
        ('"abcd"', False),
        ("abc", False),
    ],
)
def test_compares_tags_weakly(if_none_match, matches):
    assert matches_etag(if_none_match, ETAG) is matches
