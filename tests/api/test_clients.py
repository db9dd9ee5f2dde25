"""Who a request comes from, and the absolute links made for it."""

from __future__ import annotations

import pytest
from django.test import RequestFactory

from vms.api.clients import Client, client_of, remote_address
from vms.api.links import absolute_url


def request(**meta):
    return RequestFactory().get("/", **meta)


def trust(settings, *proxies):
    settings.VMS = {**settings.VMS, "VMS_TRUSTED_PROXIES": list(proxies)}


def test_reads_the_headers_and_the_address():
    asking = request(HTTP_X_CLIENT="ios-cctv", HTTP_X_UUID="AB-1", REMOTE_ADDR="192.0.2.1")
    assert client_of(asking) == Client("ios-cctv", "AB-1", "192.0.2.1")


def test_needs_no_headers():
    assert client_of(request(REMOTE_ADDR="")) == Client("", "", None)


def test_cuts_headers_to_what_a_session_holds():
    client = client_of(request(HTTP_X_CLIENT="c" * 500, HTTP_X_UUID=" a\x00b\x7f " + "u" * 500))
    assert len(client.name) == 64
    assert client.device.startswith("ab uu")
    assert len(client.device) == 128


def test_ignores_forwarded_addresses_without_a_trusted_proxy():
    asking = request(REMOTE_ADDR="192.0.2.1", HTTP_X_FORWARDED_FOR="198.51.100.7")
    assert remote_address(asking) == "192.0.2.1"


@pytest.mark.parametrize("proxy", ["10.0.0.1", "10.0.0.0/8"])
def test_looks_through_trusted_proxies_only(settings, proxy):
    trust(settings, proxy)
    forwarded = "203.0.113.9, 198.51.100.7, 10.0.0.1"
    asking = request(REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR=forwarded)
    assert remote_address(asking) == "198.51.100.7"


@pytest.mark.parametrize("forwarded", ["", "nonsense", "10.0.0.1"])
def test_keeps_the_proxy_when_it_names_nobody(settings, forwarded):
    trust(settings, "10.0.0.1", "not an address")
    asking = request(REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR=forwarded)
    assert remote_address(asking) == "10.0.0.1"


def test_reads_addresses_of_the_sixth_version():
    assert remote_address(request(REMOTE_ADDR="fe80::1%eth0")) == "fe80::1"


def test_makes_links_on_the_host_that_was_used():
    asking = request(HTTP_HOST="localhost:8123")
    assert absolute_url(asking, "/storage/a") == "http://localhost:8123/storage/a"


def test_makes_links_on_the_public_address(settings):
    settings.PUBLIC_URL = "https://vms.example.org/cams"
    assert absolute_url(request(), "/storage/a") == "https://vms.example.org/cams/storage/a"
