"""Keeping a job ours while work goes on, and noticing when it is not."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from threading import Thread
from typing import ParamSpec, TypeVar

from django.utils import timezone

from exports import states, stopping
from exports.errors import HandedBack, StorageFailed
from exports.models import ExportJob

BEAT_SECONDS = 0.5

P = ParamSpec("P")
R = TypeVar("R")
# Told of a job and its percentage.
Told = Callable[[ExportJob, int], None]


class Lease:
    """Beats for one attempt; *told* hears the progress, at most twice a second."""

    def __init__(self, job: ExportJob, told: Told) -> None:
        self.job = job
        self.told = told
        self.beaten_at = 0.0

    def tick(self, percent: float) -> None:
        """Beat if it is time to.

        Raises:
            Cancelled, LeaseLost, HandedBack: as `beat`.
        """
        if time.monotonic() - self.beaten_at >= BEAT_SECONDS:
            self.beat(percent)

    def beat(self, percent: float) -> None:
        """Beat now, and see that the job is still ours and our worker goes on.

        Raises:
            Cancelled, LeaseLost: nobody wants the file, or not from us.
            HandedBack: the worker stops, and its grace is over.
        """
        self.beaten_at = time.monotonic()
        states.beat(self.job, min(99, int(percent)), timezone.now())
        if stopping.is_due():
            raise HandedBack
        self.told(self.job, min(99, int(percent)))

    def beside(
        self,
        percent: float,
        limit_seconds: float,
        work: Callable[P, R],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Do *work* that cannot tick, in a thread, and tick meanwhile; returns what it returns.

        *work* must not use the database. When nobody wants the file any more its result is
        dropped; a thread that hangs on a disk that does not answer is left behind.

        Raises:
            StorageFailed: it took longer than *limit_seconds*; whatever *work* raises goes through.
        """
        done: Future[R] = Future()

        def run() -> None:
            try:
                done.set_result(work(*args, **kwargs))
            except BaseException as error:  # noqa: BLE001 - raised where the result is asked for
                done.set_exception(error)

        deadline = time.monotonic() + limit_seconds
        Thread(target=run, name="beside", daemon=True).start()
        while not wait([done], timeout=BEAT_SECONDS).done:
            self.tick(percent)
            if time.monotonic() > deadline:
                raise StorageFailed("The server's disk does not answer; try again later.")
        return done.result()
