"""Every input that once told something new is read again; the net that catches bad ends is tried.

New inputs are looked for by `python -m tests.media.fuzz`.
"""

from __future__ import annotations

import pytest

from tests.media.fuzz.bounded import fuzz, replay
from tests.media.fuzz.corpus import read_corpus
from tests.media.fuzz.invent import invent
from tests.media.fuzz.mutate import Recipe
from tests.media.fuzz.readers import READERS
from tests.media.fuzz.seeds import make_seeds, read_seeds

pytestmark = [pytest.mark.ffmpeg, pytest.mark.xdist_group("fuzz")]

BAIT = Recipe("plain", (["write", "ftyp", 0, 0, 4, 0], ["put", 4, 4, 0]))
WELL = Recipe("plain", ())


@pytest.fixture(scope="module")
def seeds(tmp_path_factory):
    return make_seeds(tmp_path_factory.mktemp("seeds"))


@pytest.mark.parametrize("reader", READERS)
def test_reads_or_refuses_every_input_of_the_corpus(reader, seeds):
    known = read_corpus()[reader]
    report = replay(f"tests.media.fuzz.readers:{reader}", seeds, known)

    found = {word: known[number] for word, number in report.findings.items()}
    assert found == {}
    assert report.done == len(known) > 5


@pytest.mark.parametrize(
    ("trap", "word"),
    [
        ("hang", "hang"),
        ("hoard", "memory: traps.py"),
        ("slip", "KeyError: traps.py"),
        ("crash", "killed by SIGSEGV"),
    ],
)
def test_catches_a_reader_that(trap, word, seeds):
    report = replay(f"tests.media.fuzz.traps:{trap}", seeds, [WELL, BAIT, WELL])

    [(found, number)] = report.findings.items()
    assert found.startswith(word)
    assert number == 1
    assert "read" in report.words


def test_invents_the_same_inputs_for_the_same_run(seeds):
    footage = read_seeds(seeds, ".mp4")
    first = [invent("a", number, footage, []) for number in range(100)]

    assert [invent("a", number, footage, []) for number in range(100)] == first
    assert [invent("b", number, footage, []) for number in range(100)] != first
    assert len({one.cook(footage) for one in first}) > 90


def test_looks_for_new_inputs(seeds):
    report = fuzz("tests.media.fuzz.traps:slip", seeds, [BAIT], run="a", seconds=1)

    assert report.done > 0
    assert [word.partition(":")[0] for word in report.findings] == ["KeyError"]
