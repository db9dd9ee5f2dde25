"""Waiting for whatever comes first: a signal to stop, the end of a child, or a moment in time."""

from __future__ import annotations

import selectors
import signal
import socket
from types import FrameType, TracebackType
from typing import Self

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Wakeups:
    """While entered, owns the signals of the main thread; `stops` counts requests to stop.

    The kernel's signal, not a poll, ends a wait: Python writes a byte into a socket for each
    signal that arrives, so none is lost between a look at the children and the wait after it.
    """

    def __init__(self) -> None:
        self.stops = 0
        self.reader, self.writer = socket.socketpair()
        self.reader.setblocking(False)
        self.writer.setblocking(False)
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.reader, selectors.EVENT_READ)

    def __enter__(self) -> Self:
        self.old_descriptor = signal.set_wakeup_fd(self.writer.fileno())
        self.old_handlers = {
            number: signal.signal(number, self.note)
            for number in (*STOP_SIGNALS, signal.SIGCHLD)
            if signal.getsignal(number) is not signal.SIG_IGN or number is signal.SIGCHLD
        }
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, handler in self.old_handlers.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self.old_descriptor)
        self.selector.close()
        self.reader.close()
        self.writer.close()

    def note(self, number: int, _frame: FrameType | None) -> None:
        if number in STOP_SIGNALS:
            self.stops += 1

    def wait(self, seconds: float | None) -> None:
        """Return at the next signal, or after *seconds* (None: no limit)."""
        if self.selector.select(None if seconds is None else max(seconds, 0)):
            while self.drain():
                pass

    def drain(self) -> bool:
        try:
            return bool(self.reader.recv(4096))
        except BlockingIOError:
            return False
