"""Events from before they were numbered by user keep the ids that clients may remember."""

from __future__ import annotations

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

BEFORE = [("push", "0001_initial")]


def migrate(targets):
    executor = MigrationExecutor(connection)
    executor.migrate(targets)
    return executor.loader.project_state(targets).apps


@pytest.fixture
def before():
    """Go back to before; the newest again at the end."""
    newest = MigrationExecutor(connection).loader.graph.leaf_nodes()
    yield migrate(BEFORE)
    migrate(newest)


@pytest.mark.django_db(transaction=True)
def test_numbers_go_on_after_the_ids_there_were(alice, mallory, before):
    event = before.get_model("push", "Event")
    for user in (alice, mallory, alice):
        event.objects.create(user_id=user.pk, session_id="", body={})
    ids = list(event.objects.order_by("pk").values_list("pk", flat=True))
    after = migrate([("push", "0003_numbers_unique")])
    kept = after.get_model("push", "Event").objects.order_by("pk")
    assert [(one.user_id, one.number) for one in kept] == list(
        zip((alice.pk, mallory.pk, alice.pk), ids, strict=True)
    )
    assert all(one.sent_at == one.created_at for one in kept)
    feeds = dict(after.get_model("push", "Feed").objects.values_list("user_id", "last"))
    assert feeds == {alice.pk: ids[2], mallory.pk: ids[1]}
