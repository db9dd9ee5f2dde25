"""Joined files hold every sample at its time, whatever the segments were like.

The archives are figures and noise (`tests.exports.joins`); the files are read back by their boxes.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exports.cutting import Placed
from exports.engines.readback import verify_tables
from exports.engines.splice import Unspliceable, can_splice, splice
from exports.engines.tracks import pushed
from exports.errors import ExportError, NoFootage, NotVerified
from exports.sound import Sound
from exports.terms import Cut, Gaps
from tests.exports.joined import check_file, plan_of, seconds, share_of, write
from tests.exports.joins import CLOCKS, NS, ZERO, Recording, make, picture_entry, recordings
from vms.media.mp4.fragments import Defaults, Run, table_of
from vms.media.mp4.index import read_index
from vms.media.mp4.movie import Movie, MovieTrack, build_header
from vms.media.segment import media_of

cuts = st.sampled_from([Cut.EXACT, Cut.KEYFRAME])
policies = st.sampled_from([Gaps.COLLAPSE, Gaps.KEEP])
# Shares of what there is, and a bit of what there is not.
shares = st.tuples(st.floats(-0.1, 1), st.floats(0, 1.1)).filter(lambda pair: pair[0] < pair[1])


@pytest.fixture(scope="module")
def target(tmp_path_factory):
    return tmp_path_factory.mktemp("joined") / "export.mp4"


@given(recordings(), shares, cuts, policies, st.booleans())
def test_holds_every_sample_at_its_time(target, archive, pair, cut, gaps, sidecars):
    made = make(archive, sidecars=sidecars)
    try:
        plan = plan_of(made, share_of(made, pair), cut=cut, gaps=gaps)
    except NoFootage:
        return
    if plan.hides_within:
        assert not can_splice(plan)
        return

    check_file(plan, made, target)


@settings(max_examples=max(1, settings.default.max_examples // 4))
@given(recordings(), shares, cuts, policies)
def test_makes_the_same_file_of_sidecars(archive, pair, cut, gaps):
    try:
        files = [
            splice(plan_of(made, share_of(made, pair), cut=cut, gaps=gaps))
            for made in (make(archive), make(archive, sidecars=True))
        ]
    except NoFootage:
        return
    except Unspliceable:
        assert any(one.hidden for one in archive)
        return

    assert files[0] == files[1]


@given(recordings(), shares, cuts, policies)
def test_plans_whole_segments_as_it_plans_parts(archive, pair, cut, gaps):
    made = make(archive)
    asked = share_of(made, pair)

    def plan():
        try:
            return plan_of(made, asked, cut=cut, gaps=gaps)
        except ExportError as error:
            return error.code

    quick = plan()
    with pytest.MonkeyPatch.context() as patch:
        # The short cuts are all that is taken away.
        patch.setattr(Placed, "is_plain", property(lambda _placed: False))
        patch.setattr(Sound, "take_whole", lambda *_: None)
        assert plan() == quick


@pytest.mark.parametrize("gap", [-1, 0, 1])
def test_takes_segments_that_touch_by_a_microsecond_as_one(target, gap):
    made = make([Recording(), Recording(first_key=1, gap=gap)])
    plan = plan_of(made, seconds(0, 4))

    assert [len(part.video) for part in plan.slices] == [50, 50]
    assert plan.warnings == ()
    check_file(plan, made, target)


def test_decodes_nothing_that_follows_no_keyframe(target):
    made = make([Recording(group=50, first_key=1), Recording(first_key=1)])
    plan = plan_of(made, seconds(1, 4))

    assert [(part.segment.id, part.video.first) for part in plan.slices] == [(1, 12)]
    check_file(plan, made, target)


def test_decodes_nothing_with_the_settings_of_the_segment_before(target):
    made = make([Recording(), Recording(first_key=1, widths=(320,))])
    plan = plan_of(made, seconds(0, 4))

    assert [part.video.first for part in plan.slices] == [0, 12]
    check_file(plan, made, target)


def test_shows_a_segment_until_the_one_that_overlaps_it_can_be_decoded(target):
    made = make([Recording(), Recording(first_key=1, gap=-1_000_000)])
    plan = plan_of(made, seconds(0, 4))

    # The second one begins at 1 s, its first keyframe is 12 pictures later.
    assert [part.video.first for part in plan.slices] == [0, 12]
    assert plan.slices[0].video.stop == 25 + 12
    check_file(plan, made, target)


def test_leaves_out_a_segment_that_overlaps_and_has_no_keyframe(target):
    made = make([Recording(), Recording(group=50, first_key=1, gap=-1_000_000)])
    plan = plan_of(made, seconds(0, 4))

    assert [part.segment.id for part in plan.slices] == [0]
    check_file(plan, made, target)


@pytest.mark.parametrize(
    ("gap", "end"),
    # Ticks are milliseconds: one picture begins 0.05 ms behind the end and is decoded before it,
    # the other begins 0.05 ms before the end and is shown with the next tick.
    [(400, 2.080_35), (600, 2.040_65)],
    ids=["hidden", "shown"],
)
def test_ends_within_the_tick_of_a_picture(target, gap, end):
    coarse = Recording(clock=1000, order="late", silent=True)
    made = make([coarse, replace(coarse, gap=gap)])
    plan = plan_of(made, seconds(0, end))

    assert plan.shown == 52
    check_file(plan, made, target)


@pytest.mark.parametrize("clock", CLOCKS)
def test_shows_pictures_in_time_whatever_was_decoded_late_before(target, clock):
    late = Recording(clock=clock, order="early", jitter=0.4, behind=2)
    made = make([late, Recording(clock=clock, order="early"), replace(late, pictures=1), late])
    plan = plan_of(made, seconds(0, 9))

    table = check_file(plan, made, target).index.tracks["video"].table
    assert (np.diff(table.decoded) > 0).all()


def test_keeps_sound_that_is_behind_its_pictures_at_a_boundary(target):
    late = {"pictures": 75, "start": 90_000, "hidden": None}
    made = make([Recording(**late, lag=0.3), Recording(**late, delay=-0.3)])
    plan = plan_of(made, seconds(0, 6))

    assert [len(part.audio) for part in plan.slices] == [135, 150]
    check_file(plan, made, target)


def test_leaves_out_a_sound_packet_most_of_which_was_heard(target):
    made = make([Recording(delay=0.015), Recording()])
    plan = plan_of(made, seconds(0, 4))

    assert [len(part.audio) for part in plan.slices] == [100, 99]
    check_file(plan, made, target)


def test_takes_no_sound_that_begins_behind_the_end(target):
    late = Recording(pictures=5, delay=0.3)
    made = make([late, late])
    plan = plan_of(made, seconds(0, 0.200_001))

    assert plan.audio_packets == 0
    check_file(plan, made, target)


def test_lets_no_sound_behind_a_gap_begin_before_the_last_ahead_of_it(target):
    late = Recording(first_key=1, widths=(320,), delay=0.005)
    made = make([Recording(delay=0.01), late])
    plan = plan_of(made, seconds(0, 4))

    assert len(plan.gaps) == 1
    check_file(plan, made, target)


def test_waits_for_late_sound_on_a_coarse_clock(target):
    made = make([Recording(clock=1000, delay=0.030_625)])
    plan = plan_of(made, seconds(0, 2))

    check_file(plan, made, target)


def test_keeps_a_gap_of_14_hours(target):
    made = make([Recording(order="early"), Recording(order="early", gap=14 * 3600 * 10**6)])
    plan = plan_of(made, seconds(0, 15 * 3600), gaps=Gaps.KEEP)

    media = check_file(plan, made, target)

    assert media.index.tracks["video"].timescale < 90_000


def test_leaves_a_gap_no_table_can_hold_to_another_engine():
    made = make([Recording(), Recording(gap=6 * 86_400 * 10**6)])
    plan = plan_of(made, seconds(0, 7 * 86_400), gaps=Gaps.KEEP)

    with pytest.raises(Unspliceable):
        splice(plan)


def test_holds_more_sample_entries_than_a_byte_counts(target):
    made = make([Recording(pictures=300, widths=tuple(range(100, 400)))])
    plan = plan_of(made, seconds(0, 12))

    media = check_file(plan, made, target)

    table = media.index.tracks["video"].table
    assert len(media.index.tracks["video"].entries) == 300
    assert np.repeat(table.chunk_entry, table.chunk_count).tolist() == list(range(300))


def test_moves_only_pictures_that_would_be_decoded_too_soon():
    recording = Recording(pictures=7, clock=1000, order="early", silent=True)
    table = made_table(recording)
    own = table.decoded + table.offset

    late = pushed(table, 0, 30)

    assert late.decoded.tolist() == [30, 40, 80, 120, 160, 200, 240]
    assert (late.decoded + late.offset).tolist() == [30, *own.tolist()[1:]]
    assert (own < table.decoded).any()  # some are shown before they are decoded


def made_table(recording):
    return make([recording])[0].segment.media.index.tracks["video"].table


def test_finds_a_single_slice_that_is_off(target):
    made = make([Recording(), Recording(), Recording()])
    plan = plan_of(made, seconds(0, 6))
    write(plan, made, target)
    first, second, third = plan.slices
    moved = replace(second, offset_ns=second.offset_ns + NS // 100)

    with pytest.raises(NotVerified, match=r"picture 51 at 2\.010 s, found 0\.010 s off"):
        verify_tables(target, replace(plan, slices=(first, moved, third)))


@pytest.mark.parametrize("used", [0, 1])
def test_reads_a_segment_with_a_sample_entry_that_nothing_uses(target, used):
    made = make([Recording(silent=True)])
    entries = [picture_entry(kind=b"encv"), picture_entry(kind=b"encv")]
    entries[used] = picture_entry()
    table = made_table(Recording(silent=True))
    table = replace(table, chunk_entry=np.full(len(table.chunk_at), used))
    content = made[0].content
    track = MovieTrack("video", 90_000, entries, table, 180_000)
    target.write_bytes(build_header(Movie([track], 90_000, 180_000, len(content), ZERO)) + content)

    media = media_of(read_index(target))

    assert media.index.tracks["video"].entries == (picture_entry(),)
    assert not media.index.tracks["video"].table.chunk_entry.any()


def run(decoded, *durations):
    """Make a run of samples of one byte that say how long they last."""
    rows = np.array(durations, ">u4").reshape(-1, 1)
    return Run(0x100, 1000 + decoded, decoded, Defaults(0, 0, 1, 0), None, rows)


def test_ends_a_segment_where_the_clock_of_its_fragments_goes_back():
    forward = [run(0, 10, 10), run(20, 10, 10)]

    table, is_all = table_of([*forward, run(15, 10), run(100, 10)])

    assert table.decoded.tolist() == [0, 10, 20, 30]
    assert (table.duration >= 0).all()
    assert not is_all
    assert table_of([*forward, run(50, 10)])[1]


def test_lets_a_sample_last_until_the_next_fragment():
    table, is_all = table_of([run(0, 10, 10), run(50, 10), run(55, 10)])

    assert table.duration.tolist() == [10, 40, 5, 10]
    assert is_all
