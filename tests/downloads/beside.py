"""What somebody else does to the same rows meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from django.db import connection


def beside(work: Callable[[], object]) -> None:
    """Do *work* to its end in a thread with a connection of its own; raises what it raises."""

    def run() -> None:
        try:
            work()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(run).result()
