"""What the installation uses and what is wrong with it; nothing here shows a credential."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from urllib.parse import urlsplit

import redis
from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.utils import DatabaseError
from django.utils import timezone
from kombu.exceptions import OperationalError

from cameras.models import Camera
from exports.stores.choice import current_store
from exports.stores.place import Place
from vms.api.license import BadLicense, License, installed
from vms.media.ffmpeg import NoFfmpeg, ffmpeg_version, find_ffmpeg
from vms.ops.checks import (
    HTTPS_PROXY_CURE,
    HTTPS_PROXY_MISSING,
    LICENSE_CURE,
    lacks_https_proxy,
    refusals,
)
from vms.ops.folders import folder_problem, free_bytes, readable_size
from vms.ops.runfolder import running_process, web_url
from vms.ops.web import PortTaken, choose_address
from vms.ops.workers import Unserved, unserved_nodes

ASK_SECONDS = 3.0


class Level(Enum):
    OK = "ok"
    NOTE = "note"
    WRONG = "wrong"


@dataclass(frozen=True)
class Finding:
    """One line of the report; `cure` says what to do where the level is not OK."""

    level: Level
    subject: str
    value: str
    cure: str = ""


def diagnose() -> Iterator[Finding]:
    """Look at every part, one at a time; a part that fails does not hide the next."""
    yield Finding(Level.OK, "python", platform.python_version())
    yield ffmpeg()
    yield database()
    found = broker()
    yield found
    if found.level is Level.OK:
        yield from workers()
    yield from folders()
    yield from bucket()
    yield from checks()
    yield web()
    yield address()
    yield server()
    yield license_in_force()


def ffmpeg() -> Finding:
    try:
        program = find_ffmpeg(settings.VMS["VMS_FFMPEG"])
        return Finding(Level.OK, "ffmpeg", f"{ffmpeg_version(program)} at {program}")
    except NoFfmpeg as error:
        return Finding(Level.WRONG, "ffmpeg", "none that runs", str(error))


def database() -> Finding:
    name = database_name()
    try:
        connection.ensure_connection()
        executor = MigrationExecutor(connection)
        pending = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError:
        cure = "Start the database server, or correct VMS_DATABASE_URL."
        return Finding(Level.WRONG, "database", f"{name} cannot be reached", cure)
    if not pending:
        return Finding(Level.OK, "database", f"{name}, all migrations applied")
    value = f"{name}, {len(pending)} migrations to apply"
    cure = "`python manage.py up` applies them, as does `python manage.py migrate`."
    # A new data folder has none applied, and nothing is wrong with it.
    level = Level.NOTE if not executor.loader.applied_migrations else Level.WRONG
    return Finding(level, "database", value, cure)


def database_name() -> str:
    if connection.vendor == "sqlite":
        return f"SQLite at {connection.settings_dict['NAME']}"
    host = connection.settings_dict["HOST"] or "local socket"
    return f"{connection.display_name} {connection.settings_dict['NAME']} on {host}"


def broker() -> Finding:
    own = settings.VMS["VMS_REDIS_URL"] is not None
    name = f"{urlsplit(settings.REDIS_URL).hostname}" if own else "embedded Valkey"
    if not own and running_process(settings.RUN_DIR) is None:
        cure = "`python manage.py up` starts it."
        return Finding(Level.NOTE, "broker", f"{name}, not running", cure)
    try:
        with redis.Redis.from_url(
            settings.REDIS_URL, socket_timeout=ASK_SECONDS, socket_connect_timeout=ASK_SECONDS
        ) as client:
            client.ping()
    except redis.AuthenticationError:
        cure = "Correct user and password in VMS_REDIS_URL."
        return Finding(Level.WRONG, "broker", f"{name} refuses the password", cure)
    except (redis.RedisError, ValueError):
        cure = "Start that server, or correct VMS_REDIS_URL." if own else "Restart `up`."
        return Finding(Level.WRONG, "broker", f"{name} cannot be reached", cure)
    return Finding(Level.OK, "broker", f"{name}, answers")


def workers() -> Iterator[Finding]:
    """Name the nodes whose exports nobody would make; what is away was named above."""
    try:
        unserved = unserved_nodes()
    except (DatabaseError, OperationalError, OSError):
        return
    for one in unserved:
        yield without_worker(one)
    if not unserved:
        yield Finding(Level.OK, "workers", "every node has one for its exports")


def without_worker(one: Unserved) -> Finding:
    """Tell of a node without a worker: wrong when somebody waits."""
    where = f"node {one.node}" if one.node else "streams without a node"
    value = f"none answers for {where}: {one.jobs} exports wait, {one.streams} streams"
    name = f"VMS_NODE={one.node} " if one.node else ""
    cure = f"Start `{name}python manage.py up --only worker-exports` there, or change the streams."
    return Finding(Level.WRONG if one.jobs else Level.NOTE, "workers", value, cure)


def folders() -> Iterator[Finding]:
    reserve = settings.VMS["VMS_EXPORT_RESERVE_BYTES"]
    for subject, folder, name in (
        ("data", settings.DATA_DIR, "VMS_DATA_DIR"),
        ("archive", settings.ARCHIVE_DIR, "VMS_ARCHIVE_DIR"),
        ("storage", settings.STORAGE_DIR, "VMS_STORAGE_DIR"),
    ):
        problem = folder_problem(folder)
        if problem:
            cure = f"Give this user write access, or correct {name}."
            yield Finding(Level.WRONG, subject, f"{folder} {problem}", cure)
            continue
        free = free_bytes(folder)
        value = f"{folder}, {readable_size(free)} free"
        if subject == "storage" and free <= reserve:
            cure = "Free room: exports leave VMS_EXPORT_RESERVE_BYTES untouched and now all fail."
            yield Finding(Level.WRONG, subject, value, cure)
        else:
            yield Finding(Level.OK, subject, value)


def bucket() -> Iterator[Finding]:
    """Ask the bucket of finished files, where there is one, whether it is there and lets us in."""
    if settings.VMS["VMS_S3_BUCKET"] is None:
        return
    place = Place.of(settings.VMS)
    value = f"{place.bucket} at {urlsplit(place.endpoint).netloc}"
    if problem := current_store().problem():
        cure = "Start the store, or correct the VMS_S3_ settings; see docs/operations.md."
        yield Finding(Level.WRONG, "bucket", f"{value}: {problem}", cure)
    else:
        yield Finding(Level.OK, "bucket", f"{value}, answers")


def checks() -> Iterator[Finding]:
    """Name what `up` refuses to start with, but for single folders: those are named above."""
    for error in refusals():
        if error.id != "vms.E001":
            yield Finding(Level.WRONG, "check", f"{error.msg} ({error.id})", error.hint or "")


def web() -> Finding:
    """Say where the web process listens; while `up` runs the port is its own and not tried."""
    host, port = settings.VMS["VMS_HOST"], settings.VMS["VMS_PORT"]
    value = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    if running_process(settings.RUN_DIR) is None:
        try:
            choose_address(host, port, settings.ALLOWED_HOSTS)
        except PortTaken as error:
            return Finding(Level.WRONG, "web", f"{value} cannot be listened on", str(error))
    return Finding(Level.OK, "web", value)


def address() -> Finding:
    url = settings.PUBLIC_URL
    if url is None:
        return Finding(Level.OK, "address", "VMS_PUBLIC_URL not set, links name the address asked")
    if lacks_https_proxy():
        return Finding(Level.WRONG, "address", f"{url}, {HTTPS_PROXY_MISSING}", HTTPS_PROXY_CURE)
    return Finding(Level.OK, "address", url)


def server() -> Finding:
    process = running_process(settings.RUN_DIR)
    if process is None:
        return Finding(Level.NOTE, "server", "not running on this data folder")
    url = web_url(settings.RUN_DIR)
    where = f", web at {url}" if url else ", web process not up"
    return Finding(Level.OK, "server", f"`up` runs as process {process}{where}")


def license_in_force() -> Finding:
    try:
        license_ = installed()
    except BadLicense as error:
        return Finding(Level.WRONG, "license", str(error), LICENSE_CURE)
    if license_ is None:
        return Finding(Level.OK, "license", "none installed, the server is open")
    reason = license_.expiry(timezone.now()) or excess_of(license_)
    if reason:
        return Finding(Level.WRONG, "license", reason, LICENSE_CURE)
    value = f"{license_.holder}, until {license_.valid_until:%Y-%m-%d}"
    return Finding(Level.OK, "license", f"{value}, at most {license_.max_cameras} cameras")


def excess_of(license_: License) -> str | None:
    """Compare with the cameras there are; a database that is away was named above."""
    try:
        return license_.excess(Camera.objects.count())
    except DatabaseError:
        return None
