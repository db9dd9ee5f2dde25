"""A small RTSP server on loopback: what a camera is to the recorder.

ffmpeg sends a file's picture and sound to it as RTP; the server hands the packets on to every
client that PLAYs, interleaved in the RTSP connection (RFC 2326, 10.12). Clients must sign in.

Sender reports (RFC 3550, 6.4.1), which tell a client how the tracks' clocks belong together, are
the server's own: ffmpeg's are off by what it took to open one track after the other.
"""

from __future__ import annotations

import base64
import contextlib
import re
import select
import socket
import socketserver
import struct
import subprocess
import threading
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from vms.media.ffmpeg import find_ffmpeg
from vms.media.process import tie_to_parent

USER, PASSWORD = "viewer", "s3cret-of-the-camera"
# A camera that was held up by a busy machine makes up for it, or its clock would seem to drift.
REAL_TIME = ("-readrate", "1", "-readrate_catchup", "100")
PICTURE, SOUND = 0, 2
RATES = {PICTURE: 90_000, SOUND: 8_000}
BEGUN_AT = 3_900_000_000
# What comes while a busy machine holds us up is kept so far, or as far as the system lets us.
HELD_UP_BYTES = 4 * 2**20


@dataclass
class Track:
    """The RTP clock of one track: at its first packet, and at the last one that went by."""

    source: int
    first: int
    last: int


class RtspServer:
    """Serves *media* in real time and for ever; `stop_publishing` makes it fall silent.

    Clients get sender reports when they PLAY, so that picture and sound belong together from the
    first packet on; without `reports_at_once` they wait for `report`. Who asks anything while
    `answering` is not set waits for that.
    """

    def __init__(self, media: Path, folder: Path, sound: str = "pcm_alaw") -> None:
        self.reports_at_once = True
        self.answering = threading.Event()
        self.answering.set()
        self.begun_at = BEGUN_AT
        self.tracks: dict[int, Track] = {}
        self.sockets = [udp_pair(), udp_pair()]
        self.sdp = folder / "camera.sdp"
        self.clients: list[socket.socket] = []
        self.lock = threading.Lock()
        self.server = Server(("127.0.0.1", 0), Connection)
        self.server.camera = self
        self.url = f"rtsp://{USER}:{PASSWORD}@127.0.0.1:{self.server.server_address[1]}/cam"
        self.closing = threading.Event()
        self.threads = [
            threading.Thread(target=self.server.serve_forever, args=(0.05,)),
            threading.Thread(target=self.relay),
        ]
        for thread in self.threads:
            thread.start()
        self.publisher = self.publish(media, sound)
        while not self.is_ready():
            assert self.publisher.poll() is None
            self.closing.wait(0.02)

    def is_ready(self) -> bool:
        """Say whether it can be described and both tracks have begun."""
        described = b"m=audio" in (self.sdp.read_bytes() if self.sdp.exists() else b"")
        return described and len(self.tracks) == len(RATES)

    def publish(self, media: Path, sound: str) -> subprocess.Popen[bytes]:
        video, audio = (pair[0].getsockname()[1] for pair in self.sockets)
        command = [
            *(str(find_ffmpeg()), "-nostdin", "-loglevel", "error", *REAL_TIME),
            *("-stream_loop", "-1", "-i", str(media), "-sdp_file", str(self.sdp)),
            *("-map", "0:v", "-c:v", "copy", "-f", "rtp", f"rtp://127.0.0.1:{video}"),
            *("-map", "0:a", "-c:a", sound, "-ar", "8000", "-ac", "1"),
            *("-f", "rtp", f"rtp://127.0.0.1:{audio}"),
        ]
        return subprocess.Popen(command, preexec_fn=tie_to_parent())

    def relay(self) -> None:
        """Hand packets on: channel 0 and 1 are the picture's RTP and RTCP, 2 and 3 the sound's."""
        channels = {sock: number for number, sock in enumerate(sum(self.sockets, ()))}
        while not self.closing.is_set():
            for ready in select.select(list(channels), [], [], 0.1)[0]:
                packet = ready.recv(65_536)
                if channels[ready] in RATES:
                    with self.lock:
                        self.note(channels[ready], packet)
                        send_framed(self.clients, channels[ready], packet)

    def note(self, channel: int, packet: bytes) -> None:
        last, source = struct.unpack(">II", packet[4:12])
        first = self.tracks[channel].first if channel in self.tracks else last
        self.tracks[channel] = Track(source, first, last)

    def report(self) -> None:
        """Send a sender report of each track to everybody who plays."""
        with self.lock:
            self.report_to(self.clients)

    def set_clock(self, seconds: float) -> None:
        """Set the camera's clock so much later, as a camera does that learns the time."""
        self.begun_at += seconds
        self.report()

    def report_to(self, clients: list[socket.socket]) -> None:
        for channel, track in self.tracks.items():
            report = sender_report(track, RATES[channel], self.begun_at)
            send_framed(clients, channel + 1, report)

    def play(self, client: socket.socket) -> None:
        with self.lock:
            if self.reports_at_once:
                self.report_to([client])
            self.clients.append(client)

    def describe(self) -> str:
        """Return the description clients get: ffmpeg's, with our names for the two tracks."""
        tracks = iter(range(2))
        lines = []
        for line in self.sdp.read_text().splitlines():
            if line.startswith("SDP:") or not line:
                continue
            lines.append(re.sub(r"^(m=\w+) \d+", r"\1 0", line))
            if line.startswith("m="):
                lines.append(f"a=control:track{next(tracks)}")
        return "\r\n".join(lines) + "\r\n"

    def stop_publishing(self) -> None:
        self.publisher.kill()
        self.publisher.wait()

    def hang_up(self) -> None:
        """End every connection, as a camera does that restarts."""
        with self.lock:
            for client in self.clients:
                with contextlib.suppress(OSError):
                    client.shutdown(socket.SHUT_RDWR)
            self.clients.clear()

    def close(self) -> None:
        self.stop_publishing()
        self.answering.set()
        self.closing.set()
        self.hang_up()
        self.server.shutdown()
        self.server.server_close()
        for thread in self.threads:
            thread.join()
        for sock in sum(self.sockets, ()):
            sock.close()


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    camera: RtspServer


