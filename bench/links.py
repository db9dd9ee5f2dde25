"""How soon a link to the archive answers, and how fast it is drained, beside nginx with the file.

python -m bench.links ROOT COUNT [tiny]    in the environment of `bench.place`: makes the rows and
sidecars of the footage sets and COUNT links of each kind, and prints their paths, as JSON
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

from bench.api_server import NotStarted, Server, web_process
from bench.cases import HOUR, LONG_SETS, TINY_SETS
from bench.figures import Bars, Figure
from bench.footage import BEGIN, FootageSet
from bench.meter import MEGABYTE
from bench.place import environment, start_django
from bench.storage import (
    BLOCK,
    KIB,
    Say,
    find_nginx,
    nginx_server,
    opened,
    peak_with_slow_readers,
    take_turns,
)
from vms.media.process import tie_to_parent

FIRST_BYTE = Bars(100, 50)
TO_NGINX = Bars(0.5, 0.9)
SOURCES = ("mp4", "hls")
# More than this are not asked for in a round that counts: the first finds no planner yet.
WARM_UP = 3
FILE = "link.mp4"


def measure_links(root: Path, rounds: int, say: Say, *, tiny: bool = False) -> list[Figure]:
    """Follow links nobody has followed before, then drain one in turns with nginx."""
    folder = root / "links-bench"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "data" / "storage").mkdir(parents=True)
    figures: list[Figure] = []
    try:
        made = prepare(folder, root, rounds + WARM_UP, tiny=tiny)
        with web_process(folder) as web:
            for case, links in made.items():
                say(f"links: {case}")
                figures += first_bytes(web, case, links)
            case, links = next(iter(made.items()))
            figures += drained(folder, web, case, links["mp4"][-1], rounds, say)
    finally:
        shutil.rmtree(folder)
    return figures


def prepare(folder: Path, root: Path, count: int, *, tiny: bool) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.links", str(root), str(count)]
    answer = subprocess.run(
        [*command, "tiny"] if tiny else command,
        env=environment(folder),
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        preexec_fn=tie_to_parent(),
    )
    made: dict[str, Any] = json.loads(answer.stdout)
    return made


def first_bytes(web: Server, case: str, links: dict[str, list[str]]) -> list[Figure]:
    """Ask for each link once and for the last one again."""
    figures = []
    for source, paths in links.items():
        times = [first_byte(web.port, path) for path in paths][WARM_UP:]
        bars = FIRST_BYTE if source == "mp4" else None
        figures.append(Figure(f"link, {case}", f"{source}: first byte", "ms", times, bars))
        again = [first_byte(web.port, paths[-1]) for _ in times]
        figures.append(Figure(f"link, {case}", f"{source}: first byte, again", "ms", again))
    return figures


def first_byte(port: int, path: str) -> float:
    """Return the milliseconds until the first byte of the body of a 200 is there."""
    begin = time.perf_counter()
    with opened(port, path) as client:
        head = b""
        while not head.partition(b"\r\n\r\n")[2]:
            block = client.recv(KIB)
            if not block or not (head or block).startswith(b"HTTP/1.1 200"):
                raise NotStarted("a link gave nothing")
            head += block
    return (time.perf_counter() - begin) * 1000


def drained(folder: Path, web: Server, case: str, path: str, rounds: int, say: Say) -> list[Figure]:
    """Drain one link, and the same bytes from nginx, in turns."""
    target = folder / "data" / "storage" / FILE
    size = save(web.port, path, target)
    ways = {"link": (web.port, path)}
    program = find_nginx()
    with ExitStack() as stack:
        if program:
            nginx = stack.enter_context(nginx_server(program, folder, web.port))
            ways["nginx static"] = (nginx.port, f"/static/{FILE}")
        else:
            say("nginx is not installed: nothing to compare with")
        speeds = take_turns(ways, size, rounds, say)
    peak = peak_with_slow_readers(web, path, size, 1)
    case = f"drain, {case}, {size / MEGABYTE:,.0f} MB"
    figures = [
        Figure(case, name, "MB/s", [speed / MEGABYTE for speed in found])
        for name, found in speeds.items()
    ]
    if static := speeds.get("nginx static"):
        ratio = [ours / theirs for ours, theirs in zip(speeds["link"], static, strict=True)]
        figures.insert(0, Figure(case, "link / nginx static", "x", ratio, TO_NGINX, at_least=True))
    what = "peak memory of the process, a slow reader"
    return [*figures, Figure(case, what, "MB", [peak / MEGABYTE])]


def save(port: int, path: str, target: Path) -> int:
    """Keep the body of a link; returns its length."""
    with opened(port, path) as client, target.open("wb") as file:
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(KIB)
        file.write(head.partition(b"\r\n\r\n")[2])
        while block := client.recv(BLOCK):
            file.write(block)
        return file.tell()


def main(root: Path, count: int, *, tiny: bool) -> dict[str, dict[str, list[str]]]:
    start_django()
    sets = TINY_SETS if tiny else LONG_SETS
    return {name_of(one): links_of(one, root, count) for one in sets}


def name_of(footage: FootageSet) -> str:
    return f"{footage.seconds / HOUR:g} h, {footage.name}"


def links_of(footage: FootageSet, root: Path, count: int) -> dict[str, list[str]]:
    """Index a set as a camera's archive; give links to nearly all of it, no two the same."""
    from django.utils import timezone

    from bench.job import index_archive
    from cameras.archive.sidecars import sidecar_path
    from previews.archive_views import link_path
    from previews.signing import Grant, IssuedTo, Kind
    from vms.media.kept import read_with_sidecar

    sources = footage.make(root)
    stream = index_archive(footage.name, sources)
    stream.camera.is_public = True
    stream.camera.save()
    archive = stream.folders.get()
    for source in sources:
        name = source.path.relative_to(archive.path).as_posix()
        read_with_sidecar(source.path, sidecar_path(archive.pk, name))
    now = timezone.now()
    return {
        kind: [
            link_path(
                Grant(
                    kind=Kind.ARCHIVE,
                    source=kind,
                    camera=stream.camera.uuid,
                    stream=stream.uuid,
                    begin=BEGIN + timedelta(milliseconds=1300),
                    end=BEGIN + timedelta(seconds=footage.seconds),
                    issued_to=IssuedTo.PUBLIC,
                    issuer="",
                    expires_at=now + timedelta(hours=1, seconds=number),
                )
            )
            for number in range(count)
        ]
        for kind in SOURCES
    }


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]), tiny="tiny" in sys.argv[3:])))
