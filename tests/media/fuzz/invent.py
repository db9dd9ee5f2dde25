"""Inventing recipes, the same ones for the same seed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from tests.media.fuzz.mutate import EDGES, KINDS, Mutation, Recipe, Seeds

MOST_MUTATIONS = 6
# Boxes that say how many there are of something, or where.
TABLES = (
    *("stsz", "stts", "stsc", "stco", "ctts", "stss", "elst", "stsd"),
    *("trun", "tfhd", "tfdt", "trex", "mvhd", "mdhd", "tkhd"),
)


def invent(run: str, number: int, seeds: Seeds, known: Sequence[Recipe]) -> Recipe:
    """Return input *number* of a run: from scratch, or a known one taken further."""
    chance = Random(f"{run}:{number}")
    if known and chance.random() < 0.4:
        base = chance.choice(known)
    else:
        base = Recipe(chance.choice(sorted(seeds)), ())
    kinds = chance.choices(list(WEIGHTS), list(WEIGHTS.values()), k=chance.randint(1, 6))
    added = [kind(chance, sorted(seeds)) for kind in kinds]
    return Recipe(base.seed, (*base.mutations[-MOST_MUTATIONS:], *added))


def figure(chance: Random) -> int:
    """Return a number at or near an edge, or any small one."""
    if chance.random() < 0.2:
        return chance.randrange(1 << chance.randint(1, 64))
    return max(0, chance.choice(EDGES) + chance.choice((0, 0, 0, -1, 1)))


def field(chance: Random, _seeds: list[str]) -> Mutation:
    """Fields lie on whole words, the telling ones near the begin."""
    at = chance.choice((4 * chance.randrange(6), 4 * chance.randrange(64), chance.randrange(256)))
    width = chance.choice((1, 2, 4, 4, 4, 8))
    return ["write", chance.choice(TABLES), chance.randrange(9), at, width, figure(chance)]


def flip(chance: Random, _seeds: list[str]) -> Mutation:
    return [
        "byte",
        chance.randrange(4096),
        chance.choice((0, 1, 127, 128, 255, chance.randrange(256))),
    ]


def words(chance: Random, _seeds: list[str]) -> Mutation:
    at = chance.choice((chance.randrange(64), chance.randrange(512), chance.randrange(1 << 16)))
    return ["put", at, chance.choice((1, 2, 4, 8)), figure(chance)]


def sizes(chance: Random, _seeds: list[str]) -> Mutation:
    name = chance.choice(("state", "widen"))
    return [name, chance.choice(KINDS), chance.randrange(9), figure(chance)]


def structure(chance: Random, seeds: list[str]) -> Mutation:
    box = [chance.choice(KINDS), chance.randrange(9)]
    return chance.choice(
        (
            ["drop", *box],
            ["double", *box, chance.choice((2, 3, 50))],
            ["swap", *box, chance.choice(KINDS)],
            ["rename", *box, chance.choice(KINDS)],
            ["graft", *box, chance.choice(seeds), chance.choice(KINDS)],
        )
    )


def lengths(chance: Random, _seeds: list[str]) -> Mutation:
    count, box = (
        chance.choice((1, 4, 8, 12, 100, 4000)),
        [chance.choice(KINDS), chance.randrange(9)],
    )
    return chance.choice(
        (["extend", *box, count, chance.choice((0, 1, 255))], ["trim", *box, count])
    )


def ends(chance: Random, seeds: list[str]) -> Mutation:
    return chance.choice(
        (
            ["cut", chance.randrange(1 << 16)],
            ["pad", chance.choice((1, 8, 500)), chance.choice((0, 255))],
            ["splice", chance.randrange(1 << 16), chance.choice(seeds), chance.randrange(1 << 16)],
        )
    )


WEIGHTS: dict[Callable[[Random, list[str]], Mutation], int] = {
    field: 10,
    flip: 3,
    words: 2,
    sizes: 3,
    structure: 4,
    lengths: 3,
    ends: 1,
}
