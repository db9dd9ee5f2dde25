"""How ffmpeg is told to cut a recording into segments.

A fragmented mp4 stays readable when its writer is killed. `delay_moov` (not `empty_moov`) because
only then the header knows where each track begins: without it picture and sound of every segment
would both start at zero and lose up to one audio packet of their distance. Each file's clock
starts at its first picture (`reset_timestamps`); where that lies in the recording is in the list.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

# Without flush_packets a fragment waits in ffmpeg's buffer, for minutes at a low bit rate, and is
# lost when ffmpeg is killed.
MP4_OPTIONS = "movflags=+frag_keyframe+delay_moov+default_base_moof:flush_packets=1"
# A keyframe so many seconds early is taken too: cameras count time with a little jitter, and to
# wait for the next one would double the segment.
EARLY = "0.1"
CONTAINERS = {
    "fmp4": ("mp4", MP4_OPTIONS),
    "mp4": ("mp4", ""),
    "mpegts": ("mpegts", ""),
}


@dataclass(frozen=True)
class ClosedSegment:
    """One line of ffmpeg's list: a file that is finished, in seconds since the recording began."""

    name: str
    begin: float
    end: float


def segment_arguments(
    *, pattern: str, seconds: float, list_to: str, container: str = "fmp4"
) -> list[str]:
    """Return the output part of a command line.

    Files are named by *pattern* (with `%06d`), cut at the first keyframe after each multiple of
    *seconds*, and each is listed in *list_to* when it is closed.
    """
    muxer, options = CONTAINERS[container]
    return [
        *("-avoid_negative_ts", "disabled", "-f", "segment", "-segment_format", muxer),
        *("-segment_time", f"{seconds:g}", "-segment_time_delta", EARLY),
        *(("-segment_format_options", options) if options else ()),
        *("-reset_timestamps", "1", "-segment_list", list_to, "-segment_list_type", "csv"),
        pattern,
    ]


def read_list(lines: Iterable[str]) -> Iterator[ClosedSegment]:
    """Read the list of closed segments; other lines (ffmpeg's progress) are passed over."""
    for line in lines:
        name, *numbers = line.strip().rsplit(",", 2)
        if len(numbers) == 2:  # noqa: PLR2004 - begin and end
            yield ClosedSegment(name, float(numbers[0]), float(numbers[1]))
