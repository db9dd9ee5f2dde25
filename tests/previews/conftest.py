"""What all tests of previews have in common: they bear with a busy machine."""

from __future__ import annotations

import pytest

from tests.running import PATIENCE_SECONDS


@pytest.fixture(autouse=True)
def patience(settings):
    """Let a rendering take its time; that it may not take for ever is asked where it is limited."""
    settings.VMS = {**settings.VMS, "VMS_PREVIEW_SECONDS": int(PATIENCE_SECONDS)}
