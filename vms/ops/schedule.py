"""What beat sends when, also on a machine whose clock is set."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

from django_celery_beat.schedulers import DatabaseScheduler, ModelEntry

# What a clock that is not set strays between two looks at it, a few seconds apart.
STRAYS_SECONDS = 1.0


class Entry(ModelEntry):  # type: ignore[misc] # the library has no types
    """A line of the schedule; a last run that lies ahead of the clock counts as one just now."""

    last_run_at: datetime

    def is_due(self) -> Any:
        now = self._default_now()
        if self.last_run_at > now:
            self.last_run_at = self.model.last_run_at = now
        return super().is_due()


class Scheduler(DatabaseScheduler):  # type: ignore[misc] # the library has no types
    """Celery's, which waits until the clock is again where it was when it was set back.

    For an hour, say, no lost job would be looked for.
    """

    Entry = Entry
    ahead: float | None = None
    is_closed = False

    def close(self) -> None:
        """Save when each task ran: beat was asked to stop."""
        self.is_closed = True
        super().close()

    def tick(self, *arguments: Any, **options: Any) -> Any:
        """Send what is due; gives the seconds until there may be more.

        Raises:
            SystemExit: beat was asked to stop, and goes on all the same: what the signal raised was
                lost in a client of the broker that it interrupted.
        """
        if self.is_closed:
            raise SystemExit
        if self.clock_was_set():
            self._heap = None  # made anew, by the clock as it is
        return super().tick(*arguments, **options)

    def clock_was_set(self) -> bool:
        before, self.ahead = self.ahead, time.time() - time.monotonic()
        return before is not None and abs(self.ahead - before) > STRAYS_SECONDS
