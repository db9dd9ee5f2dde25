"""Which tests are run, and which one process gets together, for they share what takes long to make.

Marks of xdist's `loadgroup` do not reach its scheduler with pytest 9 (it changes `_nodeid`, which
pytest no longer reads), so files and folders are named here.
"""

from __future__ import annotations

import os
from typing import Any

from xdist.scheduler import LoadScopeScheduling

TOGETHER = (
    "tests/browser/",
    "tests/cameras/test_recorder.py",
    "tests/exports/bucket/",
    "tests/media/fuzz/",
)


class Scheduling(LoadScopeScheduling):
    """Hands out test by test, and as one what lies TOGETHER."""

    def _split_scope(self, nodeid: str) -> str:
        return next((path for path in TOGETHER if nodeid.startswith(path)), nodeid)


def pytest_xdist_make_scheduler(config: Any, log: Any) -> Scheduling | None:
    """Stand in for `--dist loadgroup`; any other way that was asked for is kept."""
    return Scheduling(config, log) if config.getvalue("dist") == "loadgroup" else None


# What never meets a database has nothing to find out on another kind of it.
DATABASE_ONLY = os.environ.get("TESTS_DATABASE_ONLY") == "1"
DATABASE = {"db", "transactional_db", "own_database"}


def pytest_collection_modifyitems(config: Any, items: list[Any]) -> None:
    """Leave out, when asked to, what uses no database, or brings the embedded one."""
    if not DATABASE_ONLY:
        return
    left_out = [item for item in items if not meets_database(item)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if meets_database(item)]


def meets_database(item: Any) -> bool:
    if "tests/ops/test_up.py" in item.nodeid:
        return False
    has_mark = item.get_closest_marker("django_db") is not None
    return has_mark or bool(DATABASE.intersection(item.fixturenames))
