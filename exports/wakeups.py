"""Messages that wake workers: "there is work at this node". Which job is for the database to say.

So a message that is lost, doubled or late changes nothing but when a job starts, and the order of
jobs is the same on every broker.
"""

from __future__ import annotations

from typing import Any

import structlog
from celery import current_app
from kombu.exceptions import OperationalError

from exports import turns

log = structlog.get_logger(__name__)

QUEUE = "exports"
TASK = "exports.make_next"
MOST_AT_ONCE = 1000


def queue_of(node: str) -> str:
    """Return the name of the queue whose workers stand beside the archives of *node*."""
    return f"{QUEUE}.{node}" if node else QUEUE


def wake(node: str) -> bool:
    """Wake one worker of *node*; False without a broker: the job waits and reconciling wakes."""
    try:
        current_app.send_task(TASK, [node], queue=queue_of(node), ignore_result=True)
    except OperationalError:
        log.warning("broker unreachable, exports wait in the database", node=node)
        return False
    return True


def wake_missing() -> int:
    """Send as many messages as there are jobs more than messages; returns how many.

    Messages a worker holds already are not seen, so a few may be too many: those find nothing to
    do. Sent again and again they do not add up, since waiting ones count.

    Raises:
        OperationalError: the broker cannot be reached.
    """
    sent = 0
    for node, jobs in turns.waiting().items():
        missing = min(jobs - queue_length(queue_of(node)), MOST_AT_ONCE)
        for _ in range(missing):
            if not wake(node):
                return sent  # nor will the broker take the others
            sent += 1
    return sent


def queue_length(name: str) -> int:
    """Return how many messages wait in a queue; 0 when it does not exist yet.

    Raises:
        OperationalError: the broker cannot be reached; the task fails and beat tries again.
    """
    with current_app.connection_for_read() as connection:
        # Once by hand: asking for the channel would try again and again.
        connection.ensure_connection(max_retries=1, interval_start=0)
        channel: Any = connection.default_channel
        try:
            return int(channel.queue_declare(queue=name, passive=True).message_count)
        except connection.channel_errors:
            return 0
        except connection.connection_errors as error:
            raise OperationalError("the broker cannot be reached") from error
