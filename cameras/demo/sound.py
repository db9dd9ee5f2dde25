"""The synthetic camera's sound: a beep of 100 ms at each full second of wall-clock time."""

from __future__ import annotations

from datetime import datetime

SAMPLE_RATE = 16_000
BEEP_HERTZ = 1000
BEEP_SECONDS = 0.1


def beep_source(begin: datetime) -> list[str]:
    """Return ffmpeg's input arguments for sound whose first sample is heard at *begin*."""
    phase = begin.microsecond / 1_000_000
    wave = f"0.5*sin({BEEP_HERTZ}*2*PI*t)*lt(mod(t+{phase:.6f},1),{BEEP_SECONDS})"
    return ["-f", "lavfi", "-i", f"aevalsrc='{wave}':s={SAMPLE_RATE}:c=mono"]
