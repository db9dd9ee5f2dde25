"""A cut as a VOD playlist and one file of movie fragments, without a copy of the media.

Both are made of the segments' sample tables (RFC 8216; ISO/IEC 14496-12 section 8.8): the file is a
spliced one, whose own bytes are initialisation sections and heads of fragments, and the playlist
names stretches of it. It begins at the keyframe before the begin that was asked for, and says
where to start; where footage is missing or the codec's settings change stands a discontinuity.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from fractions import Fraction

import numpy as np

from exports.clock import NS
from exports.engines.inband import Insertions
from exports.engines.splice import Unspliceable, clock_of, index_of
from exports.engines.spliced import Blob, Part, Range, SplicedFile
from exports.engines.tracks import tagged
from exports.plan import ExportPlan, Slice
from previews.hls_lanes import Lane, piece_of
from previews.hls_playlist import Fragment, lines
from previews.hls_silence import silence_for
from vms.media.mp4.atoms import Malformed
from vms.media.mp4.entries import read_entry
from vms.media.mp4.fragmenting import FragmentTrack, InitTrack, fragment_head, init_section
from vms.media.mp4.index import FileIndex, TrackIndex
from vms.media.mp4.table import Samples, Spans, pack, spans_of

# A segment of the archive that lasts no longer is one fragment; longer ones are split at keyframes.
LONGEST_NS, SPLIT_NS = 12 * NS, 6 * NS


@dataclass(frozen=True)
class Piece:
    """Samples of a slice's tracks that become one fragment, by track; shown from `begin_ns` on."""

    samples: dict[str, Samples]
    begin_ns: int


@dataclass(frozen=True)
class Playlist:
    """The file of fragments, and the text that says what is where in it."""

    file: SplicedFile
    text: str


def make_playlist(plan: ExportPlan) -> Playlist:
    """Fragment *plan*, which should begin at a keyframe: what is hidden in an mp4 file is not here.

    Raises:
        Unspliceable: a segment is no mp4 file that can be cut this way.
    """
    maker = Fragmenter(plan)
    try:
        for part in plan.slices:
            if len(part.video):  # else it only lends the sound that reaches over the begin
                maker.add(part)
    except Malformed as error:
        raise Unspliceable("The tables of a segment contradict each other.") from error
    start = (plan.asked.begin - plan.begin).total_seconds()
    return Playlist(maker.file(), "\n".join(lines(maker.fragments, maker.inits, start)) + "\n")


