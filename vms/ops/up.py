"""What `manage.py up` does: one process tree from the operator's settings."""

from __future__ import annotations

import os
from collections.abc import Sequence

import structlog
from django.conf import settings

from vms.env import PROJECT_DIR
from vms.ops import runfolder
from vms.ops.api import api_program
from vms.ops.broker import NoBroker, plan_broker
from vms.ops.checks import HTTPS_PROXY_CURE, HTTPS_PROXY_MISSING, lacks_https_proxy
from vms.ops.children import Program
from vms.ops.programs import (
    ENDS_OF_QUEUE,
    NEED_BROKER,
    beat_program,
    default_worker,
    exports_worker,
    manage,
    recorder_program,
)
from vms.ops.supervisor import StartFailed, Stopped, Supervisor
from vms.ops.wakeups import Wakeups
from vms.ops.web import WebAddress, choose_address, web_program

MIGRATION_WAIT_SECONDS = 5.0

log = structlog.get_logger(__name__)


def run(names: Sequence[str]) -> None:
    """Run the programs *names* until a signal asks to stop. Must be called from the main thread.

    Raises:
        AlreadyRunning, PortTaken, NoBroker, StartFailed: nothing is left running.
    """
    refuse_what_cannot_work(names)
    with runfolder.locked(settings.RUN_DIR), Wakeups() as wakeups:
        for folder in (settings.ARCHIVE_DIR, settings.STORAGE_DIR):
            folder.mkdir(parents=True, exist_ok=True)
        address = web_address() if "web" in names else None
        supervisor = Supervisor(child_environment(), wakeups)
        try:
            start_all(supervisor, names, address)
            log.info("ready", web=address.url if address else None, processes=list(names))
            supervisor.watch()
        except Stopped:
            pass
        finally:
            log.info("stopping")
            supervisor.stop()


def refuse_what_cannot_work(names: Sequence[str]) -> None:
    """Compare the settings with the programs *names* before anything is started.

    Raises:
        StartFailed: clients would be sent around in circles.
        NoBroker: programs of other machines could not be reached.
    """
    if "web" in names and lacks_https_proxy():
        raise StartFailed(f"{HTTPS_PROXY_MISSING} {HTTPS_PROXY_CURE}")
    # With a database of its own and no broker this machine is alone: then all that puts jobs into
    # the queue and all that takes them out has to run here.
    shares_database = settings.VMS["VMS_DATABASE_URL"] is not None
    if shares_database and needs_own_broker(names) and not ENDS_OF_QUEUE.issubset(names):
        raise NoBroker(
            "VMS_REDIS_URL is missing: with VMS_DATABASE_URL and --only, the programs of all "
            "machines need one broker. Set it to the same Redis or Valkey server on each."
        )


def needs_own_broker(names: Sequence[str]) -> bool:
    return settings.VMS["VMS_REDIS_URL"] is None and bool(NEED_BROKER.intersection(names))


def web_address() -> WebAddress:
    return choose_address(
        settings.VMS["VMS_HOST"], settings.VMS["VMS_PORT"], settings.ALLOWED_HOSTS
    )


def api_address() -> WebAddress:
    return choose_address(
        settings.VMS["VMS_HOST"], settings.VMS["VMS_API_PORT"], settings.ALLOWED_HOSTS
    )


def child_environment() -> dict[str, str]:
    """Pass our own environment on; `vms` is importable wherever `up` was typed.

    The key goes with it: to children that are told a broker it would otherwise be missing.
    """
    search = [str(PROJECT_DIR), os.environ.get("PYTHONPATH", "")]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(part for part in search if part),
        "VMS_SECRET_KEY": settings.SECRET_KEY,
    }


def start_all(supervisor: Supervisor, names: Sequence[str], address: WebAddress | None) -> None:
    """Bring up broker, database and programs, each when what it stands on is ready."""
    if needs_own_broker(names):
        broker = plan_broker(settings.DATA_DIR)
        supervisor.start(broker.program())
        runfolder.leave_broker_url(settings.RUN_DIR, broker.url)
        supervisor.environment = {**supervisor.environment, "VMS_REDIS_URL": broker.url}
    prepare_database(supervisor, names)
    for name in names:
        supervisor.start(describe(name, address))
        if name == "web" and address is not None:
            runfolder.leave_web_url(settings.RUN_DIR, address.url)


def prepare_database(supervisor: Supervisor, names: Sequence[str]) -> None:
    """Migrate where the web process runs; a machine without one waits for that to be done."""
    if "web" in names or settings.VMS["VMS_DATABASE_URL"] is None:
        code, reason = supervisor.run_once(manage("migrate", "--noinput", "--verbosity", "0"))
        if code != 0:
            raise StartFailed(f"The database cannot be prepared: {reason or f'code {code}'}")
        return
    while supervisor.run_once(manage("migrate", "--check", "--verbosity", "0"))[0] != 0:
        log.warning("waiting for the database and its migrations, which the web machine applies")
        supervisor.pause(MIGRATION_WAIT_SECONDS)


def describe(name: str, address: WebAddress | None) -> Program:
    if name == "web" and address is not None:
        return web_program(address, settings.VMS["VMS_TRUSTED_PROXIES"])
    if name == "api":
        return api_program(api_address(), settings.VMS["VMS_TRUSTED_PROXIES"])
    if name == "worker-exports":
        return exports_worker(
            settings.VMS["VMS_NODE"],
            settings.VMS["VMS_EXPORT_CONCURRENCY"],
            settings.VMS["VMS_EXPORT_STOP_SECONDS"],
        )
    if name == "worker-default":
        return default_worker()
    if name == "beat":
        return beat_program()
    return recorder_program()
