"""Many machines on one database, one broker and one disk: orders, a lost machine, a full front."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import pytest

from tests.client import wire
from tests.cluster.conftest import FOOTAGE, Cluster
from tests.footage import BEGIN, decode_numbers
from tests.running import wait_until

pytestmark = [pytest.mark.processes, pytest.mark.ffmpeg]

ORDERS = 12


def span(number):
    begin = BEGIN + timedelta(seconds=0.5 + number * 0.31)
    return begin, begin + timedelta(seconds=5)


def order(client, number):
    begin, end = span(number)
    status, answer = client.post(
        "/api/v1/downloads", **{"from": wire(begin), "to": wire(end), "ids": [1]}
    )
    assert status == 200, answer
    return answer[0]["id"]


def owners(cluster: Cluster) -> set[str]:
    code = "from exports.models import ExportJob as J; print(*{j.owner for j in J.objects.all()})"
    return set(cluster.manage("shell", "--no-imports", "-v", "0", "-c", code).split())


def fetch_and_check(client, records, folder):
    for number, record in enumerate(records):
        shown = client.get(f"/api/v1/downloads/{record}")[1]
        status, content = client.get(shown["url"])
        assert (status, shown["status"]) == (200, "ready"), shown
        assert hashlib.sha256(content).hexdigest() == shown["sha256"]
        path = folder / f"{record}.mp4"
        path.write_bytes(content)
        found = [frame for _, frame in decode_numbers(path)]
        assert found == FOOTAGE.numbers_in(*span(number))


def test_machines_share_the_work_and_survive_the_loss_of_one(cluster, tmp_path):
    first = cluster.start("attic", "worker-exports")
    cluster.start("cellar", "worker-exports")
    alice = cluster.sign_in("alice")

    records = [order(alice, number) for number in range(ORDERS // 2)]
    heard = {
        alice.next_push("archive_generated")["data"]["data"]["download"]["id"] for _ in records
    }
    assert heard == set(records)
    first.kill()
    later = [order(alice, number) for number in range(ORDERS // 2, ORDERS)]
    for _ in later:
        assert alice.next_push("archive_generated")["data"]["status"] == "ok"

    fetch_and_check(alice, [*records, *later], tmp_path)
    assert cluster.sign_in("mallory").get(f"/api/v1/downloads/{records[0]}")[0] == 404


def test_the_front_sends_each_request_where_it_belongs(cluster, tmp_path):
    if "cellar" not in cluster.machines:
        cluster.start("cellar", "worker-exports")
    alice = cluster.sign_in("alice")
    record = order(alice, 0)
    wait_until(lambda: alice.get(f"/api/v1/downloads/{record}")[1]["status"] == "ready")
    url = alice.get(f"/api/v1/downloads/{record}")[1]["url"]

    status, part = alice.get(url, {"Range": "bytes=5-9"})
    assert (status, len(part)) == (206, 5)
    assert alice.get("/_files/x.mp4")[0] == 404
    wait_until(lambda: alice.get("/readyz")[1]["status"] == "ok")
    assert alice.get("/api/v1/nothing")[0] == 404
    assert alice.get("/preview/none")[0] == 403
    log = (cluster.folder / "nginx.log").read_text()
    assert '"GET /_files/' in log
    assert '"GET /preview/..."' in log
    assert alice.token not in log
    assert url.split("/storage/")[1].split("/")[0] not in log
