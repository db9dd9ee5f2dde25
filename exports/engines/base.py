"""What an engine is: something that turns a plan into a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from exports.plan import ExportPlan

# Where the file of a segment is, by the segment's id.
Locate = Callable[[int], Path]
# Told now and then how much is done, 0 to 1; raises to stop the engine.
Tick = Callable[[float], None]


class Engine(Protocol):
    """Makes the file of a plan; what it made is verified by `exports.engines.verify`."""

    @property
    def name(self) -> str:
        """Name and version, as stored with the result."""
        ...

    def render(self, plan: ExportPlan, locate: Locate, target: Path, tick: Tick) -> str | None:
        """Write *target*, calling *tick* at least twice a second.

        Returns its SHA-256 in hex if the engine came to know it, else None.

        Raises:
            ExportError: it cannot be made; whatever *tick* raises goes through.
        """
        ...
