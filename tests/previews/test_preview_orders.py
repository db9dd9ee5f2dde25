"""What a renderer is told of the archive."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cameras.archive.index import segments_touching
from cameras.timeline import Interval
from previews.preview_moments import MICROSECOND
from previews.preview_orders import LEAD, told
from previews.signing import micros
from tests import factories
from tests.factories import BEGIN

pytestmark = pytest.mark.django_db


def test_tells_of_the_segments_before_too_which_only_lend(alice):
    """Recorders that cut within a group of pictures need them for the first moment."""
    stream = factories.stream(factories.camera(owner=alice))
    for number in range(12):
        factories.segment(stream, begin=BEGIN + timedelta(seconds=10 * number), seconds=10)
    at = BEGIN + LEAD * 3 + timedelta(seconds=1)
    found = segments_touching(stream, Interval(at, at + timedelta(seconds=1)))

    segments = list(told(stream, found))

    begins = [one["begin"] for one in segments]
    assert begins == sorted(set(begins))
    assert [one["id"] for one in segments if not one["lends"]] == [one.id for one in found]
    lending = [one["begin"] for one in segments if one["lends"]]
    assert lending[-1] < micros(found[0].begin) <= lending[0] + 2 * LEAD / MICROSECOND


def test_tells_nothing_of_nothing(alice):
    assert list(told(factories.recorded(owner=alice).streams.get(), [])) == []
