import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from vms.ops.demo.errors import DemoFailed
from vms.ops.demo.fetch import fetch

BODY = bytes(range(256)) * 1000


class FileServer(BaseHTTPRequestHandler):
    """Serves BODY with Range, as a file server should."""

    protocol_version = "HTTP/1.1"
    tag = '"one"'
    knows_range = True

    def do_GET(self):
        wanted = self.headers["Range"]
        self.server.asked.append((wanted, self.headers["If-Range"]))
        if wanted and self.knows_range:
            begin = int(wanted.removeprefix("bytes=").removesuffix("-"))
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {begin}-{len(BODY) - 1}/{len(BODY)}")
        else:
            begin = 0
            self.send_response(200)
        self.send_header("ETag", self.tag)
        self.send_header("Content-Length", str(len(BODY) - begin))
        self.end_headers()
        try:
            self.wfile.write(BODY[begin:])
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def log_message(self, *_arguments):
        pass


@pytest.fixture
def serve():
    servers = []

    def serve(handler):
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.asked = []
        server.handle_error = lambda *_: None  # a client that hangs up is what we test
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return server, f"http://127.0.0.1:{server.server_port}/file.mp4"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def test_fetches_in_two_connections(serve, tmp_path):
    server, url = serve(FileServer)
    heard = []

    fetched = fetch(url, tmp_path / "file", lambda there, size: heard.append((there, size)))

    half = len(BODY) // 2
    assert server.asked == [(None, None), (f"bytes={half}-", '"one"')]
    assert fetched.resumed_at == half
    assert fetched.path.read_bytes() == BODY
    assert fetched.sha256 == hashlib.sha256(BODY).hexdigest()
    assert heard[-1] == (len(BODY), len(BODY))


def test_refuses_a_server_that_begins_anew(serve, tmp_path):
    class Forgetful(FileServer):
        knows_range = False

    _server, url = serve(Forgetful)

    with pytest.raises(DemoFailed, match="answered with 200, not 206"):
        fetch(url, tmp_path / "file", lambda _there, _size: None)


def test_says_when_nobody_listens(serve, tmp_path):
    server, url = serve(FileServer)
    server.shutdown()
    server.server_close()

    with pytest.raises(DemoFailed, match="Fetching the file failed"):
        fetch(url, tmp_path / "file", lambda _there, _size: None)
