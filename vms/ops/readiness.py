"""Whether this installation can do its work now, part by part: what `/readyz` answers."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from time import monotonic

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from kombu import Connection

from exports import storage
from exports.errors import ExportError
from exports.stores.choice import current_store
from vms.media.ffmpeg import NoFfmpeg, ffmpeg_version, find_ffmpeg
from vms.ops.folders import folder_problem

ASK_SECONDS = 2.0
# Of what somebody else's server said, who may count requests.
KEPT_SECONDS = 5.0
OK = "ok"


def readiness() -> dict[str, str]:
    """Ask every part; of each either "ok" or one sentence without addresses and paths."""
    return {name: ask() for name, ask in PARTS.items()}


def database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            cursor.fetchone()
    except DatabaseError:
        return "The database does not answer."
    return OK


def broker() -> str:
    try:
        with redis.Redis.from_url(
            settings.REDIS_URL, socket_timeout=ASK_SECONDS, socket_connect_timeout=ASK_SECONDS
        ) as client:
            client.ping()
    except (redis.RedisError, ValueError):
        return "The broker does not answer."
    return OK if settings.VMS["VMS_BROKER_URL"] is None else messages()


def messages() -> str:
    """Ask the RabbitMQ server that carries the messages to the workers."""
    try:
        with Connection(settings.CELERY_BROKER_URL, connect_timeout=ASK_SECONDS) as server:
            server.connect()
    except (*server.connection_errors, *server.channel_errors):
        return "The server of the messages to workers does not answer."
    return OK


def room() -> str:
    if folder_problem(settings.STORAGE_DIR):
        return "The storage folder cannot be written."
    try:
        free = storage.free_room()
    except ExportError:
        return "The storage folder cannot be asked."
    if free <= 0:
        return "The storage folder has no room beyond the reserve."
    return OK if settings.VMS["VMS_S3_BUCKET"] is None else bucket(int(monotonic() // KEPT_SECONDS))


@lru_cache(maxsize=1)
def bucket(_moment: int) -> str:
    """Ask the bucket of finished files once in a moment, however many probes there are."""
    problem = current_store().problem(is_quick=True)
    return OK if problem is None else f"Finished files cannot be kept: {problem}."


def ffmpeg() -> str:
    try:
        started(settings.VMS["VMS_FFMPEG"])
    except NoFfmpeg:
        return "There is no ffmpeg that runs."
    return OK


@lru_cache(maxsize=1)
def started(chosen: object) -> str:
    """Start ffmpeg once: one that has run does not go away while we do; failures are not kept."""
    return ffmpeg_version(find_ffmpeg(chosen))  # type: ignore[arg-type]


PARTS: dict[str, Callable[[], str]] = {
    "database": database,
    "broker": broker,
    "storage": room,
    "ffmpeg": ffmpeg,
}
