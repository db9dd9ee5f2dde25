"""A broker that is killed, and comes back with or without what it knew."""

from __future__ import annotations

import pytest

from tests.chaos.faults_workers import orders
from tests.chaos.held import hold
from tests.chaos.site import BROKERS

pytestmark = [pytest.mark.processes, pytest.mark.ffmpeg]


@pytest.mark.parametrize("site", BROKERS, indirect=True)
@pytest.mark.parametrize("keeps", [True, False], ids=["with_its_data", "empty"])
def test_broker_killed_and_restarted(site, stream, alice, survived, keeps):
    """Workers and beat find it again by themselves."""
    go = hold(site)
    running = [site.start_worker(), site.start_upkeep(), site.start_beat()]
    orders(site, alice, stream, 10)
    site.wait_until_held()
    site.kill_broker(forget=not keeps)
    orders(site, alice, stream, 3)  # nobody can be woken
    site.start_broker()
    for number in range(3):
        site.order(alice, stream, 10 + number, 15 + number)
    go.touch()
    site.wait_until_ended()
    assert [process.poll() for process in running] == [None, None, None]
    row = survived()
    assert row.asked == row.right == 16
