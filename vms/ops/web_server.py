"""Runs uvicorn as small as it gets.

python -m vms.ops.web_server vms.asgi:application --port 8000 ...
"""

from __future__ import annotations

import os

from vms.ops.footprint import leave_out, share_one_arena, unused


def main() -> None:
    """Be uvicorn, with its arguments."""
    share_one_arena()
    leave_out(unused(os.environ))
    from uvicorn.main import main as serve

    serve()


if __name__ == "__main__":
    main()
