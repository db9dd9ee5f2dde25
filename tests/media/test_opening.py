"""Recordings that are none, but tell whoever reads them where to go."""

from __future__ import annotations

import socket

import pytest

from tests.footage import Footage
from vms.media.probe import UnreadableMedia, read_media

PLAYLIST = (
    "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nhttp://127.0.0.1:{port}/a.ts\n#EXT-X-ENDLIST\n"
)
CONCAT = "ffconcat version 1.0\nfile http://127.0.0.1:{port}/a.ts\n"
BESIDE = "ffconcat version 1.0\nfile good.mp4\n"
SESSION = (
    "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
    "m=video {port} RTP/AVP 96\na=rtpmap:96 H264/90000\n"
)
DASH = (
    '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static">'
    "<BaseURL>http://127.0.0.1:{port}/</BaseURL></MPD>"
)


@pytest.mark.ffmpeg
@pytest.mark.parametrize("name", ["a.mp4", "a.m3u8", "a.ts", "a.mpd", "a.sdp"])
@pytest.mark.parametrize("text", [PLAYLIST, CONCAT, BESIDE, SESSION, DASH])
def test_goes_nowhere_a_file_sends_it(tmp_path, name, text):
    [segment] = Footage(seconds=1, audio=None).make(tmp_path)
    segment.rename(tmp_path / "good.mp4")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        path = tmp_path / name
        path.write_text(text.format(port=port))

        with pytest.raises(UnreadableMedia, match="damaged or not a video"):
            read_media(path)

        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.accept()


@pytest.mark.ffmpeg
def test_takes_a_name_for_a_name(tmp_path, monkeypatch):
    [segment] = Footage(seconds=1, audio=None).make(tmp_path)
    odd = tmp_path / "http:"
    odd.mkdir()
    segment.rename(odd / "concat:a|b.mp4")
    monkeypatch.chdir(tmp_path)

    assert read_media((odd / "concat:a|b.mp4").relative_to(tmp_path)).video is not None
