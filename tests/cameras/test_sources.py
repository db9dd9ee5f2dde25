"""Addresses of streams."""

from __future__ import annotations

import pytest

from cameras.sources import BadSource, check_source_url, shown_url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "rtsp://camera.example/stream",
        "rtsps://admin:s3cret@10.0.0.1:322/h264?channel=1",
        "http://10.0.0.1/mjpg",
        "https://[::1]:8443/live.m3u8",
        "file:///srv/film.mp4",
        "demo:",
        "demo:2",
    ],
)
def test_accepts_what_can_be_recorded(url):
    check_source_url(url)


@pytest.mark.parametrize(
    ("url", "cure"),
    [
        ("10.0.0.1/s3cret", "begins with one of rtsp:"),
        ("ftp://10.0.0.1/s3cret", "begins with one of rtsp:"),
        ("RTSP://s3cret", "begins with one of rtsp:"),
        ("rtsp://admin:s3cret@", "host after"),
        ("rtsp:s3cret", "host after"),
        ("rtsp://host:s3cret/", "host after"),
        ("rtsp://[s3cret/", "host after"),
        ("rtsp://admin:1/s3cret@host/", "%2F"),
        ("rtsp://admin:s3 cret@host/", "without spaces"),
        ("rtsp://admin:s3cret@host/\nx", "without spaces"),
        ("rtsp://host/?password=***&s3cret", "in full"),
        ("file:s3cret.mp4", "whole path"),
        ("file://host/s3cret.mp4", "whole path"),
        ("rtsp://host/" + "s3cret" * 200, "at most 1000"),
    ],
)
def test_refuses_an_address_without_repeating_it(url, cure):
    with pytest.raises(BadSource, match=cure) as refused:
        check_source_url(url)
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("rtsp://admin:s3cret@10.0.0.1:554/h264?channel=1", "rtsp://10.0.0.1:554/h264?channel=1"),
        ("rtsp://admin@10.0.0.1/", "rtsp://10.0.0.1/"),
        ("rtsp://a:p@ss@10.0.0.1/", "rtsp://10.0.0.1/"),
        ("rtsp://a:p/w@10.0.0.1/", "rtsp://10.0.0.1/"),
        ("rtsp://a:p?w#@10.0.0.1/", "rtsp://10.0.0.1/"),
        ("http://h/x?user=u&pwd=s3cret&channel=2", "http://h/x?user=***&pwd=***&channel=2"),
        ("rtsp://h/user=u_password=s3cret_channel=1.sdp", "rtsp://h/user=***"),
        ("http://h/v.cgi?loginuse=adm&loginpas=s3cret", "http://h/v.cgi?loginuse=***&loginpas=***"),
        (
            "http://h/v?userpwd=s&account=a&authbasic=b",
            "http://h/v?userpwd=***&account=***&authbasic=***",
        ),
        ("http://h/v?session_id=1&sid=2", "http://h/v?session_id=***&sid=***"),
        ("rtsp://h/monkey=1", "rtsp://h/monkey=1"),
        ("file:///srv/a@b.mp4", "file:///srv/a@b.mp4"),
        ("demo:", "demo:"),
        ("", ""),
    ],
)
def test_shows_an_address_without_its_credentials(url, shown):
    assert shown_url(url) == shown
