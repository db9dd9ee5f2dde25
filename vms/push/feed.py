"""Reading the kept events of a user: what follows a number, and how far the numbers are."""

from __future__ import annotations

from collections.abc import Iterable

from vms.push.messages import Body, message_of
from vms.push.models import Event, Feed

LARGEST_NUMBER = 2**63 - 1
PAGE = 200
# As many values as every database takes in one query.
MOST_USERS = 1000


def page_between(user_id: int, after: int, last: int) -> list[Body]:
    """Read the first events with numbers in (after, last], at most PAGE, in their order."""
    missed = Event.objects.filter(user_id=user_id, number__gt=after, number__lte=last)
    return [message_of(event) for event in missed.order_by("number")[:PAGE]]


def last_number(user_id: int) -> int:
    """Return the number of the user's newest event; 0 when there never was one."""
    return last_numbers([user_id]).get(user_id, 0)


def last_numbers(user_ids: Iterable[int]) -> dict[int, int]:
    """Return the numbers of the newest events of those users who ever had one."""
    wanted = list(user_ids)
    found: dict[int, int] = {}
    for begin in range(0, len(wanted), MOST_USERS):
        feeds = Feed.objects.filter(pk__in=wanted[begin : begin + MOST_USERS])
        found.update(feeds.values_list("user_id", "last"))
    return found
