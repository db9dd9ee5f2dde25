"""Segments and events in partitions, as `deploy/partitions.sql` makes them: all works as before."""

from __future__ import annotations

import json

import psycopg
import pytest

from vms.env import PROJECT_DIR

FILL = """
from datetime import timedelta
from django.utils import timezone
from tests import factories
from vms.accounts.models import User
from vms.push.publish import record_event
user = User.objects.create_user("alice", "x")
stream = factories.stream(factories.camera())
now = timezone.now()
for days in (100, 40, 0):
    factories.segment(stream, begin=now - timedelta(days=days))
    record_event(user_id=user.pk, session_id="", body={}, now=now - timedelta(days=days))
"""
USE = """
import json
from datetime import timedelta
from django.utils import timezone
from cameras.archive.rows import forget, keep_new
from cameras.models import Segment, Stream
from cameras.timeline import Interval
from tests import factories
from vms.accounts.models import User
from vms.push.models import Event
from vms.push.publish import prune, record_event
user, stream, now = User.objects.get(), Stream.objects.get(), timezone.now()
before = Segment.objects.count()
made = factories.segment(stream, begin=now + timedelta(days=31))
again = Segment(**{f.attname: getattr(made, f.attname) for f in Segment._meta.fields[1:]})
keep_new(stream.pk, [again])
ahead = factories.segment(stream, begin=now + timedelta(days=4000))
asked = Interval(now - timedelta(days=41), now - timedelta(days=39))
touching = stream.segments.touching(asked, stream.longest_segment or timedelta(minutes=1))
event = record_event(user_id=user.pk, session_id="", body={}, now=now)
print(json.dumps({
    "before": before, "ids": len(set(Segment.objects.values_list("pk", flat=True))),
    "touching": touching.count(), "plan": touching.explain(),
    "number": event.number, "pruned": prune(now - timedelta(days=1)),
    "left": Event.objects.count(), "forgotten": forget([made.pk, ahead.pk]),
    "rows": Segment.objects.count(),
}))
"""


def test_the_rows_of_before_are_there_and_new_ones_go_where_they_belong(
    own_database, environment, manage
):
    if not own_database:
        pytest.skip("partitions are for PostgreSQL")
    manage("migrate", "--verbosity", "0")
    manage("shell", "--no-imports", "-v", "0", "-c", FILL)
    with psycopg.connect(own_database["VMS_DATABASE_URL"], autocommit=True) as connection:
        connection.execute((PROJECT_DIR / "deploy" / "partitions.sql").read_text())
        connection.execute("SELECT vms_partition('cameras_segment', 'month', 4)")
        parts = "SELECT tableoid::regclass::text FROM cameras_segment ORDER BY begin"
        held = [name for (name,) in connection.execute(parts)]
        found = json.loads(manage("shell", "--no-imports", "-v", "0", "-c", USE))
        connection.execute("ALTER TABLE cameras_segment DETACH PARTITION cameras_segment_past")
        left = [count for (count,) in connection.execute("SELECT count(*) FROM cameras_segment")]

    assert held[:2] == ["cameras_segment_past"] * 2
    assert held[2].startswith("cameras_segment_2")
    assert (found["before"], found["ids"], found["touching"]) == (3, 5, 1)
    assert "cameras_segment_rest" not in found["plan"]
    assert (found["number"], found["pruned"], found["left"]) == (4, 2, 2)
    assert (found["forgotten"], found["rows"]) == (2, 3)
    assert left == [1]
