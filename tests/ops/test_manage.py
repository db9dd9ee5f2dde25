"""`manage.py` itself: what it says when a command cannot begin."""

from __future__ import annotations

import subprocess
import sys

from vms.env import PROJECT_DIR


def test_says_how_to_prepare_an_empty_database(environment):
    answer = subprocess.run(
        [sys.executable, str(PROJECT_DIR / "manage.py"), "add_user", "z", "--password", "zzzzzzzz"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert answer.returncode == 1
    assert answer.stderr.startswith("CommandError: The database has no tables yet: run")
    assert "Traceback" not in answer.stderr
