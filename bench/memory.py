"""A process that makes one file and prints by how many bytes its peak of memory grew for it.

python -m bench.memory FOLDER SECONDS copy|hollow    sources as JSON on stdin
"""

from __future__ import annotations

import gc
import json
import sys
from datetime import datetime
from pathlib import Path

from bench.footage import Source, interval
from bench.meter import Stages, forget_peak, peak
from bench.place import start_django


def main(root: Path, seconds: int, how: str) -> int:
    start_django()
    from bench import ours  # needs Django

    sources = [
        Source(number, datetime.fromisoformat(begin), length, Path(path))
        for number, begin, length, path in json.load(sys.stdin)
    ]
    cache = root / "sidecars"
    ours.write_sidecars(sources, cache)
    # What any worker has done before: loading code and filling pools is not what a job costs.
    first = interval(0, sources[0].seconds)
    ours.make_file(sources, first, cache, "1" * 32 + "-1", Stages()).path.unlink()
    gc.collect()
    before = forget_peak()
    asked = interval(0, seconds)
    if how == "hollow":
        path = ours.make_hollow_file(sources, asked, cache, "2" * 32 + "-1")
    else:
        path = ours.make_file(sources, asked, cache, "2" * 32 + "-1", Stages()).path
    grown = peak() - before
    path.unlink()
    return grown


if __name__ == "__main__":
    print(main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
