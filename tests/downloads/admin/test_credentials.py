"""What the address of a stream holds stays with us: in answers, errors and log lines."""

from __future__ import annotations

import json

import pytest

from downloads.models import Download
from tests import factories
from tests.factories import order_body
from vms.push.models import Event

PATH = "/api/admin/v1/downloads"
SECRETS = ("adm1n", "s3cret", "t0ken")
URLS = {
    "rtsp://adm1n:s3cret@10.0.0.7:554/h264?channel=1": "rtsp://10.0.0.7:554/h264?channel=1",
    "rtsp://adm1n@10.0.0.7/": "rtsp://10.0.0.7/",
    "rtsp://adm1n:s3@cret@s3cret/w@10.0.0.7/": "rtsp://10.0.0.7/",
    "http://10.0.0.7/mjpg?user=adm1n&pwd=s3cret&fps=5": (
        "http://10.0.0.7/mjpg?user=***&pwd=***&fps=5"
    ),
    "http://10.0.0.7/x?Token=t0ken": "http://10.0.0.7/x?Token=***",
    "rtsp://10.0.0.7/user=adm1n_password=s3cret_channel=1": "rtsp://10.0.0.7/user=***",
    "rtsp://adm1n:s3cret@[::1/broken": "rtsp://[::1/broken",
}


@pytest.mark.parametrize(("url", "shown"), URLS.items())
def test_shows_an_address_without_what_opens_it(api, operator, url, shown):
    camera = factories.recorded()
    camera.streams.update(url=url)

    answer = api(operator).post(PATH, order_body(camera), format="json")

    [record] = answer.json()
    assert record["stream"]["url"] == shown
    hosts = {record["stream"]["ip"], record["stream"]["camera"]["ip"]}
    assert hosts == ({""} if "broken" in url else {"10.0.0.7"})
    assert not [secret for secret in SECRETS if secret in answer.content.decode()]


@pytest.mark.parametrize("url", URLS)
def test_says_nothing_of_it_in_any_answer_or_log_line(api, operator, url, caplog, capfd):
    caplog.set_level("DEBUG")
    camera = factories.recorded()
    camera.streams.update(url=url)
    stream = camera.streams.get()
    client = api(operator)
    target = {**order_body(), "ids": None, "stream_id": stream.pk}

    said = [client.post(PATH, target, format="json")]
    path = f"{PATH}/{Download.objects.get().pk}"
    said += [
        client.post(PATH, {**target, "from": "x", "stream": "low"}, format="json"),
        client.post(PATH, {**target, "to": target["from"]}, format="json"),
        client.get(PATH),
        client.get(path),
        client.post(f"{path}/repeat"),
        client.post(f"{path}/cancel"),
        client.post(f"{path}/cancel"),
        client.post(f"{path}/repeat"),
        client.delete(path),
        client.get(path),
        client.options(PATH),
    ]

    statuses = [answer.status_code for answer in said]
    assert statuses == [200, 422, 422, 200, 200, 422, 200, 200, 200, 200, 404, 200]
    answers = [answer.content.decode() for answer in said]
    written = "".join([*answers, caplog.text, *capfd.readouterr()])
    assert PATH in written
    assert not [secret for secret in SECRETS if secret in written]


def test_pushes_nothing_of_it(api, operator):
    camera = factories.recorded()
    camera.streams.update(url="rtsp://adm1n:s3cret@10.0.0.7/")
    download = factories.ready_download(operator, stream=camera.streams.get())
    client = api(operator)

    client.post(f"{PATH}/{download.pk}/repeat")

    body = json.dumps(Event.objects.get().body)
    assert "10.0.0.7" not in body
    assert not [secret for secret in SECRETS if secret in body]
