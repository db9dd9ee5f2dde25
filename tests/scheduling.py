"""Which tests one process of a test run gets together, because they share what takes long to make.

Marks of xdist's `loadgroup` do not reach its scheduler with pytest 9 (it changes `_nodeid`, which
pytest no longer reads), so files and folders are named here.
"""

from __future__ import annotations

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
