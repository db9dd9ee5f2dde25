from __future__ import annotations

import pytest

from vms.webhooks.targets import BadUrl, Target, read_target, shown


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://hooks.example.org", Target("hooks.example.org", 443, "/")),
        (
            "https://HOOKS.example.org:8443/a/b?c=d&e",
            Target("hooks.example.org", 8443, "/a/b?c=d&e"),
        ),
        ("https://hooks.example.org./x", Target("hooks.example.org.", 443, "/x")),
        ("https://hooks.example.org?x", Target("hooks.example.org", 443, "/?x")),
        ("https://93.184.215.14/", Target("93.184.215.14", 443, "/")),
        ("https://[2606:2800::1]:99/", Target("2606:2800::1", 99, "/")),
        ("https://127.0.0.9/", Target("127.0.0.9", 443, "/")),
    ],
)
def test_takes_an_address_apart(url, target):
    assert read_target(url) == target


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hooks.example.org",
        "http://hooks.example.org/",
        "ftp://hooks.example.org/",
        "file:///etc/passwd",
        "https:hooks.example.org",
        "https:///path",
        "https://:443/",
        "https://user@hooks.example.org/",
        "https://user:word@hooks.example.org/",
        "https://hooks.example.org@127.0.0.1/",
        "https://hooks.example.org/#part",
        "https://hooks.example.org#@10.0.0.1/",
        "https://hooks.example.org\\@10.0.0.1/",
        "https://hooks.example.org:0/",
        "https://hooks.example.org:65536/",
        "https://hooks.example.org:x/",
        "https://hooks.example.org/a b",
        "https://hooks.example.org/\r\nX-Header: 1",
        "https://hooks.example.org/\x00",
        "https://hooks.exämple.org/",
        "https://hooks..example.org/",
        "https://under_score.example.org/",
        "https://[::1",
        "https://127.1/",
        "https://0x7f.0.0.1/",
        "https://0x7f000001/",
        "https://2130706433/",
        "https://0177.0.0.1/",
        "https://127.0.0.1./",
        "https://example.0x/",
        "https://hooks.example.org/" + "x" * 1000,
    ],
)
def test_refuses_what_is_no_https_address(url):
    with pytest.raises(BadUrl, match="Write an address such as https://"):
        read_target(url)


@pytest.mark.parametrize(
    "host",
    [
        "10.0.0.1",
        "169.254.169.254",
        "[::1]",
        "[::ffff:10.0.0.1]",
        "0.0.0.0",
        "[fe80::1]",
        "[fe80::1%25eth0]",
    ],
)
def test_refuses_numeric_addresses_that_are_not_public(host):
    with pytest.raises(BadUrl, match="does not send to addresses of this kind"):
        read_target(f"https://{host}/")


def test_shows_neither_path_nor_query():
    assert shown("https://hooks.example.org:99/secret?key=1") == "https://hooks.example.org:99/..."
