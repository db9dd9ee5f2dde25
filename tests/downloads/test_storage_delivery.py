"""GET and HEAD /storage/{secret}/{name} where nginx sends the files."""

from __future__ import annotations

import asyncio
import http.client
import os
import re
import shutil
import socket
import subprocess
import threading
from datetime import timedelta

import pytest
import uvicorn
from asgiref.sync import sync_to_async
from django.db import connections
from django.db.backends.signals import connection_created
from django.test import AsyncClient
from django.utils import timezone
from django.utils.http import http_date

from downloads.models import Download
from downloads.naming import link_path
from downloads.storage_views import BLOCK
from tests import factories
from tests.factories import CONTENT
from tests.running import PATIENCE_SECONDS, wait_until
from vms.asgi import application
from vms.env import PROJECT_DIR, BadSetting, read_settings
from vms.media.process import tie_to_parent
from vms.ops.ports import free_port

pytestmark = pytest.mark.django_db(transaction=True)
SIZE = len(CONTENT)
# Debian puts it where only the administrator's PATH leads.
NGINX = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
needs_nginx = pytest.mark.skipif(
    NGINX is None, reason="no nginx on this machine: install the package nginx"
)
# What an answer says of the file, whoever sends it; nginx says Accept-Ranges of whole files only.
SAID = (
    "Cache-Control",
    "Content-Disposition",
    "Content-Length",
    "Content-Range",
    "Content-Type",
    "ETag",
    "Last-Modified",
    "X-Content-Type-Options",
)


@pytest.fixture
def ready(alice) -> Download:
    return factories.ready_download(alice, name="Двор 1.mp4")


@pytest.fixture
def x_accel(settings):
    settings.VMS = {**settings.VMS, "VMS_STORAGE_DELIVERY": "x-accel"}


@pytest.fixture
async def no_connection_left(transactional_db):
    """Close the connection of the thread in which asynchronous code reads the database."""
    yield
    await sync_to_async(connections.close_all)()


# --- what the web process says ---


@pytest.mark.parametrize("method", ["get", "head"])
async def test_tells_nginx_which_file_to_send(ready, x_accel, no_connection_left, method):
    answer = await getattr(AsyncClient(), method)(link_path(ready.secret, ready.name))
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer["X-Accel-Redirect"] == f"/_files/{ready.job.file}"
    assert answer["ETag"] == f'"{ready.job.sha256[:32]}"'
    assert answer["Last-Modified"] == http_date(ready.job.finished_at.timestamp())
    assert answer["Content-Type"] == "video/mp4"
    assert "filename*=UTF-8''%D0%94" in answer["Content-Disposition"]
    assert not answer.has_header("Content-Range")


async def test_names_the_location_the_operator_chose(ready, settings, no_connection_left):
    chosen = {"VMS_STORAGE_DELIVERY": "x-accel", "VMS_STORAGE_LOCATION": "/a/b/"}
    settings.VMS = {**settings.VMS, **chosen}
    answer = await AsyncClient().get(link_path(ready.secret, ready.name))
    assert answer["X-Accel-Redirect"] == f"/a/b/{ready.job.file}"


async def test_tells_nginx_nothing_without_a_live_link(
    ready, x_accel, settings, no_connection_left
):
    path = link_path(ready.secret, ready.name)
    known = {"If-None-Match": f'"{ready.job.sha256[:32]}"'}
    answers = [
        (304, await AsyncClient().get(path, headers=known)),
        (404, await AsyncClient().get(f"/storage/{'0' * 22}/x.mp4")),
        (405, await AsyncClient().post(path)),
    ]
    away = settings.STORAGE_DIR.rename(settings.STORAGE_DIR.with_name("unmounted"))
    answers.append((503, await AsyncClient().get(path)))
    away.rename(settings.STORAGE_DIR)
    await Download.objects.filter(pk=ready.pk).aupdate(expires_at=timezone.now())
    answers.append((404, await AsyncClient().get(path)))
    for status, answer in answers:
        assert answer.status_code == status
        assert not answer.has_header("X-Accel-Redirect")


async def test_stops_promising_a_file_that_somebody_took_away(
    ready, x_accel, settings, no_connection_left
):
    (settings.STORAGE_DIR / ready.job.file).unlink()
    answer = await AsyncClient().get(link_path(ready.secret, ready.name))
    assert answer.status_code == 404
    await ready.job.arefresh_from_db()
    assert ready.job.state == "expired"


# --- what a client gets, through the nginx of docs/operations.md ---


@pytest.fixture
def web_port(transactional_db):
    """Serve on a free loopback port; gives the port."""
    server = uvicorn.Server(uvicorn.Config(application, lifespan="off", log_config=None))
    listening = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=asyncio.run, args=(server.serve([listening]),))
    thread.start()
    yield listening.getsockname()[1]
    server.should_exit = True
    thread.join()


@pytest.fixture
def nginx_port(web_port, settings, tmp_path):
    """Run nginx as documented before the web process; gives its port."""
    port = free_port("127.0.0.1")
    config = tmp_path / "nginx.conf"
    config.write_text(nginx_config(tmp_path, port, web_port, settings.STORAGE_DIR))
    command = [NGINX, "-p", str(tmp_path), "-e", "stderr", "-c", str(config)]
    with subprocess.Popen(command, preexec_fn=tie_to_parent()) as process:
        wait_until(lambda: process.poll() is not None or answers(port))
        assert process.poll() is None
        yield port
        process.terminate()


