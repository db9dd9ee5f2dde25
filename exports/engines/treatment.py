"""What happens to picture and sound of a plan on their way into a container. Pure.

Everything is copied where the result is exact then; what is re-encoded, and why, is said in words.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from exports.engines.containers import CONTAINERS, MP4, Container
from exports.engines.hearing import sticks_out
from exports.engines.timing import moved, shown_times, steady_rate
from exports.errors import ExportError
from exports.plan import ExportPlan

TITLES = {
    "h264": "H.264",
    "hevc": "H.265",
    "aac": "AAC",
    "mp3": "MP3",
    "mp3float": "MP3",  # as its decoder is called
    "pcm_s16be": "PCM",
    "pcm_s16le": "PCM",
    "opus": "Opus",
    "pcm_alaw": "G.711",
    "pcm_mulaw": "G.711",
}
# Sound that is decoded and encoded again without a change of one sample.
LOSSLESS = frozenset({"pcm_alaw", "pcm_mulaw"})
# A picture this far from its time is not worth a word: sound may be as far from its picture.
UNSEEN_NS = 5_000_000


class CannotHold(ExportError):
    """The plan does not go into the container in any way; the message says why."""

    code = "container"


@dataclass(frozen=True)
class Treatment:
    """How one plan goes into one container.

    `video` and `audio` name the encoder, None where packets are copied. `rate` is what AVI counts
    its pictures by, in ticks a second. `warnings` say in words what is re-encoded or moved.
    """

    container: Container = MP4
    video: str | None = None
    audio: str | None = None
    rate: Fraction | None = None
    warnings: tuple[str, ...] = field(default=())

    @property
    def mode(self) -> str:
        """`transcode` when anything is lost on the way, else `copy`."""
        lossy = self.video or (self.audio and self.audio not in LOSSLESS)
        return "transcode" if lossy else "copy"

    @property
    def is_quicktime(self) -> bool:
        """Say whether ffmpeg has to take an mp4 file for a mov one: else it puts no G.711 there."""
        return self.container is MP4 and self.audio in LOSSLESS

    @property
    def muxer(self) -> str:
        return CONTAINERS["mov"].muxer if self.is_quicktime else self.container.muxer


COPIED = Treatment()


def treat(plan: ExportPlan, container: str = MP4.name) -> Treatment:
    """Decide what is copied and what is re-encoded when *plan* goes into *container*.

    Raises:
        CannotHold: it cannot be done either way.
        KeyError: there is no such container; what users may ask for is checked long before.
    """
    target = CONTAINERS[container]
    warnings: list[str] = []
    if why := reason_to_encode(plan, target):
        warnings.append(f"{why}; the pictures were re-encoded as H.264.")
    audio = sound_encoder(plan, target)
    if plan.audio is not None and audio and audio not in LOSSLESS:
        sound = title(plan.audio.codec)
        warnings.append(f"{target.title} cannot hold {sound} sound exactly; it was re-encoded.")
    rate = tick_rate(plan, target, warnings) if target.is_steady else None
    return Treatment(target, "libx264" if why else None, audio, rate, tuple(warnings))


def reason_to_encode(plan: ExportPlan, target: Container) -> str | None:
    """Say why the pictures cannot be copied into *target*, None when they can."""
    tracks = [part.segment.media.video for part in plan.slices]
    codecs = {track.codec for track in tracks}
    if len(codecs) > 1:
        return "The camera changed its video codec"
    if not codecs <= target.video:
        return f"{target.title} cannot hold {title(codecs.pop())}"
    if plan.configs > 1 and not target.changes:
        return f"The pictures change their format midway and {target.title} cannot"
    if not target.reorders and is_reordered(plan):
        return f"{target.title} cannot hold pictures out of order"
    return reason_of_hidden(plan, target)


def reason_of_hidden(plan: ExportPlan, target: Container) -> str | None:
    """Say why pictures that are decoded and not shown cannot be in *target*, None if they can."""
    hidden = plan.video_packets - plan.shown
    if hidden and not target.edit_lists:
        return f"{target.title} cannot hide the {hidden} pictures that others are decoded from"
    if plan.hides_within:
        return "Some pictures that others are decoded from would have to be hidden midway"
    return None


def is_reordered(plan: ExportPlan) -> bool:
    """Say whether any pictures are decoded in another order than they are shown."""
    spans = ((part.segment.media.video.pts, part.video.slice()) for part in plan.slices)
    return any(bool(np.any(np.diff(pts[span]) < 0)) for pts, span in spans)


def sound_encoder(plan: ExportPlan, target: Container) -> str | None:
    """Return the encoder of the sound, None to copy it or when there is none.

    Where sound is counted sample by sample, G.711 is laid out anew: cut to the sample, its pauses
    filled, without any loss. What is tight gets sound cut to the sample where packets stick out.
    """
    if plan.audio is None:
        return None
    if plan.audio.codec in target.audio:
        return "aac" if target.tight and sticks_out(plan) else None
    return plan.audio.codec if plan.audio.codec in target.unbroken else "aac"


def tick_rate(plan: ExportPlan, target: Container, warnings: list[str]) -> Fraction:
    times = shown_times(plan)
    rate = steady_rate(times)
    if rate is None:
        raise CannotHold(
            f"{target.title} cannot hold a picture for that long; choose mp4, or leave gaps out."
        )
    if (most := moved(times, rate)) > UNSEEN_NS:
        warnings.append(f"{target.title} has one rate; pictures moved by up to {most / 1e6:.0f} ms")
    return rate


def title(codec: str) -> str:
    return TITLES.get(codec, codec)
