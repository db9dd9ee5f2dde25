from __future__ import annotations

import gc

import pytest

from vms.media.collecting import MORE, rarely_collected


@pytest.fixture(autouse=True)
def own():
    """The thresholds of whoever runs the tests, put back whatever happens."""
    found = gc.get_threshold()
    yield found
    gc.set_threshold(*found)


def test_collects_more_rarely_meanwhile_and_as_before_afterwards():
    gc.set_threshold(700, 9, 8)

    with rarely_collected():
        assert gc.get_threshold() == (MORE, 9, 8)

    assert gc.get_threshold() == (700, 9, 8)


def test_ends_with_the_last_of_several_in_whatever_order_they_end():
    gc.set_threshold(700, 9, 8)
    first, second = rarely_collected(), rarely_collected()
    first.__enter__()
    second.__enter__()

    first.__exit__(None, None, None)
    assert gc.get_threshold() == (MORE, 9, 8)
    second.__exit__(None, None, None)
    assert gc.get_threshold() == (700, 9, 8)


def test_ends_with_what_it_was_for_when_that_fails():
    gc.set_threshold(700, 9, 8)

    with pytest.raises(ZeroDivisionError), rarely_collected():
        raise ZeroDivisionError

    assert gc.get_threshold() == (700, 9, 8)


@pytest.mark.parametrize("most", [0, MORE * 2])
def test_leaves_those_alone_who_collect_more_rarely_still(most):
    gc.set_threshold(most, 9, 8)

    with rarely_collected():
        assert gc.get_threshold() == (most, 9, 8)
