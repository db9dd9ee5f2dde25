"""One POST: over TLS to the address that was checked, and never for longer than it may take."""

from __future__ import annotations

import ipaddress
import socket
import threading
from pathlib import Path

import pytest

from tests.webhooks.receivers import receiving
from vms.webhooks.sending import MOST_READ, Limits, NotSent, post
from vms.webhooks.targets import read_target

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)
BODY = b'{"data":{}}'


@pytest.fixture
def limits(certificates):
    def limits(seconds=30, allowed=LOOPBACK, ca_file=certificates / "ca.pem"):
        return Limits(seconds, allowed, ca_file)

    return limits


@pytest.fixture
def resolves(monkeypatch):
    """Have names stand for addresses: the next of those given at each question."""
    asked = []

    def resolves(*answers):
        turns = iter(answers)

        def getaddrinfo(host, port, *arguments, **options):
            asked.append(host)
            return [
                (
                    socket.AF_INET6 if ":" in one else socket.AF_INET,
                    socket.SOCK_STREAM,
                    6,
                    "",
                    (one, port),
                )
                for one in next(turns)
            ]

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        return asked

    return resolves


def test_sends_what_it_is_given(receiver, limits):
    assert post(read_target(receiver.url), BODY, {"X-Own": "1"}, limits()) == 200
    [request] = receiver.requests
    assert (request.path, request.body) == ("/hook?key=1", BODY)
    assert request.headers["x-own"] == "1"
    assert request.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert request.headers["content-length"] == str(len(BODY))


@pytest.mark.parametrize("status", [200, 204, 301, 404, 500])
def test_gives_the_status_whatever_it_is(receiver, limits, status):
    receiver.answer = status
    assert post(read_target(receiver.url), BODY, {}, limits()) == status


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_follows_no_redirect(receiver, limits, status):
    def redirect(handler):
        handler.send_response(status)
        handler.send_header("Location", receiver.url)
        handler.end_headers()

    receiver.answer = redirect
    assert post(read_target(receiver.url), BODY, {}, limits()) == status
    assert len(receiver.requests) == 1


def test_connects_to_what_was_checked_though_the_name_changes_its_mind(
    receiver, limits, certificates, resolves
):
    with receiving(certificates, "127.0.0.2", receiver.port) as checked:
        asked = resolves(["127.0.0.2"], ["127.0.0.1"], ["127.0.0.1"])
        target = read_target(f"https://hooks.example.org:{receiver.port}/")
        only = (ipaddress.ip_network("127.0.0.2"),)
        assert post(target, BODY, {}, limits(allowed=only)) == 200
    assert asked == ["hooks.example.org"]
    assert checked.requests[0].headers["host"] == f"hooks.example.org:{receiver.port}"
    assert receiver.requests == []


def test_knows_the_certificate_of_a_name_that_ends_with_a_dot(receiver, limits, resolves):
    asked = resolves(["127.0.0.1"])
    target = read_target(f"https://hooks.example.org.:{receiver.port}/")
    assert post(target, BODY, {}, limits()) == 200
    assert asked == ["hooks.example.org."]


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["10.0.0.1"],
        ["169.254.169.254"],
        ["::1"],
        ["::ffff:127.0.0.1"],
        ["93.184.215.14", "127.0.0.1"],
        ["127.0.0.1", "93.184.215.14"],
    ],
)
def test_refuses_a_name_that_stands_for_a_private_address(receiver, limits, resolves, addresses):
    resolves(addresses)
    target = read_target(f"https://hooks.example.org:{receiver.port}/")
    with pytest.raises(NotSent, match="does not send to addresses of this kind"):
        post(target, BODY, {}, limits(allowed=()))
    assert receiver.requests == []


def test_refuses_the_names_of_this_machine(receiver, limits):
    with pytest.raises(NotSent, match="does not send to addresses of this kind"):
        post(read_target(f"https://localhost:{receiver.port}/"), BODY, {}, limits(allowed=()))
    assert receiver.requests == []


def test_says_that_a_name_is_not_known(limits):
    with pytest.raises(NotSent, match="The host name is not known"):
        post(read_target("https://hooks.invalid/"), BODY, {}, limits())


def test_waits_for_no_resolver(limits, monkeypatch):
    done = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_arguments, **_options: done.wait() and [])
    with pytest.raises(NotSent, match="not looked up in time"):
        post(read_target("https://hooks.example.org/"), BODY, {}, limits(seconds=0.2))
    done.set()


def test_tries_the_next_address_when_nobody_listens_at_one(receiver, limits, resolves):
    resolves(["127.0.0.3", "127.0.0.1"])
    target = read_target(f"https://hooks.example.org:{receiver.port}/")
    assert post(target, BODY, {}, limits()) == 200


