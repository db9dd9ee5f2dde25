"""Frame numbers as black and white blocks in the picture, so that a test can tell frames apart.

A number has 32 bits, drawn as two rows of 16 blocks (most significant first, white is 1) with the
same two rows inverted below. Every bit is thus there twice, and reading compares the two: blurred,
cropped or half-decoded pictures give None, never a wrong number.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Gray = NDArray[np.uint8]

COLUMNS = 16
ROWS = 4
WHITE = 235
BLACK = 16
LEAST_CONTRAST = 40
LEAST_BLOCK = 2
SMALL_PICTURE = 480
WRAP = 2**32


def block_size(width: int) -> int:
    """Return the edge of one block in pixels: large in small pictures, modest in large ones."""
    return max(width // (20 if width < SMALL_PICTURE else 40), LEAST_BLOCK)


def draw_number(gray: Gray, number: int) -> None:
    """Draw *number* (taken modulo 2**32) into the top of *gray*, in place."""
    size = block_size(gray.shape[1])
    bits = (number % WRAP >> np.arange(31, -1, -1, dtype=np.uint64)) & 1
    rows = bits.reshape(2, COLUMNS)
    blocks = np.where(np.vstack([rows, 1 - rows]), WHITE, BLACK).astype(np.uint8)
    top, left = corner(gray.shape[1], size)
    gray[top : top + ROWS * size, left : left + COLUMNS * size] = blocks.repeat(
        size, axis=0
    ).repeat(size, axis=1)


def read_number(gray: Gray) -> int | None:
    """Read the number drawn into *gray*; None when there is none that can be trusted.

    Pictures made at one size and scaled to another are read too.
    """
    width = gray.shape[1]
    for size in sorted({width / 20, width / 40, float(block_size(width))}, reverse=True):
        number = read_at(gray, size)
        if number is not None:
            return number
    return None


def read_at(gray: Gray, size: float) -> int | None:
    top, left = corner(gray.shape[1], size)
    if size < LEAST_BLOCK or top + ROWS * size > gray.shape[0]:
        return None
    light = np.array(
        [
            [
                middle(gray, top + row * size, left + column * size, size)
                for column in range(COLUMNS)
            ]
            for row in range(ROWS)
        ]
    )
    difference = (light[:2] - light[2:]).reshape(-1)
    if np.abs(difference).min() < LEAST_CONTRAST:
        return None
    return int("".join("1" if bit else "0" for bit in difference > 0), 2)


def middle(gray: Gray, top: float, left: float, size: float) -> float:
    """Return the mean light of the inner half of one block: its edges may be smeared."""
    inset = size / 4
    rows = slice(round(top + inset), max(round(top + size - inset), round(top + inset) + 1))
    columns = slice(round(left + inset), max(round(left + size - inset), round(left + inset) + 1))
    return float(gray[rows, columns].mean())


def corner(width: int, size: float) -> tuple[int, int]:
    """Return top and left of the field of blocks: one block down, in the middle."""
    return round(size), round((width - COLUMNS * size) / 2)
