"""Runs gunicorn as small as it gets; its processes are forked from this one.

python -m vms.ops.api_server vms.wsgi:application --bind 127.0.0.1:8001 ...
"""

from __future__ import annotations

import os

from vms.ops.footprint import leave_out, share_one_arena, unused


def main() -> None:
    """Be gunicorn, with its arguments."""
    share_one_arena()
    leave_out(unused(os.environ))
    from gunicorn.app.wsgiapp import run  # type: ignore[import-untyped]

    run(prog="gunicorn")


if __name__ == "__main__":
    main()
