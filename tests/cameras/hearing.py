"""Is the sound of recorded segments whole, and where its picture is?

A packet of sound that begins before a cut and ends after it lies in the file before the cut, and a
beep that begins with a segment (all do when keyframes are a full second apart) may lie there
wholly. So the files' sound is put together again before it is listened to, as an export does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import av
import numpy as np

from tests.cameras.site import Row
from tests.footage import LOUD, SILENCE_SECONDS, decode_numbers

BEEP_SECONDS = 0.1


def pictures_of(segments: Sequence[Row]) -> Iterator[tuple[float, int | None]]:
    """Yield the Unix time and the number of every picture."""
    for one in segments:
        frames = decode_numbers(one.path)
        zero = one.begin.timestamp() - float(frames[0][0])
        yield from ((zero + float(at), number) for at, number in frames)


def sound_of(segments: Sequence[Row]) -> tuple[np.ndarray, np.ndarray]:
    """Return the Unix time and the absolute level of every sample, by one decoder for all files."""
    times, levels = [], []
    decoder = None
    for one in segments:
        zero = one.begin.timestamp() - float(decode_numbers(one.path)[0][0])
        with av.open(str(one.path)) as container:
            [track] = container.streams.audio
            if decoder is None:
                decoder = av.CodecContext.create(track.codec_context.name, "r")
                decoder.extradata = track.codec_context.extradata
            for packet in container.demux(track):
                for frame in decoder.decode(packet) if packet.size else ():
                    sound = np.abs(frame.to_ndarray()).max(axis=0)
                    times.append(
                        zero
                        + float(frame.pts * track.time_base)
                        + np.arange(sound.size) / frame.sample_rate
                    )
                    levels.append(sound)
    return np.concatenate(times), np.concatenate(levels)


def assert_heard_with_its_picture(
    segments: Sequence[Row], begins_second, *, tolerance: float
) -> None:
    """The sound has no hole, and a beep begins with each picture whose number *begins_second*.

    The first segment begins before both tracks have arrived. When a recording ends, the sound that
    belongs to its last pictures may not have come yet: the last two do not count either.
    """
    assert len(segments) >= 4
    begin, end = segments[1].begin.timestamp(), segments[-3].end.timestamp()
    times, levels = sound_of(segments)
    steps = np.diff(times)
    assert times[0] <= begin
    assert times[-1] >= end - 2 * steps[0]
    assert abs(steps[(times[1:] > begin) & (times[1:] < end)]).max() < tolerance
    due = [
        at
        for at, number in pictures_of(segments)
        if begins_second(number) and begin <= at < end - 2 * BEEP_SECONDS
    ]
    heard = [at for at in beeps(times, levels) if due[0] - 0.5 <= at < due[-1] + 0.5]
    assert len(heard) == len(due)
    assert all(abs(one - other) < tolerance for one, other in zip(heard, due, strict=True))


def beeps(times: np.ndarray, levels: np.ndarray) -> list[float]:
    loud = times[levels > LOUD]
    return [*loud[:1], *loud[1:][np.diff(loud) > SILENCE_SECONDS]]
