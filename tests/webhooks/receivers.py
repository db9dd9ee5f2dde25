"""Receivers of webhooks: real https servers on loopback, with a certificate of an own authority."""

from __future__ import annotations

import ipaddress
import ssl
import threading
from collections import deque
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NAMES = ("localhost", "hooks.example.org")
ADDRESSES = ("127.0.0.1", "127.0.0.2")


@dataclass
class Request:
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """What a server was sent, and what it answers: the next of `answers`, else `answer`.

    An answer is a status, or a function that is given the handler and does as it likes.
    """

    port: int = 0
    requests: list[Request] = field(default_factory=list)
    answers: deque = field(default_factory=deque)
    answer: object = 200
    heard: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}/hook?key=1"


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        receiver = self.server.receiver
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        receiver.requests.append(Request(self.path, headers, body))
        receiver.heard.release()
        answer = receiver.answers.popleft() if receiver.answers else receiver.answer
        with suppress(OSError):
            if callable(answer):
                answer(self)
            else:
                self.send_response(answer)
                self.end_headers()
                self.wfile.write(b"thanks")

    def log_message(self, *arguments):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    receiver: Receiver

    def get_request(self):
        """Leave the handshake to the thread of the request: a client may never make it."""
        raw, address = self.socket.accept()
        return self.context.wrap_socket(
            raw, server_side=True, do_handshake_on_connect=False
        ), address

    def finish_request(self, request, client_address):
        with suppress(OSError):
            request.do_handshake()
            super().finish_request(request, client_address)

    def handle_error(self, request, client_address):
        pass


@contextmanager
def receiving(folder, host="127.0.0.1", port=0):
    server = Server((host, port), Handler)
    server.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.context.load_cert_chain(folder / "server.pem")
    server.receiver = Receiver(server.server_port)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server.receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def write_certificates(folder):
    """Write `ca.pem`, an authority, and `server.pem`, a certificate of it with its key."""
    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = certificate("authority", authority_key, authority_key, is_authority=True)
    server = certificate("server", key, authority_key, is_authority=False)
    (folder / "ca.pem").write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    (folder / "server.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + server.public_bytes(serialization.Encoding.PEM)
    )


def certificate(name, key, signer, *, is_authority):
    now = datetime.now(UTC)
    names = [x509.DNSName(text) for text in NAMES]
    addresses = [x509.IPAddress(ipaddress.ip_address(text)) for text in ADDRESSES]
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority")]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names + addresses), critical=False)
        .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
        .sign(signer, hashes.SHA256())
    )
