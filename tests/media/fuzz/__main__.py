"""Fuzz the readers for a while: `python -m tests.media.fuzz --seconds 60`.

Ends with 1 and prints a recipe for each finding; with --keep, adds to the corpus what is new.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.media.fuzz.bounded import fuzz, replay
from tests.media.fuzz.corpus import read_corpus, write_corpus
from tests.media.fuzz.invent import invent
from tests.media.fuzz.mutate import Recipe
from tests.media.fuzz.readers import READERS
from tests.media.fuzz.seeds import make_seeds, read_seeds
from tests.media.fuzz.shrink import shrink, shrink_all

MODULE = "tests.media.fuzz.readers"


def main() -> int:
    options = arguments()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        seeds = make_seeds(Path(folder))
        names = [options.reader] if options.reader else sorted(READERS)
        ends = [look(name, seeds, options, options.seconds / len(names)) for name in names]
    return int(any(ends))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.media.fuzz")
    parser.add_argument("--seconds", type=float, default=60, help="time for all readers together")
    parser.add_argument("--run", default="1", help="another word gives other inputs")
    parser.add_argument("--reader", choices=sorted(READERS), help="only this one")
    parser.add_argument("--keep", action="store_true", help="add to the corpus what is new")
    return parser.parse_args()


def look(name: str, folder: Path, options: argparse.Namespace, seconds: float) -> bool:
    """Fuzz one reader and print what came of it; says whether something was found."""
    known = read_corpus().get(name, [])
    report = fuzz(f"{MODULE}:{name}", folder, known, options.run, seconds)
    say(
        f"{name}: {report.done} inputs in {report.seconds:.0f} s, "
        f"{report.done / report.seconds:.0f} a second; {len(report.words)} kinds of end; "
        f"slowest {report.slowest * 1000:.0f} ms, peak {report.peak / 2**20:.0f} MiB; "
        f"{len(report.findings)} findings"
    )
    seeds = read_seeds(folder, READERS[name][1])
    found = {
        word: smaller(name, folder, invent(options.run, number, seeds, known), word)
        for word, number in report.findings.items()
    }
    for word, recipe in found.items():
        say(f"FOUND {word}: {json.dumps([recipe.seed, *recipe.mutations])}")
    if options.keep:
        new = [invent(options.run, number, seeds, known) for number in report.words.values()]
        keep(name, folder, [*found.values()], new)
    return bool(found)


def smaller(name: str, folder: Path, recipe: Recipe, word: str) -> Recipe:
    """Shrink a finding; each try has a process of its own, which may come to a violent end."""

    def same(one: Recipe) -> bool:
        return word in replay(f"{MODULE}:{name}", folder, [one]).findings

    return shrink(recipe, same)


def keep(name: str, folder: Path, found: list[Recipe], new: list[Recipe]) -> None:
    """Add the findings, and a recipe for every word that the corpus has none for."""

    def ends(recipes: Sequence[Recipe]) -> list[str]:
        return replay(f"{MODULE}:{name}", folder, recipes).ends

    corpus = read_corpus()
    known = corpus.get(name, [])
    had = replay(f"{MODULE}:{name}", folder, known)
    fresh = [one for one, word in zip(new, ends(new), strict=True) if word not in had.words]
    added = [*found, *shrink_all(fresh, ends)]
    write_corpus({**corpus, name: [*known, *added]})
    say(f"{name}: {len(added)} recipes added to the corpus")


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
