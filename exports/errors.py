"""Why an export cannot be made. Each carries a code for programs and a sentence for people."""

from __future__ import annotations


class ExportError(Exception):
    """An export cannot be made.

    `code` is stable and machine readable, `message` says what happened and what to do, without
    any path; `may_pass` tells that another attempt can end better, `rests` that it can only after
    a while: what is broken does not mend within milliseconds.
    """

    code = "failed"
    may_pass = False
    rests = True

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class NoFootage(ExportError):
    code = "no_footage"


class Unusable(ExportError):
    """There is footage, but none that can be used; `segment` is the id of the first such row."""

    code = "unusable"
    cure = "Choose another interval, or have the archive looked at."

    def __init__(self, message: str, segment: int) -> None:
        super().__init__(message)
        self.segment = segment


class Encrypted(Unusable):
    code = "encrypted"
    cure = "Recordings can be exported from when encryption is switched off in the camera."


class NoVideo(Unusable):
    code = "no_video"
    cure = "Choose an interval with pictures."


class TooLarge(ExportError):
    code = "too_large"


class HasGaps(ExportError):
    code = "gaps"


class CodecChanged(ExportError):
    code = "codec_change"


class NoRoom(ExportError):
    code = "no_room"


class SegmentChanged(ExportError):
    """A segment was deleted, cut short or rewritten between the plan and the cut."""

    code = "archive_changed"
    may_pass = True
    rests = False


class EngineFailed(ExportError):
    code = "engine_failed"
    may_pass = True


class NoEngine(EngineFailed):
    """No engine of this server can make the file, however often it is tried."""

    may_pass = False


class NotVerified(ExportError):
    """What the engine made is not what was planned; it is never published."""

    code = "not_verified"
    may_pass = True


class StorageFailed(ExportError):
    code = "storage_failed"
    may_pass = True


class Cancelled(Exception):
    """The owner cancelled the job while it ran."""


class HandedBack(Exception):
    """The worker stops before the job is done: another one makes it."""


class LeaseLost(Exception):
    """The job belongs to another worker now; whatever this one made is to be dropped."""
