"""Making recipes as short as they can be for what they show."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tests.media.fuzz.mutate import Recipe


def shrink(recipe: Recipe, same: Callable[[Recipe], bool]) -> Recipe:
    """Leave out mutations one by one as long as *same* says the rest shows it too."""
    for position in reversed(range(len(recipe.mutations))):
        shorter = without(recipe, position)
        if same(shorter):
            recipe = shorter
    return recipe


def shrink_all(
    recipes: Sequence[Recipe], ends: Callable[[Sequence[Recipe]], Sequence[str]]
) -> list[Recipe]:
    """Shrink many at once; *ends* tells how each of some recipes ends."""
    shortest, wanted = list(recipes), ends(recipes)
    for position in reversed(range(max((len(one.mutations) for one in recipes), default=0))):
        shorter = [without(one, position) for one in shortest]
        found = zip(shortest, shorter, ends(shorter), wanted, strict=True)
        shortest = [new if end == word else old for old, new, end, word in found]
    return shortest


def without(recipe: Recipe, position: int) -> Recipe:
    mutations = recipe.mutations
    return Recipe(recipe.seed, (*mutations[:position], *mutations[position + 1 :]))
