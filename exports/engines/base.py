"""What an engine is: something that turns a plan into a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # the web process reads virtual files without the libraries that plan them
    from exports.engines.hashing import Hasher
    from exports.plan import ExportPlan

# Where the file of a segment is, by the segment's id.
Locate = Callable[[int], Path]
# Told now and then how much is done, 0 to 1; raises to stop the engine.
Tick = Callable[[float], None]


class Engine(Protocol):
    """Makes the file of one plan and sees that it is the file of that plan.

    `prepare` comes first and returns the plan to go on with.
    """

    @property
    def name(self) -> str:
        """Name and version, as stored with the result."""
        ...

    def prepare(self, plan: ExportPlan, locate: Locate, tick: Callable[[], None]) -> ExportPlan:
        """Return the plan this engine can render: smart cuts are made or given up here."""
        ...

    def render(self, plan: ExportPlan, locate: Locate, target: Path, tick: Tick) -> Hasher | None:
        """Write *target*, calling *tick* at least twice a second.

        Returns what is making its SHA-256 already, to be closed, or None.

        Raises:
            ExportError: it cannot be made; whatever *tick* raises goes through.
        """
        ...

    def verify(self, path: Path, plan: ExportPlan) -> None:
        """See that the file holds what was planned.

        Raises:
            NotVerified: it does not; the message gives both figures.
        """
        ...

    def mode(self, plan: ExportPlan) -> str:
        """Return `copy`, `smart` (the begin was encoded anew) or `transcode`."""
        ...

    def notes(self) -> list[str]:
        """Return in words what else there is to say of the file."""
        ...
