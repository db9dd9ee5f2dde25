"""The processes of the API and the operator pages, where the web process shall be spared them.

Short synchronous views cost a server of threads a fraction of what they cost an asynchronous one.
Sockets, files and links stay with the web process; a proxy before both sends each what is its own
(`deploy/nginx.conf`).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from vms.ops.children import Program
from vms.ops.web import FINISH_SECONDS, WebAddress

PROCESSES, THREADS = 2, 4
# A client that sends its request drop by drop holds a thread no longer.
REQUEST_SECONDS = 30


def api_program(address: WebAddress, trusted_proxies: Sequence[str]) -> Program:
    """Describe gunicorn on *address*; the kernel shares connections out among its processes."""
    return Program(
        name="api",
        command=[
            sys.executable,
            *("-m", "vms.ops.api_server", "vms.wsgi:application"),
            *("--bind", address.bind, "--worker-class", "gthread"),
            *("--workers", str(PROCESSES), "--threads", str(THREADS)),
            *("--timeout", str(REQUEST_SECONDS), "--graceful-timeout", str(FINISH_SECONDS)),
            *("--log-level", "warning", "--worker-tmp-dir", "/dev/shm"),  # noqa: S108 - theirs alone
            # Its default would believe everybody on this machine.
            *("--forwarded-allow-ips", ",".join(trusted_proxies)),
            "--no-control-socket",
        ],
        is_ready=address.is_answering,
        grace_seconds=FINISH_SECONDS + 3,
    )
