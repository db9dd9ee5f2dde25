from __future__ import annotations

import threading

import pytest
from django.utils import timezone

from exports import states
from exports.errors import Cancelled, StorageFailed
from exports.lease import Lease
from tests import factories


@pytest.fixture
def job(db):
    return states.claim(factories.job().pk, "worker", timezone.now())


def test_beats_while_work_goes_on_beside(job):
    told = []
    beats = threading.Event()

    def hear(_job, percent):
        told.append(percent)
        beats.set()

    assert Lease(job, hear).beside(40, 20, beats.wait, 10) is True
    assert told[0] == 40


def test_hands_on_what_work_raises(job):
    def fail():
        raise ValueError("as it is")

    with pytest.raises(ValueError, match="as it is"):
        Lease(job, lambda *_: None).beside(40, 20, fail)


def test_stops_waiting_when_nobody_wants_the_file(job):
    ended = threading.Event()
    states.cancel(job.pk, timezone.now())

    with pytest.raises(Cancelled):
        Lease(job, lambda *_: None).beside(40, 20, ended.wait, 10)
    ended.set()


def test_gives_up_on_a_disk_that_does_not_answer(job):
    ended = threading.Event()

    with pytest.raises(StorageFailed, match="does not answer"):
        Lease(job, lambda *_: None).beside(40, 0.1, ended.wait, 10)
    ended.set()
