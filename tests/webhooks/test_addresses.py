from __future__ import annotations

import ipaddress

import pytest

from vms.webhooks.addresses import may_connect

PUBLIC = [
    "8.8.8.8",
    "93.184.215.14",
    "172.15.255.255",
    "172.32.0.1",
    "100.63.255.255",
    "100.128.0.1",
    "169.253.255.255",
    "2606:2800:21f:cb07:6820:80da:af6b:8b2c",
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
]
# What an operator may open by naming it.
PRIVATE = [
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.7",
    "203.0.113.9",
    "::1",
    "fc00::1",
    "fd12:3456::1",
    "2001:db8::1",
    "2001:20::1",
    "3fff::1",
    "100::1",
    "5f00::1",
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "::ffff:10.1.2.3",
    "64:ff9b::10.0.0.1",
    "64:ff9b::7f00:1",
]
NEVER = [
    "0.0.0.0",
    "0.1.2.3",
    "169.254.0.1",
    "169.254.169.254",
    "169.254.170.2",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::127.0.0.1",
    "::2",
    "fd00:ec2::254",
    "fd20:ce::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "64:ff9b:1::a00:1",
    "2001::1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "::ffff:169.254.169.254",
    "::ffff:0.0.0.0",
    "64:ff9b::169.254.169.254",
]
EVERYWHERE = tuple(ipaddress.ip_network(text) for text in ("0.0.0.0/0", "::/0"))


@pytest.mark.parametrize("address", PUBLIC)
def test_lets_public_addresses_be(address):
    assert may_connect(address, ())


@pytest.mark.parametrize("address", PRIVATE)
def test_refuses_private_ones_unless_they_are_named(address):
    assert not may_connect(address, ())
    assert may_connect(address, EVERYWHERE)


@pytest.mark.parametrize("address", NEVER)
def test_refuses_what_no_receiver_can_be_even_when_it_is_named(address):
    assert not may_connect(address, ())
    assert not may_connect(address, EVERYWHERE)


def test_opens_no_more_than_what_is_named():
    named = (ipaddress.ip_network("10.1.0.0/16"),)
    assert may_connect("10.1.2.3", named)
    assert may_connect("::ffff:10.1.2.3", named)
    assert not may_connect("10.2.0.1", named)
    assert not may_connect("127.0.0.1", named)
