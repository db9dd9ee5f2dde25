"""The pictures delivered are exactly those recorded in the interval, whatever was recorded."""

from __future__ import annotations

import shutil
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given

from exports.engines.splice import can_splice
from exports.errors import NoFootage
from exports.terms import Gaps
from tests.exports.matrix.archive import in_file
from tests.exports.matrix.conftest import make_engine
from tests.exports.matrix.strategies import drawing, orders
from tests.exports.matrix.watch import check_exact, near
from tests.footage import decode_beeps

pytestmark = pytest.mark.ffmpeg

# Sound is split between segments packet by packet, up to this far from their pictures.
APART = Fraction(1, 5)


@drawing(30)
@given(order=orders())
@pytest.mark.parametrize("policy", [Gaps.COLLAPSE, Gaps.KEEP])
def test_delivers_exactly_the_pictures_recorded_in_the_interval(policy, order, tmp_path):
    recording, begin, end = order
    shutil.rmtree(tmp_path / "archive", ignore_errors=True)
    archive = recording.make(tmp_path / "archive")
    target = tmp_path / "export.mp4"
    wanted = archive.wanted(begin, end)
    if not wanted:
        with pytest.raises(NoFootage):
            archive.plan(begin, end, gaps=policy)
        return
    can = can_splice(archive.plan(begin, end, gaps=policy))
    archive.export(make_engine("splice" if can else "ffmpeg"), begin, end, target, gaps=policy)

    check_exact(archive, target, begin, end, policy)
    if recording.camera.audio:
        heard = decode_beeps(target)
        assert [
            beep for beep in beeps_within(archive, wanted, policy) if not near(beep, heard)
        ] == []


def beeps_within(archive, wanted, policy):
    """List where beeps are due that are whole and far from where segments and pauses end."""
    edges = [edge for one in archive.known.values() for edge in (one.begin, one.end)]
    edges += [wanted[0].at, wanted[-1].at]
    edges += [later.at for sooner, later in pairwise(wanted) if later.at > sooner.end]
    due = []
    for picture, place in zip(wanted, in_file(wanted, policy), strict=True):
        second = Fraction(-(-picture.at.numerator // picture.at.denominator))
        if second < picture.end and all(abs(edge - second) > APART for edge in edges):
            due.append(float(place + second - picture.at))
    return due
