"""Which addresses of the network a webhook may be sent to.

Whoever registers a webhook chooses where this server connects to, from inside the operator's
network. So what is not the public internet is refused unless the operator has named it, and what
no receiver can be, such as the addresses by which clouds hand out credentials, even then.

Source: the IANA special-purpose address registries of IPv4 and IPv6 (RFC 6890 and its updates).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def networks(*texts: str) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(text) for text in texts)


NEVER = networks(
    "0.0.0.0/8",  # "this network": on Linux this very machine
    "169.254.0.0/16",  # link-local, and the metadata services of most clouds
    "100.100.100.200/32",  # metadata, Alibaba Cloud
    "168.63.129.16/32",  # the host of a virtual machine, Azure
    "192.0.0.192/32",  # metadata, Oracle Cloud
    "224.0.0.0/4",  # multicast
    "240.0.0.0/4",  # reserved, broadcast
    "fd00:ec2::/32",  # metadata, AWS
    "fd20:ce::/32",  # metadata, Google Cloud
    "fe80::/10",  # link-local
    "fec0::/10",  # site-local
    "ff00::/8",  # multicast
    "64:ff9b:1::/48",  # an IPv4 address in it, nobody knows where
    "2001::/32",  # Teredo: the same
    "2002::/16",  # 6to4: the same
)
NOT_PUBLIC = networks(
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "2001::/23",
    "2001:db8::/32",
    "3fff::/20",
)
PUBLIC_V6 = ipaddress.ip_network("2000::/3")
LOOPBACK_V6 = ipaddress.ip_address("::1")
# The last 32 bits are an IPv4 address: `::a.b.c.d`, and what a NAT64 gateway translates.
COMPATIBLE = ipaddress.ip_network("::/96")
NAT64 = ipaddress.ip_network("64:ff9b::/96")


def may_connect(text: str, allowed: Iterable[Network]) -> bool:
    """Say whether the numeric address *text* may be connected to; *allowed* are the operator's."""
    address = reached(ipaddress.ip_address(text.partition("%")[0]))
    if is_in(address, NEVER) or (address in COMPATIBLE and address != LOOPBACK_V6):
        return False
    return is_public(address) or is_in(address, allowed)


def reached(address: Address) -> Address:
    """Return the IPv4 address that is really reached by an IPv6 one, else the address itself."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def is_public(address: Address) -> bool:
    if address.version == 6 and address not in PUBLIC_V6:  # noqa: PLR2004 - the version of IP
        return False
    return not is_in(address, NOT_PUBLIC)


def is_in(address: Address, ranges: Iterable[Network]) -> bool:
    return any(address in network for network in ranges)
