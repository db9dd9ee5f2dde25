"""How many messages a client may send over one socket: a bucket that fills up again."""

from __future__ import annotations

# A page subscribes to a handful of channels at once and then pings every other minute.
BURST = 100
PER_SECOND = 20.0


class Allowance:
    """BURST messages at once, PER_SECOND in the long run; times are seconds of one clock."""

    def __init__(self) -> None:
        self.left = float(BURST)
        self.counted_at = 0.0

    def take(self, now: float) -> bool:
        """Count one message; False when it is one too many."""
        self.left = min(BURST, self.left + (now - self.counted_at) * PER_SECOND)
        self.counted_at = now
        if self.left < 1:
            return False
        self.left -= 1
        return True