class Connection(socketserver.StreamRequestHandler):
    server: Server

    def handle(self) -> None:
        with contextlib.suppress(OSError):
            while (request := self.read_request()) is not None:
                self.answer(*request)

    def read_request(self) -> tuple[str, dict[str, str]] | None:
        """Read one request; packets the client sends in between (RTCP) are skipped."""
        line = self.rfile.read(1)
        while line == b"$":
            _, length = struct.unpack(">BH", self.rfile.read(3))
            self.rfile.read(length)
            line = self.rfile.read(1)
        method = (line + self.rfile.readline()).split(b" ")[0].decode()
        if not method.strip():
            return None
        headers = {}
        while header := self.rfile.readline().strip().decode():
            name, _, value = header.partition(":")
            headers[name.lower()] = value.strip()
        return method, headers

    def answer(self, method: str, headers: dict[str, str]) -> None:
        camera = self.server.camera
        camera.answering.wait()
        wanted = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        base = {"CSeq": headers.get("cseq", "0"), "Session": "1"}
        if method != "OPTIONS" and headers.get("authorization") != wanted:
            self.send("401 Unauthorized", base | {"WWW-Authenticate": 'Basic realm="camera"'})
        elif method == "DESCRIBE":
            self.send("200 OK", base | {"Content-Type": "application/sdp"}, camera.describe())
        elif method == "SETUP":
            self.send("200 OK", base | {"Transport": headers["transport"]})
        elif method == "PLAY":
            self.send("200 OK", base)
            camera.play(self.connection)
        else:
            self.send("200 OK", base | {"Public": "OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN"})

    def send(self, status: str, headers: dict[str, str], body: str = "") -> None:
        fields = headers | {"Content-Length": str(len(body))}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        with self.server.camera.lock:
            self.wfile.write(f"RTSP/1.0 {status}\r\n{head}\r\n{body}".encode())


def send_framed(clients: list[socket.socket], channel: int, packet: bytes) -> None:
    for client in clients:
        with contextlib.suppress(OSError):
            client.sendall(struct.pack(">cBH", b"$", channel, len(packet)) + packet)


def sender_report(track: Track, rate: int, begun_at: float) -> bytes:
    """Say what the camera's clock said when the track's last packet was taken.

    Both tracks began when it said *begun_at*, in seconds since 1900. RTP's clock wraps around.
    """
    seconds = Fraction((track.last - track.first) % 2**32, rate)
    instant = int((Fraction(begun_at) + seconds) * 2**32) % 2**64
    return struct.pack(">BBHIQIII", 0x80, 200, 6, track.source, instant, track.last, 0, 0)


def udp_pair() -> tuple[socket.socket, socket.socket]:
    """Bind an even port for RTP and the next one for RTCP."""
    while True:
        rtp, rtcp = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        rtp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, HELD_UP_BYTES)
        rtp.bind(("127.0.0.1", 0))
        port = rtp.getsockname()[1]
        if port % 2 == 0:
            with contextlib.suppress(OSError):
                rtcp.bind(("127.0.0.1", port + 1))
                return rtp, rtcp
        rtp.close()
        rtcp.close()
