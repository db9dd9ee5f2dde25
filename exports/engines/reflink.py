"""Where the kernel can share blocks between segment and copy, and how little has to be copied.

On XFS and btrfs `copy_file_range` shares blocks by itself, but only when it is asked for a piece
that begins at the edge of a block in both files. So the one thing to do is to copy up to such an
edge first. It exists only where a range lies alike to the block in segment and copy; a range that
does not is copied byte by byte, whoever asks.
"""

from __future__ import annotations

from itertools import accumulate

from exports.engines.spliced import Range, SplicedFile

# The block of XFS, btrfs and every other file system that shares blocks, as they are made today.
BLOCK = 4096


def step_to_edge(offset: int, at: int, left: int) -> int:
    """Return how much of *left* to copy first so that the rest begins at the edge of a block.

    The piece lies at *offset* of the segment and goes to *at* of the copy. All of *left* when it
    begins at an edge already, or when no edge is common to both.
    """
    if (offset - at) % BLOCK or offset % BLOCK == 0:
        return left
    return min(left, BLOCK - offset % BLOCK)


def padding_before(offset: int, at: int) -> int:
    """Return how many bytes to put in at *at* so that a range from *offset* on lies alike.

    They belong into the layout of the file (a Blob between the ranges, with the chunk offsets
    counted on), not into its delivery: every delivery of one file gives the same bytes.
    """
    return (offset - at) % BLOCK


def lies_alike(spliced: SplicedFile) -> bool:
    """Say whether most of a file lies so in it that a file system may share it."""
    places = accumulate((part.length for part in spliced.ranges), initial=len(spliced.header))
    alike = sum(
        part.length
        for part, at in zip(spliced.ranges, places, strict=False)
        if isinstance(part, Range) and not padding_before(part.offset, at)
    )
    return alike * 2 > spliced.size
