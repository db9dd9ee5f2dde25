"""The process that reads inputs. Started by `bounded` with its orders as JSON on stdin.

Memory may grow by `MEMORY` from what the process needs to read the seeds, each input may take
`SECONDS` of processor time: the kernel ends a process that takes more, whatever it hangs in. The
number of the input at hand is kept in a shared file, so that it is known after a violent end.
"""

from __future__ import annotations

import gc
import importlib
import json
import math
import mmap
import os
import re
import resource
import struct
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.media.fuzz.invent import invent
from tests.media.fuzz.mutate import Recipe, Seeds
from tests.media.fuzz.seeds import read_seeds

# The largest of inputs is some 100 kB; no reader needs more than this for one.
MEMORY = 64 * 2**20
SECONDS = 2


def main() -> None:
    orders = json.load(sys.stdin)
    module, name = orders["reader"].split(":")
    reader, ending = importlib.import_module(module).READERS[name]
    seeds = read_seeds(Path(orders["seeds"]), ending)
    known = [recipe_of(one) for one in orders["known"]]
    json.dump(work(orders, seeds, reader, known), sys.stdout)


def recipe_of(row: dict[str, Any]) -> Recipe:
    return Recipe(row["seed"], tuple(row["mutations"]))


def recipes(
    orders: dict[str, Any], seeds: Seeds, known: list[Recipe]
) -> Iterator[tuple[int, Recipe]]:
    """Yield the inputs ordered: the known ones, or invented ones until the time is over."""
    if orders["run"] is None:
        yield from list(enumerate(known))[orders["first"] :]
        return
    number, until = orders["first"], time.monotonic() + orders["seconds"]
    while time.monotonic() < until:
        yield number, invent(orders["run"], number, seeds, known)
        number += 1


def work(
    orders: dict[str, Any], seeds: Seeds, reader: Callable[[Path], str], known: list[Recipe]
) -> dict[str, Any]:
    """Read input after input; returns what came of them."""
    file = os.memfd_create("input")
    path = Path(f"/proc/self/fd/{file}")
    for content in seeds.values():
        fill(file, content)
        reader(path)
    result: dict[str, Any] = {"done": 0, "findings": [], "words": {}, "slowest": 0.0, "ends": []}
    limit_memory()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with open(orders["at"], "r+b") as shared:  # noqa: PTH123 - mapped below
        at = mmap.mmap(shared.fileno(), 8)
    for number, recipe in recipes(orders, seeds, known):
        struct.pack_into("<q", at, 0, number)
        fill(file, recipe.cook(seeds))
        limit_time()
        begun = time.process_time()
        end = attempt(reader, path)
        note(result, number, end)
        if orders["run"] is None:
            result["ends"].append(end[1])
        result["slowest"] = max(result["slowest"], time.process_time() - begun)
        result["done"] += 1
    result["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return result


def fill(file: int, content: bytes) -> None:
    os.ftruncate(file, 0)
    os.pwrite(file, content, 0)


def attempt(reader: Callable[[Path], str], path: Path) -> tuple[bool, str]:
    """Read one input: (whether it is a finding, what happened)."""
    try:
        return False, plain(reader(path))
    except MemoryError as error:
        return True, f"memory: {where(error)}"
    except BaseException as error:  # noqa: BLE001 - every other end is what we look for
        return True, f"{type(error).__name__}: {where(error)}"


def plain(word: str) -> str:
    """Leave figures and kinds of boxes out of a word: inputs are not told apart by them."""
    return re.sub(r"\d+", "#", re.sub(r"""b(['"]).*?\1""", "box", word))


def where(error: BaseException) -> str:
    """Name the last place in the product that an error came through."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "/fuzz/child.py" not in frame.filename]
    vms = [frame for frame in ours if "/vms/" in frame.filename] or ours
    return f"{Path(vms[-1].filename).name}: {vms[-1].line}" if vms else "?"


def note(result: dict[str, Any], number: int, end: tuple[bool, str]) -> None:
    finding, word = end
    if finding:
        gc.collect()
        if word not in {known for _, known in result["findings"]}:
            result["findings"].append((number, word))
    else:
        result["words"].setdefault(word, number)


def limit_memory() -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def limit_time() -> None:
    """Let the kernel end this process after so much more time; whole seconds is all it knows."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(time.process_time()) + SECONDS, hard))


if __name__ == "__main__":
    main()
