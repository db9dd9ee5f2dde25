from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vms.media.mp4.index import TrackIndex
from vms.media.mp4.summary import hidden_samples, summarise
from vms.media.mp4.table import Samples, pack
from vms.media.probe import summary_of
from vms.media.segment import columns_of

DURATION = np.array([40, 40, 40, 40, 40])


@pytest.mark.parametrize(
    ("shown", "hidden"),
    [
        ([-80, -40, 0, 40, 80], [0, 1]),
        ([-60, -20, 20, 60, 100], [0]),  # the second is on screen at zero
        ([-80, 0, -40, 80, 40], [0, 2]),  # out of order, as B-frames are
        ([-100, 15, -45, 80, 40], [0]),  # its duration is over, but nothing else is on screen
        ([-100, 0, -15, 80, 40], [0, 2]),  # its duration is not, but the next is shown at zero
        ([-240, -200, -160, -120, -80], [0, 1, 2, 3, 4]),
    ],
)
def test_hides_what_is_off_screen_before_the_edit_list_begins(shown, hidden):
    found = hidden_samples(np.array(shown), DURATION, None)

    assert np.flatnonzero(found).tolist() == hidden


def test_hides_what_begins_after_the_edit_list_ends():
    found = hidden_samples(np.array([0, 80, 40, 160, 120]), DURATION, 120)

    assert np.flatnonzero(found).tolist() == [3, 4]


@st.composite
def tracks(draw):
    """Draw a track whose pictures may be out of order, jittered, and hidden at both ends."""
    samples = draw(
        st.lists(
            st.tuples(st.sampled_from([1, 5, 5, 5, 90]), st.integers(-5, 10), st.booleans()),
            min_size=1,
            max_size=12,
        )
    )
    duration, offset, sync = (np.array(column) for column in zip(*samples, strict=True))
    offset = offset * draw(st.sampled_from([0, 1]))
    table = pack(
        Samples(
            at=np.arange(len(samples)),
            size=np.ones(len(samples), np.int64),
            decoded=draw(st.integers(-50, 50)) + np.cumsum(duration) - duration,
            offset=offset,
            duration=duration,
            entry=np.zeros(len(samples), np.int64),
            sync=sync,
        )
    )
    origin, length = draw(st.integers(-20, 60)), draw(st.none() | st.integers(1, 200))
    summary = summarise(table, origin, length)
    return TrackIndex("video", 1000, (), origin, length, summary, lambda: table)


@given(tracks())
def test_sums_up_runs_as_it_sums_up_samples(track):
    assert asdict(track.summary) == asdict(summary_of(columns_of(track)))
