"""The tracks of a feed, and the one whose packets are copied to their place.

Times in a lane are those of the result, moved by a shift so that none is below zero.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import Any, Protocol

import av
import numpy as np

from exports.clock import NS
from exports.plan import ExportPlan, Slice, picture_times, shown_ticks


class Lane(Protocol):
    """One track of the feed. `track` is the stream its packets are for."""

    track: Any

    def begin(self, part: Slice, source: Any) -> None:
        """Get ready for the packets of one slice, which come from the stream *source*."""
        ...

    def take(self, packet: Any) -> Iterable[Any]:
        """Take the next packet; returns those that are ready to be written."""
        ...

    def finish(self) -> Iterable[Any]:
        """Return what is left when all slices are through."""
        ...


class CopyLane:
    """Packets as they are, each given its output time.

    Where segments overlap by a moment decode times are pushed on: they have to rise. *form* names
    the bit stream filter that brings packets to the form the container wants. With *rate*, times
    lie on its ticks, and nothing is decoded at another time than shown. *ahead_ns* is how far
    ahead of the order they are shown in pictures are decoded (`decoded_ahead`).
    """

    def __init__(
        self,
        track: Any,
        shift_ns: int,
        *,
        form: str | None = None,
        rate: Fraction | None = None,
        ahead_ns: int = 0,
    ) -> None:
        self.track = track
        self.shift_ns = shift_ns
        self.form = form
        self.rate = rate
        self.ahead_ns = ahead_ns
        self.after: Fraction | None = None
        self.order: deque[int] = deque()

    def begin(self, part: Slice, source: Any) -> None:
        self.part = part
        self.convert = converter(source, self.form)
        if self.track.type == "video":
            track = part.segment.media.video
            self.order = deque(np.sort(shown_ticks(part)).tolist())
            self.ahead = -int(-self.ahead_ns // (NS * track.time_base))

    def take(self, packet: Any) -> Iterable[Any]:
        move = place(self.part, packet, self.shift_ns)
        if self.rate is not None:
            self.quantise(packet, self.rate)
        elif self.order:
            # Not what the file says: its times may lie behind those of showing, which few allow.
            packet.dts = self.order.popleft() + move - self.ahead
        self.push_on(packet)
        ready = self.convert(packet)
        for one in ready:
            one.stream = self.track
        return ready

    def finish(self) -> Iterable[Any]:
        return ()

    def quantise(self, packet: Any, rate: Fraction) -> None:
        tick = round(packet.pts * packet.time_base * rate)
        packet.time_base = 1 / rate
        packet.pts = packet.dts = tick
        packet.duration = 1

    def push_on(self, packet: Any) -> None:
        base = packet.time_base
        if self.after is not None and packet.dts * base <= self.after:
            packet.dts = int(self.after // base) + 1
            packet.pts = max(packet.pts, packet.dts)
        self.after = packet.dts * base


def place(part: Slice, packet: Any, shift_ns: int) -> int:
    """Give *packet* its output time, moved by *shift_ns*; returns by how many ticks it moved."""
    base = packet.time_base
    move: int = round((part.offset_ns + shift_ns) / (NS * base)) - round(part.origin / base)
    shown = packet.pts if packet.pts is not None else packet.dts
    decoded = packet.dts if packet.dts is not None else shown
    packet.pts = shown + move
    packet.dts = decoded + move
    return move


def converter(stream: Any, form: str | None) -> Callable[[Any], list[Any]]:
    """Return what turns one packet of *stream* into those to write."""
    if form is None:
        return lambda packet: [packet]
    convert: Callable[[Any], list[Any]] = av.BitStreamFilterContext(form, stream).filter
    return convert


def decoded_ahead(plan: ExportPlan) -> int:
    """Return by how many nanoseconds pictures are decoded ahead, so that none is too late.

    They are decoded at the times at which pictures are shown, one after the other, all so much
    earlier that each is decoded before its own.
    """
    most = 0
    for part in plan.slices:
        times = picture_times(part)
        if len(times):
            most = max(most, int((np.sort(times) - times).max()))
    return most
