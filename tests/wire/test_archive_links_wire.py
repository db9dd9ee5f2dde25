"""Links to the archive beside the documented answers, as records are compared."""

from __future__ import annotations

import pytest

from tests.wire.test_downloads_wire import ADDED, HOST, assert_like, sample

pytestmark = pytest.mark.django_db
INTERVAL = {"from": "2023-03-10T10:20:00Z", "to": "2023-03-10T10:25:00Z"}


def test_answers_links_as_documented(api, alice, yard):
    body = {"cameras": [{"uuid": str(yard.uuid), "stream_type": "high", **INTERVAL}], "ttl": "100"}

    answer = api(alice).post("/api/v1/cameras/archive", body, format="json", headers={"Host": HOST})

    documented = [{key: link.pop(key) for key in ("url", "expired_at")} for link in answer.json()]
    assert_like(documented, sample("links"))


def test_answers_the_desktop_client_as_documented(api, alice, yard):
    client = api(alice)
    address = f"/api/v1/cameras/{yard.pk}/archive/link"
    client.credentials(**{**client._credentials, "HTTP_X_CLIENT": "thick-legal"})

    answer = client.get(address, INTERVAL, headers={"Host": HOST})

    assert_like(answer.json(), sample("camera_link"))
    [record] = client.get("/api/v1/downloads", headers={"Host": HOST}).json()["data"]
    documented = sample("create")[0]
    assert_like({key: record[key] for key in documented}, documented)
    assert record["url"] == answer.json()["link"]


def test_answers_other_clients_with_a_record_of_the_created_form(api, alice, yard):
    answer = api(alice).get(f"/api/v1/cameras/{yard.pk}/archive/link", INTERVAL)

    body = answer.json()
    assert set(body) == {"link", "download"}
    assert body["link"] is None
    documented = sample("create")[0]
    assert_like([{**body["download"], "url": documented["url"]}], [documented], added=ADDED)
