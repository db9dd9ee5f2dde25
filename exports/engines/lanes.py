"""The tracks of a feed, and the one whose packets are copied to their place.

Times in a lane are those of the result, moved by a shift so that none is below zero.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import Any, Protocol

import av

from exports.clock import NS
from exports.plan import Slice


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

    Decode times keep their distance to shown ones. Where segments overlap by a moment they are
    pushed on: they have to rise. *form* names the bit stream filter that brings packets to the
    form the container wants. With *rate*, times lie on its ticks, and nothing is decoded at
    another time than shown.
    """

    def __init__(
        self, track: Any, shift_ns: int, *, form: str | None = None, rate: Fraction | None = None
    ) -> None:
        self.track = track
        self.shift_ns = shift_ns
        self.form = form
        self.rate = rate
        self.after: Fraction | None = None

    def begin(self, part: Slice, source: Any) -> None:
        self.part = part
        self.convert = converter(source, self.form)

    def take(self, packet: Any) -> Iterable[Any]:
        place(self.part, packet, self.shift_ns)
        if self.rate is not None:
            self.quantise(packet, self.rate)
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


def place(part: Slice, packet: Any, shift_ns: int) -> None:
    """Give *packet* its output time, moved by *shift_ns*."""
    base = packet.time_base
    move = round((part.offset_ns + shift_ns) / (NS * base)) - round(part.origin / base)
    shown = packet.pts if packet.pts is not None else packet.dts
    decoded = packet.dts if packet.dts is not None else shown
    packet.pts = shown + move
    packet.dts = decoded + move


def converter(stream: Any, form: str | None) -> Callable[[Any], list[Any]]:
    """Return what turns one packet of *stream* into those to write."""
    if form is None:
        return lambda packet: [packet]
    convert: Callable[[Any], list[Any]] = av.BitStreamFilterContext(form, stream).filter
    return convert
