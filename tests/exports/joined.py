"""Files of made archives (`tests.exports.joins`), compared sample by sample with what was made."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction

import numpy as np

from cameras.timeline import Interval
from exports.engines.readback import verify_tables
from exports.engines.splice import splice
from exports.engines.spliced import Range
from exports.plan import make_plan
from exports.terms import HOLD
from tests.exports.joins import NS, ZERO
from vms.media.mp4.index import read_index
from vms.media.segment import media_of


def seconds(begin, end):
    return Interval(ZERO + timedelta(seconds=begin), ZERO + timedelta(seconds=end))


def share_of(made, pair):
    """Return the interval between two shares of the time from the first begin to the last end."""
    last = max(one.segment.begin + media_length(one) for one in made.values())
    length = last - ZERO
    return Interval(ZERO + pair[0] * length, ZERO + pair[1] * length + timedelta(microseconds=1))


def media_length(one):
    return timedelta(seconds=float(one.segment.media.duration))


def plan_of(made, asked, **options):
    segments = [one.segment for one in made.values()]
    return make_plan(asked, segments, before=segments, **options)


def write(plan, made, target):
    """Write the file of *plan* as the engine would; returns what its boxes say and its bytes."""
    spliced = splice(plan)
    parts = [
        made[part.segment].content[part.offset : part.offset + part.length]
        if isinstance(part, Range)
        else part.data
        for part in spliced.ranges
    ]
    content = spliced.header + b"".join(parts)
    target.write_bytes(content)
    assert len(content) == spliced.size
    assert sum(map(len, parts)) == plan.payload + spliced.added
    verify_tables(target, plan, spliced.added)
    return media_of(read_index(target)), content


def expected(plan, made, kind):
    """List when each sample is due, in nanoseconds, and its bytes."""
    found = []
    for part in plan.slices:
        span = part.video if kind == "video" else part.audio
        into = (part.segment.begin - part.begin) // timedelta(microseconds=1) * 1000
        skipped = part.skipped if kind == "video" else ()
        samples = made[part.segment.id].samples.get(kind, [])[span.slice()]
        samples = [one for at, one in enumerate(samples, span.first) if at not in skipped]
        found += [(part.at_ns + into + when, data) for when, data in samples]
    return found


def check_samples(media, content, wanted, kind):
    """Compare bytes and times of all samples of a kind; sets may have been put before them."""
    track = media.index.tracks[kind]
    table = track.table
    base = Fraction(NS, track.timescale)
    # Rounded to the clock twice, and a place is known to the microsecond. Sound that begins late
    # waits for a whole tick of the pictures.
    most = 2 * base + 2000 + (NS * media.video.time_base if kind == "audio" else 0)
    assert len(table) == len(wanted)
    shown = (table.decoded + table.offset - track.origin).tolist()
    for (due, data), ticks, at, size in zip(
        wanted, shown, table.at.tolist(), table.size.tolist(), strict=True
    ):
        assert content[at : at + size].endswith(data)
        assert abs(ticks * base - due) <= most


def check_begins(plan):
    """See that every slice begins with a keyframe or goes on from where the one before ended."""
    before = None
    for part in plan.slices:
        video = part.segment.media.video
        if not video.key[part.video.first]:
            assert before is not None
            theirs = before.segment.media.video
            assert (part.video.first, before.video.stop) == (0, len(theirs))
            assert video.config == theirs.config
            assert timedelta() <= part.begin - before.end <= HOLD
        before = part


def check_file(plan, made, target):
    check_begins(plan)
    media, content = write(plan, made, target)
    check_samples(media, content, expected(plan, made, "video"), "video")
    if plan.audio_packets:
        check_samples(media, content, expected(plan, made, "audio"), "audio")
    shown = np.sort(media.video.pts[media.video.shown])
    assert len(shown) == plan.shown
    assert (np.diff(shown) > 0).all()
    return media
