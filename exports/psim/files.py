"""`GET /download?file=`: the file of a task, served as a link under `/storage/` is."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django.http import Http404, HttpRequest, JsonResponse
from django.http.response import HttpResponseBase

from downloads.models import Download
from downloads.storage_views import serve_file
from exports.psim.answers import refused_task
from exports.psim.bodies import parameter
from exports.psim.models import ArchiveTask
from exports.psim.services import read_id

METHODS = ("GET", "HEAD")
NO_FILE = "There is no such file, or it is not kept any more."
AWAY = "The storage is away for the moment; try again later."


async def download(request: HttpRequest) -> HttpResponseBase:
    """Answer GET and HEAD; the task's id is all that is needed, as for whoever follows `Url`."""
    if request.method not in METHODS:
        message = f'Method "{request.method}" not allowed.'
        return refuse(405, message, headers={"Allow": ", ".join(METHODS)})
    text = parameter(request.GET, "file")
    if text is None:
        return refuse(400, "The parameter file is missing.")
    found = await find(text)
    if found is None:
        return refuse(404, NO_FILE, text)
    try:
        answer = await serve_file(request, found.secret, found.name)
    except Http404:
        return refuse(404, NO_FILE, text)
    if answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
        headers = {"Retry-After": answer.headers["Retry-After"]}
        return refuse(503, AWAY, text, headers=headers)
    return answer


async def find(text: str) -> Download | None:
    """Find the download of a task by its id; whether its file is there is not asked here."""
    task_id = read_id(text)
    if task_id is None:
        return None
    tasks = ArchiveTask.objects.select_related("download").filter(task_id=task_id)
    task = await tasks.afirst()
    return None if task is None else task.download


def refuse(
    status: int, message: str, text: str = "", *, headers: dict[str, Any] | None = None
) -> JsonResponse:
    """Refuse in the shape of a status; *text* is repeated if it can be a task's id."""
    body = refused_task(message, text if read_id(text) else None)
    return JsonResponse(body, status=status, headers=headers)
