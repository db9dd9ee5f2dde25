"""Where the web process listens."""

from __future__ import annotations

import socket

import pytest

from vms.ops.web import PortTaken, WebAddress, choose_address, host_header, web_program


def test_turns_port_0_into_a_free_one():
    address = choose_address("127.0.0.1", 0, ["localhost"])

    assert address.port > 0
    assert address.url == f"http://127.0.0.1:{address.port}"


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("0.0.0.0", "http://127.0.0.1:8000"),
        ("::", "http://[::1]:8000"),
        ("192.0.2.1", "http://192.0.2.1:8000"),
    ],
)
def test_names_an_address_that_can_be_opened(host, url):
    assert WebAddress(host, 8000, "localhost").url == url


@pytest.mark.parametrize(
    ("allowed", "header"),
    [
        (["localhost", "vms.example.org"], "localhost"),
        ([".example.org"], "example.org"),
        (["*"], "localhost"),
        ([], "localhost"),
    ],
)
def test_asks_with_a_host_the_web_process_accepts(allowed, header):
    assert host_header(allowed) == header


def test_believes_forwarded_headers_of_trusted_proxies_only():
    address = WebAddress("127.0.0.1", 8000, "localhost")

    assert "--no-proxy-headers" in web_program(address, []).command
    trusting = web_program(address, ["10.0.0.1", "10.0.0.2"]).command
    assert trusting[-3:] == ["--proxy-headers", "--forwarded-allow-ips", "10.0.0.1,10.0.0.2"]


def test_refuses_a_port_that_is_taken():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortTaken, match=f"Port {port} on 127.0.0.1 cannot be used"):
            choose_address("127.0.0.1", port, [])


def test_refuses_an_address_of_another_machine():
    with pytest.raises(PortTaken, match="VMS_HOST"):
        choose_address("192.0.2.1", 0, [])