def test_says_that_nobody_listens(limits):
    with socket.socket() as deaf:  # taken, and nobody listens there
        deaf.bind(("127.0.0.1", 0))
        target = read_target(f"https://127.0.0.1:{deaf.getsockname()[1]}/")
        with pytest.raises(NotSent, match="Nobody answers at this address"):
            post(target, BODY, {}, limits())


def test_asks_no_proxy_of_the_environment(receiver, limits, monkeypatch):
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert post(read_target(receiver.url), BODY, {}, limits()) == 200


def test_believes_only_certificates_of_known_authorities(receiver, limits):
    with pytest.raises(NotSent, match="The certificate is not good"):
        post(read_target(receiver.url), BODY, {}, limits(ca_file=None))
    assert receiver.requests == []


def test_believes_only_certificates_for_the_name(receiver, limits, resolves):
    resolves(["127.0.0.1"])
    target = read_target(f"https://other.example.org:{receiver.port}/")
    with pytest.raises(NotSent, match=r"The certificate is not good.*other\.example\.org"):
        post(target, BODY, {}, limits())
    assert receiver.requests == []


def test_says_that_the_file_of_authorities_is_missing(receiver, limits, tmp_path):
    with pytest.raises(NotSent, match="authorities cannot be read"):
        post(read_target(receiver.url), BODY, {}, limits(ca_file=tmp_path / "none.pem"))


# --- what takes too long, or is too much ---


def drip(first):
    """Answer byte by byte, quicker than any pause would be noticed, without end."""

    def answer(handler):
        handler.wfile.write(first)
        while True:  # until the other side has had enough: the write fails
            handler.wfile.write(b"x")
            threading.Event().wait(0.01)

    return answer


@pytest.mark.parametrize("first", [b"", b"HTTP/1.1 200 OK\r\nX-Slow: ", b"HTTP/1.1 "])
def test_ends_an_answer_that_never_does(receiver, limits, first):
    receiver.answer = drip(first)
    with pytest.raises(NotSent, match=r"No answer within 0\.3 seconds"):
        post(read_target(receiver.url), BODY, {}, limits(seconds=0.3))


def test_ends_a_receiver_that_says_nothing(receiver, limits):
    done = threading.Event()
    receiver.answer = lambda _handler: done.wait()
    with pytest.raises(NotSent, match=r"No answer within 0\.3 seconds"):
        post(read_target(receiver.url), BODY, {}, limits(seconds=0.3))
    done.set()


def test_ends_a_handshake_that_never_does(limits):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(NotSent, match=r"No answer within 0\.3 seconds"):
            post(read_target(f"https://127.0.0.1:{port}/"), BODY, {}, limits(seconds=0.3))


def test_knows_the_status_though_the_rest_never_comes(receiver, limits):
    receiver.answer = drip(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
    # Time enough for a busy machine to get as far as the status.
    assert post(read_target(receiver.url), BODY, {}, limits(seconds=3)) == 200


def test_reads_no_more_of_an_answer_than_it_needs(receiver, limits):
    sent = []

    def flood(handler):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        while True:
            sent.append(handler.wfile.write(bytes(MOST_READ)))

    receiver.answer = flood
    assert post(read_target(receiver.url), BODY, {}, limits()) == 200
    # What the buffers of both ends take, and no more.
    assert sum(sent) < 100_000_000


@pytest.mark.parametrize(
    "answer",
    [
        b"no HTTP at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
    ],
)
def test_refuses_headers_that_are_none_or_too_many(receiver, limits, answer):
    receiver.answer = lambda handler: handler.wfile.write(answer)
    with pytest.raises(NotSent, match="The answer is not HTTP"):
        post(read_target(receiver.url), BODY, {}, limits())


def test_says_that_the_receiver_speaks_no_tls(limits):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def answer():
            client, _address = server.accept()
            with client:
                client.recv(1000)
                client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(NotSent, match="TLS failed"):
            post(read_target(f"https://127.0.0.1:{port}/"), BODY, {}, limits())
        thread.join()


def open_files():
    return len(list(Path("/proc/self/fd").iterdir()))


def test_leaves_no_descriptor_and_no_thread_behind(receiver, limits):
    post(read_target(receiver.url), BODY, {}, limits())
    threads = threading.active_count()
    before = open_files()
    for _ in range(5):
        post(read_target(receiver.url), BODY, {}, limits())
        with pytest.raises(NotSent):
            post(read_target(receiver.url), BODY, {}, limits(ca_file=None))
    assert threading.active_count() <= threads + 5  # those of the receiver end by themselves
    assert open_files() <= before + 5
