"""An S3 server for tests: moto's, as a process, and a proxy before it that misbehaves on demand."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import pytest
from botocore.config import Config

from exports.stores.choice import current_store
from tests.running import wait_until
from vms.media.process import tie_to_parent
from vms.ops.ports import free_port

BUCKET = "vms-test"
KEY_ID = "AKIDOFTESTS"
SECRET = "secret/of+tests="
SLOW_SECONDS = 0.7  # longer than the pause between two beats
HEADERS_OF_A_HOP = {"connection", "keep-alive", "transfer-encoding"}


@pytest.fixture(scope="session")
def s3_server():
    """Run moto's server; gives its port."""
    port = free_port("127.0.0.1")
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    small_parts = {**os.environ, "S3_UPLOAD_PART_MIN_SIZE": "1"}
    with subprocess.Popen(command, **quiet, env=small_parts, preexec_fn=tie_to_parent()) as process:
        wait_until(lambda: process.poll() is not None or is_listening(port))
        assert process.poll() is None
        yield port
        process.terminate()


def is_listening(port):
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except ConnectionRefusedError:
        return False
    return True


@cache
def client_of(port):
    """Make a client of moto's own, which goes past the proxy."""
    return boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{port}",
        region_name="us-east-1",
        aws_access_key_id=KEY_ID,
        aws_secret_access_key=SECRET,
        config=Config(s3={"addressing_style": "path"}),
    )


@dataclass
class Fault:
    """Misbehaviour of the proxy towards requests that *concerns* picks, so many times."""

    concerns: Callable[[str, str], bool]
    # "500", "slow", "hang", "drop request", "drop answer", "lose answer", "corrupt"
    kind: str
    times: int = 1
    met: int = 0


@dataclass
class Proxy:
    """An S3 server as clients of ours see it; `asked` holds what came by, faults included."""

    port: int
    upstream: int
    faults: list[Fault] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)
    without_checksums: bool = False
    largest_body: int = 0
    # Called with the method and the headers of each request.
    saw: Callable[[tuple[str, Any]], object] = lambda _request: None

    def fault_of(self, method: str, path: str) -> str | None:
        with self.lock:
            self.asked.append((method, path))
            for fault in self.faults:
                if fault.met < fault.times and fault.concerns(method, path):
                    fault.met += 1
                    return fault.kind
        return None


@pytest.fixture(scope="session")
def s3_front(s3_server):
    """Listen before moto's server, on one port for all tests: clients are made for an address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.proxy = Proxy(server.server_address[1], s3_server)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def s3_proxy(s3_front, s3_server):
    """A proxy without faults, before an empty bucket."""
    client = client_of(s3_server)
    client.create_bucket(Bucket=BUCKET)
    s3_front.proxy = proxy = Proxy(s3_front.proxy.port, s3_server)
    yield proxy
    proxy.released.set()
    empty(client)


def empty(client):
    for upload in client.list_multipart_uploads(Bucket=BUCKET).get("Uploads", ()):
        where = {"Key": upload["Key"], "UploadId": upload["UploadId"]}
        client.abort_multipart_upload(Bucket=BUCKET, **where)
    for found in client.list_objects_v2(Bucket=BUCKET).get("Contents", ()):
        client.delete_object(Bucket=BUCKET, Key=found["Key"])
    client.delete_bucket(Bucket=BUCKET)


@pytest.fixture
def bucket(s3_proxy, s3_server, settings):
    """Keep finished files in a bucket, asked through the proxy; gives a client beside it."""
    values = bucket_settings(s3_proxy.port)
    # A busy machine may hold up the server for longer than one waits for a dead one.
    settings.VMS = {**settings.VMS, **values, "VMS_S3_TIMEOUT_SECONDS": 30}
    current_store().requests.away_until = 0
    return client_of(s3_server)


def bucket_settings(port):
    return {
        "VMS_S3_BUCKET": BUCKET,
        "VMS_S3_PREFIX": "files/",
        "VMS_S3_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "VMS_S3_ACCESS_KEY_ID": KEY_ID,
        "VMS_S3_SECRET_ACCESS_KEY": SECRET,
        "VMS_S3_ATTEMPTS": 2,
        "VMS_S3_TIMEOUT_SECONDS": 5,
    }


def keys(client):
    return [found["Key"] for found in client.list_objects_v2(Bucket=BUCKET).get("Contents", ())]


def uploads(client):
    found = client.list_multipart_uploads(Bucket=BUCKET).get("Uploads", ())
    return [upload["Key"] for upload in found]


class Handler(BaseHTTPRequestHandler):
    """Passes requests on, or does what a fault says."""

    protocol_version = "HTTP/1.1"

    def handle_one_request(self):
        try:
            super().handle_one_request()
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def pass_on(self):
        proxy = self.server.proxy
        kind = proxy.fault_of(self.command, self.path)
        proxy.saw((self.command, self.headers))
        length = int(self.headers.get("Content-Length") or 0)
        if kind == "drop request":
            self.rfile.read(length // 2)
            return self.drop()
        if kind == "hang":
            proxy.released.wait()
            return self.drop()
        if kind == "slow":
            proxy.released.wait(SLOW_SECONDS)
        if "100-continue" in self.headers.get("Expect", ""):
            self.send_response_only(100)
            self.end_headers()
        body = self.rfile.read(length)
        proxy.largest_body = max(proxy.largest_body, len(body))
        if kind == "corrupt":
            body = bytes([body[0] ^ 1]) + body[1:]
        if kind == "500":
            return self.answer(500, {}, b"<Error><Code>InternalError</Code></Error>")
        sent = {
            name: value
            for name, value in self.headers.items()
            if not (proxy.without_checksums and name.lower().startswith("x-amz-checksum"))
            and name.lower() not in HEADERS_OF_A_HOP | {"expect"}
        }
        status, headers, content = self.ask(sent, body)
        if kind == "lose answer":
            return self.drop()
        if kind == "drop answer":
            return self.answer(status, headers, content[: len(content) // 2])
        return self.answer(status, headers, content)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = pass_on  # noqa: N815 - names of the base class

    def ask(self, headers, body):
        upstream = http.client.HTTPConnection("127.0.0.1", self.server.proxy.upstream)
        upstream.request(self.command, self.path, body or None, headers)
        answer = upstream.getresponse()
        content = answer.read()
        upstream.close()
        kept = [pair for pair in answer.getheaders() if pair[0].lower() not in HEADERS_OF_A_HOP]
        return answer.status, dict(kept), content

    def answer(self, status, headers, content):
        self.send_response_only(status)
        if not any(name.lower() == "content-length" for name in headers):
            headers = {**headers, "Content-Length": str(len(content))}
        promised = next(int(v) for n, v in headers.items() if n.lower() == "content-length")
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)
        if self.command != "HEAD" and promised != len(content):
            self.drop()

    def drop(self):
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *_arguments):
        pass
