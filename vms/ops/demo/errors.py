"""Why the demonstration ended early."""

from __future__ import annotations


class DemoFailed(Exception):
    """Something is off; the message says what was expected and what happened, for people."""
