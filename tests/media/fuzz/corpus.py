"""The recipes that are kept: one for each way a reader ended on some input."""

from __future__ import annotations

import json
from pathlib import Path

from tests.media.fuzz.mutate import Recipe

CORPUS = Path(__file__).with_name("corpus.json")


def read_corpus() -> dict[str, list[Recipe]]:
    """Return the recipes by reader."""
    if not CORPUS.exists():
        return {}
    return {
        reader: [Recipe(seed, tuple(mutations)) for seed, *mutations in rows]
        for reader, rows in json.loads(CORPUS.read_text()).items()
    }


def write_corpus(corpus: dict[str, list[Recipe]]) -> None:
    """Keep the recipes, one a line."""
    parts = []
    for reader, recipes in sorted(corpus.items()):
        rows = sorted(json.dumps([one.seed, *one.mutations]) for one in recipes)
        parts.append(f'  "{reader}": [\n    ' + ",\n    ".join(rows) + "\n  ]")
    CORPUS.write_text("{\n" + ",\n".join(parts) + "\n}\n")
