"""The files that can be made: what each container holds, and what it cannot say. Pure.

What a container "holds" is what current and older players read back, found by making and reading
files; not everything a muxer agrees to write (`docs/design/containers.md`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction


@dataclass(frozen=True)
class Container:
    """One form of file.

    `video` and `audio` are the codecs it takes as they are, by ffmpeg's names; `unbroken` is sound
    it counts sample by sample, so that a pause has to be filled. `edit_lists`: it can hold
    pictures that are decoded and not shown. `reorders`: it keeps the times of decoding and of
    showing apart. `in_band`: it wants parameter sets before every keyframe instead of once at the
    head; `headed`: it needs those of AAC before anything else. `changes`: pictures may change size
    midway. `tight`: a packet of sound that sticks out counts as length, so whole ones do not always
    do. `tick` is the step of its times in seconds, None when that is the clock of the footage.
    """

    name: str
    title: str
    mime: str
    muxer: str
    video: frozenset[str]
    audio: frozenset[str]
    edit_lists: bool = False
    reorders: bool = True
    in_band: bool = False
    headed: bool = False
    changes: bool = False
    tight: bool = False
    unbroken: frozenset[str] = frozenset()
    tick: Fraction | None = None
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def suffix(self) -> str:
        """What its files end in, without a dot; also what clients call it."""
        return self.name

    @property
    def is_steady(self) -> bool:
        """Say whether times are counted in pictures of one length, as in AVI."""
        return self.name == "avi"


MILLISECOND = Fraction(1, 1000)
COMMON = frozenset({"aac", "mp3", "ac3", "eac3"})
LAW = frozenset({"pcm_alaw", "pcm_mulaw"})
BOTH = frozenset({"h264", "hevc"})
CLASSIC = frozenset({"h264"})

CONTAINERS: Mapping[str, Container] = {
    one.name: one
    for one in (
        Container(
            name="mp4",
            title="MP4",
            mime="video/mp4",
            muxer="mp4",
            video=BOTH,
            audio=COMMON | {"opus"},
            edit_lists=True,
            changes=True,
            options={"strict": "unofficial"},  # else ffmpeg puts no MP3 of less than 16 kHz there
            unbroken=LAW,
        ),
        Container(
            name="mov",
            title="MOV",
            mime="video/quicktime",
            muxer="mov",
            video=BOTH,
            audio=COMMON,
            edit_lists=True,
            changes=True,
            unbroken=LAW,
        ),
        Container(
            name="mkv",
            title="MKV",
            mime="video/x-matroska",
            muxer="matroska",
            video=BOTH,
            audio=COMMON | LAW | {"opus"},
            tick=MILLISECOND,
        ),
        Container(
            name="ts",
            title="MPEG-TS",
            mime="video/mp2t",
            muxer="mpegts",
            video=BOTH,
            audio=COMMON,
            in_band=True,
            changes=True,
            tick=Fraction(1, 90_000),
            options={"muxdelay": "0", "muxpreload": "0"},
        ),
        Container(
            name="flv",
            title="FLV",
            mime="video/x-flv",
            muxer="flv",
            video=CLASSIC,
            audio=frozenset({"aac"}),  # MP3 at 44.1, 22.05 and 11.025 kHz only
            tight=True,
            tick=MILLISECOND,
            options={"flvflags": "add_keyframe_index"},
        ),
        Container(
            name="asf",
            title="ASF",
            mime="video/x-ms-asf",
            muxer="asf",
            video=CLASSIC,
            audio=frozenset({"aac", "mp3"}) | LAW,
            reorders=False,
            in_band=True,
            headed=True,
            tight=True,
            tick=MILLISECOND,
        ),
        Container(
            name="avi",
            title="AVI",
            mime="video/x-msvideo",
            muxer="avi",
            video=CLASSIC,
            audio=frozenset(),
            reorders=False,
            in_band=True,
            unbroken=LAW,
        ),
    )
}

MP4 = CONTAINERS["mp4"]
