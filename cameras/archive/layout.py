"""How the path of an archive file tells when it begins. Pure: no Django, no clock, no files.

A layout is written as `vms`, `mediamtx`, `frigate` or a pattern, optionally followed by
` camera=NAME` when files of several cameras lie below the same folder.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from enum import Enum

PRESETS = {
    "vms": "%Y-%m-%d/%H/%Y%m%dT%H%M%S.%fZ",
    "mediamtx": "%path/%Y-%m-%d_%H-%M-%S-%f",
    "frigate": "%Y-%m-%d/%H/<camera>/%M.%S.mp4",
}
UTC_PRESETS = frozenset({"vms", "frigate"})

# The word that names no folder at all: files lie directly where %path would stand.
HERE = "."

FIELDS = {
    "%Y": "[0-9]{4}",
    **dict.fromkeys(("%y", "%m", "%d", "%H", "%I", "%M", "%S"), "[0-9]{2}"),
    "%j": "[0-9]{3}",
    "%p": "[AaPp][Mm]",
    "%f": "[0-9]{1,6}",
    "%s": "[0-9]{9,11}",
    "%z": "Z|[+-][0-9]{2}:?[0-9]{2}",
}
SHORTHANDS = {"%F": "%Y-%m-%d", "%T": "%H:%M:%S"}
WORD = re.compile(r"%path/?|%.|<camera>|[^%<]+|<|%")
ANY_EXTENSION = r"\.(?:mp4|m4v|mov|mkv|webm|ts|mts|m2ts|avi|flv)"
HALF_A_DAY = 12


class BadLayout(Exception):
    """A layout cannot be used; the message says what to write instead."""


class Precision(Enum):
    """How finely the names of a layout tell the beginning of their files."""

    MICROSECOND = "microsecond"
    SECOND = "second"


@dataclass(frozen=True)
class FileName:
    """What one path tells. `later` is the second instant a local time that occurs twice may mean.

    `camera` is what stands at `<camera>` or `%path`, HERE for no folder at all, None when the
    layout has no such place.
    """

    begin: datetime
    later: datetime | None
    camera: str | None


@dataclass(frozen=True)
class Layout:
    """A parsed layout; `camera` is the only one wanted, None while that is open."""

    text: str
    camera: str | None
    names_cameras: bool
    precision: Precision
    regex: re.Pattern[str]
    fields: tuple[str, ...]
    zone: tzinfo

    def read(self, path: str) -> FileName | None:
        """Read *path*, relative to the archive folder with `/`; None when it does not fit.

        A field that occurs twice has to say the same both times.
        """
        match = self.regex.fullmatch(path)
        if match is None:
            return None
        values: dict[str, str] = {}
        for field, value in zip(self.fields, match.groups(), strict=True):
            if values.setdefault(field, value or HERE) != (value or HERE):
                return None
        try:
            begin, later = read_instants(values, self.zone)
        except (ValueError, OverflowError):
            return None
        return FileName(begin, later, values.get("camera"))

    def of_camera(self, camera: str) -> str:
        """Return the text of this layout narrowed to the files of *camera*."""
        return f"{self.text} camera={camera}"


def parse_layout(text: str, local_zone: tzinfo) -> Layout:
    """Parse *text*; times it neither marks as UTC nor gives an offset for are in *local_zone*.

    Marked as UTC are the presets `vms` and `frigate` and patterns with a `Z` right after `%S` or
    `%f`. A pattern without an extension takes every common one.

    Raises:
        BadLayout: no instant can be told from it, or it holds something that means nothing.
    """
    name, _, camera = text.partition(" camera=")
    pattern = PRESETS.get(name, name)
    refuse_outside(pattern)
    words = list(split(pattern))
    fields = tuple(field_of(word) for word in words if field_of(word))
    refuse_vague(set(fields))
    if camera and "camera" not in fields:
        raise BadLayout("camera= needs a layout that holds <camera> or %path; leave it out.")
    is_utc = name in UTC_PRESETS or re.search("%[Sf]Z", pattern) is not None
    return Layout(
        text=name,
        camera=camera or None,
        names_cameras="camera" in fields,
        precision=Precision.MICROSECOND if "%f" in fields else Precision.SECOND,
        regex=compile_regex(words),
        fields=fields,
        zone=UTC if is_utc else local_zone,
    )


def vms_path(begin: datetime) -> str:
    """Return the path our recorder gives a segment that begins at *begin* (layout `vms`)."""
    return begin.astimezone(UTC).strftime(PRESETS["vms"] + ".mp4")


def refuse_outside(pattern: str) -> None:
    parts = pattern.split("/")
    if not pattern or "" in parts or "." in parts or ".." in parts:
        raise BadLayout(
            "A layout is a path below the folder, without a leading /, ./ or ../: "
            "write vms, mediamtx, frigate or a pattern such as %Y-%m-%d/%H-%M-%S.mp4."
        )


def split(pattern: str) -> Iterator[str]:
    for word in WORD.findall(pattern):
        if word in SHORTHANDS:
            yield from split(SHORTHANDS[word])
        else:
            yield word


def field_of(word: str) -> str:
    """Return the field *word* stands for, empty for plain text.

    Raises:
        BadLayout: a directive that means nothing here.
    """
    if word == "<camera>" or word.startswith("%path"):
        return "camera"
    if word in FIELDS:
        return word
    if word.startswith("%") and word != "%%":
        known = " ".join([*FIELDS, *SHORTHANDS, "%path"])
        raise BadLayout(
            f"{word} means nothing in a layout; write %% for a percent sign, or {known}."
        )
    return ""


def refuse_vague(fields: set[str]) -> None:
    if "%s" in fields:
        return
    needed = {
        "the year": [{"%Y"}, {"%y"}],
        "the day": [{"%m", "%d"}, {"%j"}],
        "the hour": [{"%H"}, {"%I", "%p"}],
        "the minute": [{"%M"}],
        "the second": [{"%S"}],
    }
    for what, choices in needed.items():
        if not any(choice <= fields for choice in choices):
            cure = " or ".join(" with ".join(sorted(choice)) for choice in choices)
            raise BadLayout(
                f"The layout does not tell {what} a file begins: add {cure}, or use %s."
            )


def compile_regex(words: list[str]) -> re.Pattern[str]:
    parts = []
    for word in words:
        if word == "%path/":
            parts.append("(?:(.+)/)?")
        elif word == "%path":
            parts.append("(.+)")
        elif word == "<camera>":
            parts.append("([^/]+)")
        elif word in FIELDS:
            parts.append(f"({FIELDS[word]})")
        else:
            parts.append(re.escape("%" if word == "%%" else word))
    has_extension = re.search(r"\.[A-Za-z0-9]+\Z", words[-1]) is not None
    return re.compile("".join(parts) + ("" if has_extension else ANY_EXTENSION))


def read_instants(values: dict[str, str], zone: tzinfo) -> tuple[datetime, datetime | None]:
    """Return the instant in UTC, and the later one when a local time occurs twice.

    Raises:
        ValueError, OverflowError: there is no such time.
    """
    fraction = timedelta(microseconds=int(values.get("%f", "").ljust(6, "0") or 0))
    if "%s" in values:
        return datetime.fromtimestamp(int(values["%s"]), UTC) + fraction, None
    if "%z" in values:
        zone = read_offset(values["%z"])
    local = datetime(
        *read_date(values).timetuple()[:3],
        hour=read_hour(values),
        minute=int(values["%M"]),
        second=int(values["%S"]),
        tzinfo=zone,
    )
    first = local.astimezone(UTC) + fraction
    second = local.replace(fold=1).astimezone(UTC) + fraction
    return first, second if second > first else None


def read_date(values: dict[str, str]) -> date:
    year = int(values["%Y"]) if "%Y" in values else 2000 + int(values["%y"])
    if "%j" in values:
        day = date(year, 1, 1) + timedelta(days=int(values["%j"]) - 1)
        if day.year != year:
            raise ValueError("no such day of the year")
        return day
    return date(year, int(values["%m"]), int(values["%d"]))


def read_hour(values: dict[str, str]) -> int:
    if "%H" in values:
        return int(values["%H"])
    hour = int(values["%I"])
    if not 1 <= hour <= HALF_A_DAY:
        raise ValueError("no such hour of half a day")
    return hour % HALF_A_DAY + (HALF_A_DAY if values["%p"].lower() == "pm" else 0)


def read_offset(text: str) -> tzinfo:
    if text == "Z":
        return UTC
    sign = -1 if text[0] == "-" else 1
    return timezone(sign * timedelta(hours=int(text[1:3]), minutes=int(text[-2:])))
