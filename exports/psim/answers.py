"""What PSIM clients are answered, in the words and shapes of its documentation."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from exports.models import ExportJob
from exports.psim.models import ArchiveTask
from exports.psim.times import write_local, write_utc

# What stands for "no error" in a status, and only there: the documentation says so.
NO_ERROR = "null"
NOT_KEPT = "The file is not kept any more; create another task."
DONE = 100


class State(StrEnum):
    """How a task is; PSIM documents the first and the third."""

    CREATED = "Created"
    IN_PROGRESS = "InProgress"
    READY = "ReadyForDownload"
    ERROR = "Error"
    DELETED = "Deleted"


# How a task is by its job's state, as long as its file is not there.
WITHOUT_FILE: dict[str, tuple[State, str]] = {
    ExportJob.State.QUEUED: (State.CREATED, NO_ERROR),
    ExportJob.State.RUNNING: (State.IN_PROGRESS, NO_ERROR),
    ExportJob.State.READY: (State.DELETED, NOT_KEPT),
    ExportJob.State.EXPIRED: (State.DELETED, NOT_KEPT),
    ExportJob.State.FAILED: (State.ERROR, "The file could not be made."),
    ExportJob.State.CANCELLED: (State.ERROR, "The operator stopped the making of the file."),
}


def created(task: ArchiveTask, sent: Mapping[str, Any]) -> dict[str, Any]:
    """Answer `createarchivetask`: the request again, with the task's id.

    An end that was left out is told as it was found.
    """
    return {
        "CameraId": sent["CameraId"],
        "From": sent["From"],
        "To": sent["To"] or write_utc(task.end),
        "ArchiveTaskId": str(task.task_id),
        "ErrorMessage": None,
        "State": str(State.CREATED),
    }


def status(task: ArchiveTask, now: datetime, origin: str) -> dict[str, Any]:
    """Answer `getarchivetaskstatus`; *origin* begins the link. Needs download and job loaded."""
    state, message = state_of(task, now)
    return {
        "Percents": percents(task, state),
        "Url": f"{origin}/download?file={task.task_id}" if state is State.READY else None,
        "CameraId": task.camera_id,
        "From": write_local(task.begin),
        "To": write_local(task.end),
        "ArchiveTaskId": str(task.task_id),
        "ErrorMessage": message,
        "State": str(state),
    }


def state_of(task: ArchiveTask, now: datetime) -> tuple[State, str]:
    """Say how a task is and, where there will be no file, why in words."""
    download = task.download
    if download is None:
        return State.DELETED, "The task was deleted."
    if download.is_file_exists(now):
        return State.READY, NO_ERROR
    if download.cancelled_at is not None:
        return State.DELETED, "The task was cancelled."
    state, message = WITHOUT_FILE[download.job.state]
    return state, (state is State.ERROR and download.job.error_message) or message


def percents(task: ArchiveTask, state: State) -> int:
    """Return what was done of the file: never less than before, 100 only while it is there."""
    if state is State.READY:
        return DONE
    if state is State.DELETED or task.download is None:
        return 0
    return task.advance(task.download.job.progress)


def refused_order(message: str, sent: Mapping[str, Any]) -> dict[str, Any]:
    """Answer an order that created nothing, in the shape of one that did."""
    return {
        **{key: echoed(sent.get(key)) for key in ("CameraId", "From", "To")},
        "ArchiveTaskId": None,
        "ErrorMessage": message,
        "State": str(State.ERROR),
    }


def refused_task(message: str, task_id: str | None) -> dict[str, Any]:
    """Answer a call about a task that is not the caller's, or not at all, in a status's shape."""
    return {"Percents": 0, "Url": None, **refused_order(message, {}), "ArchiveTaskId": task_id}


def echoed(value: Any) -> Any:
    """Repeat what was sent where it is what belongs there at all."""
    return value if isinstance(value, str | int | float) and not isinstance(value, bool) else None
