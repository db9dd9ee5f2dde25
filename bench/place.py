"""Where the bench keeps its things, and Django set up to work there and nowhere else."""

from __future__ import annotations

import os
from pathlib import Path

# Not VMS_...: those are settings of the server, which refuses names it does not know.
VARIABLE = "BENCH_DIR"


def default_folder() -> Path:
    """Return BENCH_DIR, else a folder of ours among the user's caches."""
    chosen = os.environ.get(VARIABLE)
    if chosen:
        return Path(chosen).resolve()
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(caches) / "vms-bench"


def environment(folder: Path, database_url: str | None = None) -> dict[str, str]:
    """Make the environment of a server that lives in *folder*; the caller's settings are left out.

    Footage, temporary and finished files share one file system, as the floor needs.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("VMS_") or name in {"VMS_FFMPEG", "VMS_EXPORT_ENGINE"}
    }
    kept |= {
        "DJANGO_SETTINGS_MODULE": "vms.settings",
        "VMS_DATA_DIR": str(folder / "data"),
        "VMS_LOG_LEVEL": "ERROR",
        # With a database of one's own the key has to be given; nothing here is signed.
        "VMS_SECRET_KEY": "only-for-the-bench-" + "0123456789abcdef" * 3,
    }
    if database_url:
        kept["VMS_DATABASE_URL"] = database_url
    return kept


def set_up(folder: Path) -> None:
    """Have this process be that server. Must come before anything of ours that needs Django."""
    (folder / "data").mkdir(parents=True, exist_ok=True)
    made = environment(folder)
    os.environ.clear()
    os.environ.update(made)
    start_django()


def start_django() -> None:
    import django  # reads the environment when it is set up, not before

    django.setup()