def nginx_config(folder, port, web_port, storage):
    text = (PROJECT_DIR / "docs" / "operations.md").read_text()
    [documented] = re.findall(r"```nginx\n(.*?)```", text, re.DOTALL)
    for old, new in (
        ("listen 80;", f"listen 127.0.0.1:{port};"),
        ("http://127.0.0.1:8000;", f"http://127.0.0.1:{web_port};"),
        ("/srv/vms/storage/;", f"{storage}/;"),
    ):
        assert documented.count(old) == 1
        documented = documented.replace(old, new)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    own = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in kinds)
    return (
        f"daemon off; master_process off; pid {folder}/nginx.pid; error_log stderr crit;\n"
        f"events {{}}\nhttp {{ access_log off;\n{own}{documented}}}\n"
    )


def answers(port):
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except ConnectionRefusedError:
        return False
    return True


def ask(port, path, method="GET", **headers):
    """Send a request; gives the answer, and its body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, headers={"Host": "localhost", **sent})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer, body


@needs_nginx
def test_nginx_sends_what_we_would_send(ready, settings, web_port, nginx_port):
    path = link_path(ready.secret, ready.name)
    etag, date = f'"{ready.job.sha256[:32]}"', http_date(ready.job.finished_at.timestamp())
    part = {"Range": "bytes=10-19"}
    for status, method, query, headers in (
        (200, "GET", "", {}),
        (200, "HEAD", "", {}),
        (200, "GET", "?inline=1", {}),
        (206, "GET", "", part),
        (206, "HEAD", "", part),
        (206, "GET", "", {"Range": "bytes=-24"}),
        (206, "GET", "", {"Range": "bytes=1000-99999"}),
        (200, "GET", "", {"Range": "bytes=0-1,5-6"}),
        (206, "GET", "", {**part, "If_Range": etag}),
        (206, "GET", "", {**part, "If_Range": date}),
        (200, "GET", "", {**part, "If_Range": '"other"'}),
        (200, "GET", "", {**part, "If_Range": http_date(0)}),
        (200, "GET", "", {"If_None_Match": '"x"'}),
        (304, "GET", "", {"If_None_Match": etag}),
    ):
        settings.VMS = {**settings.VMS, "VMS_STORAGE_DELIVERY": "direct"}
        ours, our_body = ask(web_port, path + query, method, **headers)
        settings.VMS = {**settings.VMS, "VMS_STORAGE_DELIVERY": "x-accel"}
        theirs, their_body = ask(nginx_port, path + query, method, **headers)
        asked = (method, query, headers)
        assert (ours.status, theirs.status) == (status, status), asked
        assert their_body == our_body, asked
        assert [theirs.getheader(name) for name in SAID] == [
            ours.getheader(name) for name in SAID
        ], asked
        assert theirs.getheader("Accept-Ranges") in {"bytes", None if status == 206 else "bytes"}
        assert theirs.getheader("X-Request-ID"), asked
        assert theirs.getheader("X-Accel-Redirect") is None, asked


@needs_nginx
def test_nginx_knows_no_other_way_to_a_file(ready, x_accel, nginx_port):
    path = link_path(ready.secret, ready.name)
    assert ask(nginx_port, path)[1] == CONTENT
    assert ask(nginx_port, f"/_files/{ready.job.file}")[0].status == 404
    answer, _body = ask(nginx_port, path, Range=f"bytes={SIZE}-")
    assert (answer.status, answer.getheader("Content-Range")) == (416, f"bytes */{SIZE}")
    past = timezone.now() - timedelta(seconds=1)
    Download.objects.filter(pk=ready.pk).update(expires_at=past)
    assert ask(nginx_port, path)[0].status == 404


# --- a slow reader ---


@pytest.fixture
def opened():
    """Collect the connections to the database that are made from now on."""
    made = []

    def note(connection, **_kwargs):
        made.append(connection)

    connection_created.connect(note)
    yield made
    connection_created.disconnect(note)


def test_a_slow_reader_holds_no_connection_to_the_database(alice, web_port, opened):
    content = os.urandom(BLOCK) * 60
    download = factories.ready_download(alice, content=content)
    opened.clear()
    with socket.create_connection(("127.0.0.1", web_port)) as client:
        path = link_path(download.secret, download.name)
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        begun = client.recv(100)
        assert begun.startswith(b"HTTP/1.1 200 ")
        wait_until(lambda: opened and all(one.connection is None for one in opened))
        received = len(begun)
        while received < len(content):
            received += len(client.recv(BLOCK))


# --- the settings ---


def test_takes_the_ways_that_work():
    values = read_settings({})
    assert (values["VMS_STORAGE_DELIVERY"], values["VMS_STORAGE_LOCATION"]) == (
        "direct",
        "/_files/",
    )
    read = read_settings({"VMS_STORAGE_DELIVERY": "x-accel", "VMS_STORAGE_LOCATION": "/a/b-c/"})
    assert (read["VMS_STORAGE_DELIVERY"], read["VMS_STORAGE_LOCATION"]) == ("x-accel", "/a/b-c/")


@pytest.mark.parametrize(
    ("name", "text", "cure"),
    [
        ("VMS_STORAGE_DELIVERY", "redirect", "write direct or x-accel"),
        ("VMS_STORAGE_DELIVERY", "nginx", "write one of direct, x-accel"),
        ("VMS_STORAGE_LOCATION", "/", "such as /_files/"),
        ("VMS_STORAGE_LOCATION", "_files/", "such as /_files/"),
        ("VMS_STORAGE_LOCATION", "/files", "such as /_files/"),
        ("VMS_STORAGE_LOCATION", "/a b/", "such as /_files/"),
        ("VMS_STORAGE_LOCATION", "/../", "such as /_files/"),
        ("VMS_STORAGE_LOCATION", "/a\r\nX: y/", "such as /_files/"),
    ],
)
def test_refuses_a_way_that_does_not_work(name, text, cure):
    with pytest.raises(BadSetting, match=f"{name} cannot be used: .*{cure}"):
        read_settings({name: text})
