"""Jobs that go wrong as jobs may, for renderers to do."""

from __future__ import annotations

import ctypes
import os
import time
from pathlib import Path
from typing import Any

from previews.errors import CannotRender


def answer(**arguments: Any) -> dict[str, Any]:
    return {**arguments, "pid": os.getpid()}


def look(name: str) -> dict[str, Any]:
    return {"value": os.environ.get(name), "parent": os.getppid(), "pid": os.getpid()}


def crash() -> None:
    ctypes.string_at(0)


def refuse(target: str = "") -> None:
    raise CannotRender("There is nothing here.")


def fail() -> None:
    raise KeyError("a mistake of ours")


def fill_disk() -> None:
    Path("/dev/full").write_bytes(b"no room for this")


def hang() -> None:
    while True:
        time.sleep(1)


def chatter() -> str:
    os.write(1, b"libraries print what they like\n")
    return "answer"


def fill_memory() -> int:
    return len(bytearray(2**36))


def end() -> None:
    os._exit(0)


def write(target: str, text: str, log: str) -> dict[str, Any]:
    with Path(log).open("a") as file:
        file.write(f"{os.getpid()} {text}\n")
    Path(target).write_text(text)
    return {}


def wait_for(target: str, path: str, log: str) -> dict[str, Any]:
    with Path(log).open("a") as file:
        file.write(f"{os.getpid()}\n")
    while not Path(path).exists():
        time.sleep(0.01)
    Path(target).write_text("done")
    return {}


def die_instead(**_arguments: Any) -> None:
    crash()
