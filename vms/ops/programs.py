"""The programs `up` runs, in the order they start."""

from __future__ import annotations

import sys
from dataclasses import replace

from vms.env import PROJECT_DIR
from vms.ops.children import Program

# The words of `up --only` and the programs each stands for.
GROUPS: dict[str, tuple[str, ...]] = {
    "web": ("web",),
    "api": ("api",),
    "worker": ("worker-exports", "worker-default"),
    "worker-exports": ("worker-exports",),
    "worker-default": ("worker-default",),
    "beat": ("beat",),
    "recorder": ("recorder",),
}
ORDER = ("web", "api", "worker-exports", "worker-default", "beat", "recorder")
# What `up` runs when it is not told: the web process answers the API too.
USUAL = tuple(name for name in ORDER if name != "api")
NEED_BROKER = frozenset({"web", "api", "worker-exports", "worker-default", "beat"})
# Those that put jobs into the queue and those that take them out.
ENDS_OF_QUEUE = frozenset({"web", "worker-exports", "worker-default"})
DEFAULT_CONCURRENCY = 2
# What a worker is given beyond the time in which it may finish its exports.
HAND_BACK_SECONDS = 10.0


class UnknownProgram(Exception):
    """A word of `--only` names no program; the message lists those that exist."""


def chosen_names(only: str | None) -> list[str]:
    """Turn the text of `--only` into program names in starting order; None means the usual."""
    if only is None:
        return list(USUAL)
    words = [word.strip() for word in only.split(",") if word.strip()]
    unknown = [word for word in words if word not in GROUPS]
    if unknown or not words:
        raise UnknownProgram(
            f"--only {', '.join(unknown) or only}: write one or more of {', '.join(GROUPS)}, "
            "separated by commas."
        )
    wanted = {name for word in words for name in GROUPS[word]}
    return [name for name in ORDER if name in wanted]


def exports_worker(node: str | None, concurrency: int, stop_seconds: float = 0) -> Program:
    """Describe the worker that makes files: those of its own node, and those of no node.

    Asked to stop it goes on for *stop_seconds* and hands back what is not done then.
    """
    queues = ["exports", f"exports.{node}"] if node else ["exports"]
    program = worker_program("exports", queues, concurrency)
    return replace(program, grace_seconds=stop_seconds + HAND_BACK_SECONDS)


def default_worker() -> Program:
    """Describe the worker of all that is short."""
    return worker_program("default", ["upkeep", "previews"], DEFAULT_CONCURRENCY)


def worker_program(name: str, queues: list[str], concurrency: int) -> Program:
    """Describe the worker of some queues.

    Gossip and mingle, workers talking among themselves, serve nothing here and delay the start.
    """
    return Program(
        name=f"worker-{name}",
        command=[
            *celery("worker", "-Q", ",".join(queues), "-n", f"{name}@%h"),
            *("--pool", "prefork", "--concurrency", str(concurrency)),
            *("--without-gossip", "--without-mingle"),
        ],
    )


def beat_program() -> Program:
    return Program(name="beat", command=celery("beat", "--pidfile="))


def recorder_program() -> Program:
    return Program(name="recorder", command=manage("record"))


def celery(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "celery", "--quiet", "-A", "vms", *arguments]


def manage(*arguments: str) -> list[str]:
    return [sys.executable, str(PROJECT_DIR / "manage.py"), *arguments]
