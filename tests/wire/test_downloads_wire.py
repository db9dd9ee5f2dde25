"""Our answers beside the documented ones, key by key.

The samples hold what clients of the documented system were promised. Every documented key has to
be there with the documented type and format; what we add is listed here.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from itertools import repeat
from pathlib import Path

import pytest
from django.utils import timezone

from cameras.models import Camera
from downloads.models import Download
from downloads.notifications import announce
from tests import factories
from vms.accounts.models import User
from vms.push.models import Event

SAMPLES = Path(__file__).parent
ADDED = {
    "status",
    "progress",
    "queue_position",
    "error",
    "expires_at",
    "size",
    "duration",
    "sha256",
    "coverage",
    "warnings",
    "mode",
    "engine",
    "cut",
}
FORMATS = {
    "interval time": re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"),
    "timestamp": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"),
    "link": re.compile(r"https?://[^\s]+"),
    "file name": re.compile(r".+\.\d{8}-\d{6}-(\d{8}-)?\d{6}\.mp4"),
    "number": re.compile(r"\d+"),
    "text": re.compile(r".*", re.DOTALL),
}
# Documented as null, with a value where there is one.
NULL_OR = {"status": str, "width": int, "height": int, "access_token_id": str}
HOST = "127.0.0.1:8080"


def sample(name):
    return json.loads((SAMPLES / f"{name}.json").read_text())


def assert_like(ours, documented, where="$", added=frozenset()):
    """Compare keys, types, nulls and formats; *added* are the keys a record may have beside."""
    name = where.rsplit(".", 1)[-1]
    if documented is None:
        assert ours is None or type(ours) is NULL_OR.get(name), where
        return
    assert type(ours) is type(documented), where
    if isinstance(documented, dict):
        assert set(documented) <= set(ours), where
        is_record = "is_file_exists" in documented
        assert set(ours) - set(documented) <= (added if is_record else set()), where
        for key, value in documented.items():
            assert_like(ours[key], value, f"{where}.{key}", added)
    elif isinstance(documented, list) and documented:
        assert ours, where
        same = len(ours) == len(documented)
        for item, shown in zip(ours, documented if same else repeat(documented[0]), strict=same):
            assert_like(item, shown, f"{where}[]", added)
    elif isinstance(documented, list):
        assert ours == [], where
    elif isinstance(documented, str):
        assert format_of(documented).fullmatch(ours), f"{where}: {ours!r}"


def format_of(text):
    return next(form for form in FORMATS.values() if form.fullmatch(text))


def documented_part(ours, documented):
    """Leave of *ours* what the sample has keys for."""
    if isinstance(documented, dict):
        return {key: documented_part(ours[key], value) for key, value in documented.items()}
    if isinstance(documented, list) and documented:
        return [documented_part(*pair) for pair in zip(ours, documented, strict=True)]
    return ours


@pytest.fixture
def history(db):
    """The rows behind the documented list."""
    parent = User.objects.create(pk=3, login="parent")
    user = User.objects.create(pk=5, login="user@mail.com", name="user", parent=parent)
    User.objects.filter(pk=5).update(
        created_at=datetime(2023, 2, 3, 8, 29, 7, tzinfo=UTC),
        updated_at=datetime(2023, 2, 6, 9, 19, 35, tzinfo=UTC),
    )
    camera = Camera.objects.create(pk=1, name="City , st. Street 1, file")
    streams = {
        2: factories.stream(camera, type="low", id=2),
        1: factories.stream(camera, type="high", id=1),
    }
    for row in sample("list")["data"]:
        begin, end = (
            datetime.strptime(row[key], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
            for key in ("from", "to")
        )
        job = factories.job(
            stream=streams[row["stream"]["id"]],
            begin=begin,
            seconds=(end - begin).total_seconds(),
        )
        factories.download(
            user,
            job=factories.finish(job),
            camera_name=camera.name,
            id=row["id"],
            created_at=datetime.fromisoformat(row["created_at"]),
        )
        Download.objects.filter(pk=row["id"]).update(
            updated_at=datetime.fromisoformat(row["updated_at"])
        )
    user.refresh_from_db()
    return user


def test_lists_the_documented_history_as_documented(api, history):
    documented = sample("list")
    body = api(history).get("/api/v1/users/downloads", headers={"Host": HOST}).json()
    assert_like(body, documented, added=ADDED)
    ours = documented_part(body, documented)
    for record, expected in zip(ours["data"], documented["data"], strict=True):
        assert record["url"].startswith(expected["url"])
        record["url"] = expected["url"]
        # The sample's reader asks without a session of its own; ours is told its session.
        record["user"]["access_token_id"] = None
    assert ours == documented


def test_answers_an_order_as_documented(api, alice):
    documented = sample("create")
    camera = factories.recorded(owner=alice)
    body = {"from": "2023-03-10T10:20:00Z", "to": "2023-03-10T10:25:00Z", "ids": [camera.pk]}
    client = api(alice)
    first = client.post("/api/v1/downloads", body, format="json", headers={"Host": HOST}).json()
    [record] = first
    assert set(record) - set(documented[0]) == ADDED
    assert (record["from"], record["to"]) == (documented[0]["from"], documented[0]["to"])
    # While there is no file there is no link.
    assert_like([{**record, "url": documented[0]["url"]}], documented, added=ADDED)
    factories.finish(Download.objects.get().job)
    second = client.post("/api/v1/downloads", body, format="json", headers={"Host": HOST}).json()
    assert_like(second, documented, added=ADDED)
    assert second[0]["is_file_exists"] is True
    assert second[0]["url"].startswith(documented[0]["url"])


@pytest.mark.parametrize("call", ["show", "repeat"])
def test_shows_and_repeats_records_of_the_listed_form(api, bob, yard, call):
    factories.grant(bob, yard)
    download = factories.ready_download(bob, stream=yard.streams.get())
    path = f"/api/v1/downloads/{download.pk}"
    client = api(bob)
    answer = client.get(path) if call == "show" else client.post(f"{path}/repeat")
    assert_like(answer.json(), sample("list")["data"][0], added=ADDED)


@pytest.mark.parametrize("is_ready", [True, False])
def test_pushes_records_of_the_created_form(alice, is_ready):
    job = factories.finish(factories.job()) if is_ready else factories.fail(factories.job())
    announce(factories.download(alice, job=job, origin=f"http://{HOST}"), timezone.now())
    body = Event.objects.get().body
    documented = sample("create")[0]
    record = body["data"]["download"]
    assert body == {
        "type": "archive_generated",
        "status": "ok" if is_ready else "error",
        "data": {"download": record},
    }
    assert (record["url"] is None) is not is_ready
    assert_like({**record, "url": record["url"] or documented["url"]}, documented, added=ADDED)


@pytest.mark.parametrize("state", ["queued", "running", "failed", "cancelled", "expired"])
def test_keeps_the_form_in_every_state(api, bob, yard, state):
    job = factories.job(stream=yard.streams.get(), state=state, error_code="x", error_message="y")
    factories.download(bob, job=job)
    [record] = api(bob).get("/api/v1/downloads").json()["data"]
    documented = sample("list")["data"][0]
    assert (record["url"], record["is_file_exists"]) == (None, False)
    assert_like({**record, "url": documented["url"]}, documented, added=ADDED)


def test_gives_what_is_added_its_types(api, alice, yard):
    download = factories.ready_download(alice, stream=yard.streams.get())
    record = api(alice).get(f"/api/v1/downloads/{download.pk}").json()
    assert {key: type(record[key]) for key in ADDED} == {
        "status": str,
        "progress": int,
        "queue_position": type(None),
        "error": type(None),
        "expires_at": str,
        "size": int,
        "duration": float,
        "sha256": str,
        "coverage": dict,
        "warnings": list,
        "cut": str,
        "mode": str,
        "engine": str,
    }
    assert FORMATS["timestamp"].fullmatch(record["expires_at"])
    assert set(record["coverage"]) == {"asked", "delivered", "gaps"}
    for part in ("asked", "delivered"):
        assert set(record["coverage"][part]) == {"from", "to"}
        for moment in record["coverage"][part].values():
            assert FORMATS["timestamp"].fullmatch(moment)


def test_refuses_as_documented(api, alice):
    answer = api(alice).post("/api/v1/downloads", {}, format="json")
    documented = sample("refused")
    assert answer.status_code == 422
    body = answer.json()
    assert set(body) == set(documented)
    assert isinstance(body["message"], str)
    for messages in body["errors"].values():
        assert_like(messages, documented["errors"]["any_key"])
