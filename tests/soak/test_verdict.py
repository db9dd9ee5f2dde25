from __future__ import annotations

import pytest

from tests.soak.verdict import trend

MEGABYTE = 1e6


def series(value):
    """Sample twenty minutes each five seconds."""
    return [(float(at), value(at / 1200)) for at in range(0, 1200, 5)]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("stays as it is", lambda part: 100 * MEGABYTE),
        ("warms up and stays", lambda part: min(100, 40 + 400 * part) * MEGABYTE),
        ("goes up and down", lambda part: (100 + 20 * (part * 120 % 2)) * MEGABYTE),
        ("has one peak near the end", lambda part: (500 if 0.9 < part < 0.92 else 99) * MEGABYTE),
    ],
)
def test_it_calls_no_growth_what(name, value):
    assert not trend(series(value)).grows(slack=4 * MEGABYTE)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rises all the time", lambda part: (100 + 40 * part) * MEGABYTE),
        ("rises once, late", lambda part: (120 if part > 0.7 else 100) * MEGABYTE),
    ],
)
def test_it_calls_growth_what(name, value):
    assert trend(series(value)).grows(slack=4 * MEGABYTE)


def test_it_lets_the_small_differ_by_a_little_it_does_not_let_it_grow():
    assert not trend(series(lambda part: 3 if part < 0.6 else 6)).grows(slack=4)
    assert trend(series(lambda part: 3 if part < 0.6 else 8)).grows(slack=4)


def test_it_tells_the_slope_of_the_second_half_by_the_hour():
    found = trend(series(lambda part: 100 if part < 0.5 else 100 + 1200 * (part - 0.5)))

    assert found.per_hour == pytest.approx(3600)
    assert found.most == 100 + 1200 * (0.5 - 5 / 1200)
