"""The words of `up --only`."""

from __future__ import annotations

import pytest

from vms.ops.programs import USUAL, UnknownProgram, chosen_names


def test_runs_the_usual_when_nothing_is_chosen():
    assert chosen_names(None) == list(USUAL)
    assert "api" not in USUAL


def test_starts_in_its_own_order_whatever_was_written():
    assert chosen_names("beat, worker,web") == ["web", "worker-exports", "worker-default", "beat"]


def test_runs_one_worker_alone():
    assert chosen_names("worker-exports") == ["worker-exports"]


@pytest.mark.parametrize("text", ["", ",", "webb", "web,apis"])
def test_refuses_what_it_does_not_know(text):
    with pytest.raises(UnknownProgram, match="write one or more of web, api, worker"):
        chosen_names(text)