class Fragmenter:
    """Turns slice after slice into fragments."""

    def __init__(self, plan: ExportPlan) -> None:
        self.plan = plan
        self.lanes = {"video": Lane("video", clock_of(plan))}
        if plan.audio is not None:
            self.lanes["audio"] = Lane("audio", plan.audio.time_base.denominator)
        self.sound = sound_of(plan)
        self.silence = None
        if self.sound is not None:
            self.silence = silence_for(self.sound, self.lanes["audio"].clock)
        if self.silence is None and not all(len(part.audio) for part in plan.slices):
            self.sound = None
            self.lanes.pop("audio", None)
        self.parts: list[Part] = []
        self.size = 0
        self.known: dict[str, int] = {}
        self.inits: list[tuple[int, int]] = []
        self.fragments: list[Fragment] = []
        self.before: Slice | None = None

    def add(self, part: Slice) -> None:
        tracks = index_of(part).tracks
        wanted = {"video": part.video, "audio": part.audio}
        samples = {
            kind: lane.place(part, tracks[kind], wanted[kind])
            for kind, lane in self.lanes.items()
            if len(wanted[kind]) and kind in tracks
        }
        samples = {kind: some for kind, some in samples.items() if len(some)}
        pieces = list(self.split(part, samples))
        ends = [*(piece.begin_ns for piece in pieces[1:]), part.end_ns]
        is_break = self.before is not None and self.plan.breaks(self.before, part)
        if self.before is not None and not is_break and self.fragments:
            self.close_hole(part)
        for piece, end in zip(pieces, ends, strict=True):
            self.add_piece(part, tracks["video"], piece, end, is_break=is_break)
            is_break = False
        self.before = part

    def close_hole(self, part: Slice) -> None:
        """Let the fragment before last until *part* begins: its last picture is held so long."""
        last, before = self.fragments[-1], self.before
        if before is not None and part.at_ns > before.end_ns:
            more = Fraction(part.at_ns - before.end_ns, NS)
            self.fragments[-1] = replace(last, seconds=last.seconds + more)

    def split(self, part: Slice, samples: dict[str, Samples]) -> Iterator[Piece]:
        """Cut a slice at keyframes, if it is long or the settings of its codec change in it."""
        video, lane = samples["video"], self.lanes["video"]
        shown = lane.nanoseconds(video.decoded + video.offset - lane.delay)
        edges = [0]
        changes = set((np.flatnonzero(np.diff(video.entry)) + 1).tolist())
        longest = part.end_ns - part.at_ns > LONGEST_NS
        for key in np.flatnonzero(video.sync).tolist():
            far = longest and shown[key] - shown[edges[-1]] >= SPLIT_NS
            if key and (far or key in changes) and shown[key] < part.end_ns:
                edges.append(key)
        begins = [part.at_ns, *(int(shown[key]) for key in edges[1:])]
        sound = self.sound_edges(samples.get("audio"), begins)
        for index, begin in enumerate(begins):
            some = {"video": piece_of(video, edges, index)}
            if sound is not None:
                heard = piece_of(samples["audio"], sound, index)
                if len(heard):
                    some["audio"] = heard
            yield Piece(some, begin)

    def sound_edges(self, audio: Samples | None, begins: Sequence[int]) -> list[int] | None:
        if audio is None:
            return None
        heard = self.lanes["audio"].nanoseconds(audio.decoded)
        return [0, *np.searchsorted(heard, begins[1:]).tolist()]

    def add_piece(
        self, part: Slice, track: TrackIndex, piece: Piece, end_ns: int, *, is_break: bool
    ) -> None:
        video = piece.samples["video"]
        init = self.init_of(track.entries[int(video.entry[0])])
        placed, media = self.place(part, track, piece)
        if self.silence is not None:
            self.silence.fill(placed, media, end_ns)
        numbers = {kind: number for number, kind in enumerate(self.lanes, start=1)}
        tracks = [FragmentTrack(numbers[kind], samples) for kind, samples in placed.items()]
        size = sum(one.length for one in media)
        offset = self.size
        for one in (Blob(fragment_head(len(self.fragments) + 1, tracks, size)), *media):
            self.put(one)
        shift = timedelta(microseconds=(piece.begin_ns - part.at_ns) / 1000)
        self.fragments.append(
            Fragment(
                offset=offset,
                length=self.size - offset,
                begin=part.begin + shift,
                seconds=Fraction(end_ns - piece.begin_ns, NS),
                init=init,
                is_break=is_break or bool(self.fragments and self.fragments[-1].init != init),
                is_independent=bool(video.sync[0]),
            )
        )

    def place(
        self, part: Slice, track: TrackIndex, piece: Piece
    ) -> tuple[dict[str, Samples], list[Part]]:
        """Lay out the media of a fragment; returns the samples at their places, and its parts.

        ffmpeg reads the first initialisation section only: where there are several, H.264 has its
        parameter sets before each keyframe too.
        """
        spans = stretches(index_of(part), piece)
        if self.plan.configs == 1:
            bounds = zip(spans.begin.tolist(), spans.length.tolist(), strict=True)
            placed = {
                kind: replace(samples, at=spans.places(samples.at, 0))
                for kind, samples in piece.samples.items()
            }
            return placed, [Range(part.segment.id, begin, length) for begin, length in bounds]
        video = piece.samples["video"]
        insertions = Insertions(track, pack(video))
        size = video.size.astype(np.int64)
        size[insertions.keys] += insertions.lengths
        sized = {**piece.samples, "video": replace(video, size=size)}
        placed = {
            kind: replace(samples, at=insertions.places(spans, samples.at, 0))
            for kind, samples in sized.items()
        }
        return placed, insertions.parts(part.segment.id, spans)

    def init_of(self, entry: bytes) -> int:
        """Return the number of the initialisation section of a sample entry, made when new."""
        known = read_entry(entry, "video")
        lane = self.lanes["video"]
        if known.config not in self.known:
            tracks = [
                InitTrack("video", lane.clock, tagged(entry), known.width, known.height, lane.delay)
            ]
            if self.sound is not None:
                clock = self.lanes["audio"].clock
                tracks.append(InitTrack("audio", clock, self.sound.entries[0]))
            section = init_section(tracks)
            self.known[known.config] = len(self.inits)
            self.inits.append((self.size, len(section)))
            self.put(Blob(section))
        return self.known[known.config]

    def put(self, part: Part) -> None:
        self.parts.append(part)
        self.size += part.length

    def file(self) -> SplicedFile:
        indexes = [(part.segment, index_of(part)) for part in self.plan.slices]
        return SplicedFile(
            header=b"",
            ranges=tuple(self.parts),
            states={segment.id: (index.size, index.mtime_ns) for segment, index in indexes},
            begins={segment.id: segment.begin for segment, _ in indexes},
        )


def stretches(index: FileIndex, piece: Piece) -> Spans:
    """Return where the samples of a fragment lie in their file.

    Raises:
        Unspliceable: they share bytes.
    """
    count = sum(map(len, piece.samples.values()))
    if count == sum(track.summary.count for track in index.tracks.values()):
        return index.spans
    spans = spans_of([pack(samples) for samples in piece.samples.values()])
    if spans is None:
        raise Unspliceable("Samples of a segment share bytes.")
    return spans


def sound_of(plan: ExportPlan) -> TrackIndex | None:
    """Return the first track of sound; the plan takes sound of one format only."""
    for part in plan.slices:
        if len(part.audio):
            return index_of(part).tracks["audio"]
    return None
