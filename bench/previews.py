"""How soon a picture or clip is there, how many kept ones go out a second, what a crowd waits.

python -m bench.previews ROOT COUNT [tiny]    in the environment of `bench.place`: makes the rows of
the footage set and COUNT links to pictures of it, and prints their paths, as JSON
"""

from __future__ import annotations

import http.client
import json
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

from bench.api_server import HOST, NotStarted, Server, web_process
from bench.cases import HEVC, PLAIN, REORDERED, TINY_PLAIN
from bench.figures import Bars, Figure
from bench.footage import BEGIN, FootageSet, Source
from bench.meter import Cost, measured
from bench.place import environment, start_django
from bench.storage import KIB, Say
from vms.media.process import tie_to_parent

WORST, KEYFRAME, CLIP = Bars(80, 45), Bars(20, 8), Bars(15, 6)
TO_TRIVIAL, SLOWEST = Bars(0.5), Bars(5000)
GOP, FRAME = 2_000_000, 40_000  # microseconds
CLIP_SECONDS, WIDTH = 8.0, 640
MICROSECONDS = 1_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# The first rendering loads the libraries.
WARM_UP = 2
CLIENTS, PREVIEWS = 200, 20
REQUESTS = 300
TRIVIAL = "/healthz"


def measure_rendering(root: Path, rounds: int, say: Say, *, tiny: bool) -> Iterator[list[Figure]]:
    """Render in this process, each round another place of the footage."""
    for footage in (TINY_PLAIN,) if tiny else (PLAIN, REORDERED, HEVC):
        say(f"previews of {footage.name}")
        yield rendered(footage, root, rounds, has_bars=footage in {PLAIN, TINY_PLAIN})


def rendered(footage: FootageSet, root: Path, rounds: int, *, has_bars: bool) -> list[Figure]:
    from previews.rendering_clips import render_clip
    from previews.rendering_pictures import render_picture

    told = segments_told(footage.make(root), root / "previews-sidecars")
    target = str(root / "preview.out")
    begin = told[0]["begin"]
    whole = footage.seconds * MICROSECONDS // GOP

    def picture(at: int) -> None:
        some = around(told, at, 1.0)
        render_picture(segments=some, at=at, width=WIDTH, target=target)

    def clip(at: int) -> None:
        some = around(told, at, CLIP_SECONDS)
        render_clip(segments=some, at=at, seconds=CLIP_SECONDS, keeps_codec=True, target=target)

    def costs(work: Callable[[int], None], offset: int) -> list[Cost]:
        places = [begin + (1 + turn * 7) % (whole - 5) * GOP + offset for turn in range(rounds)]
        return [cost_of(work, at) for at in [places[0]] * WARM_UP + places][WARM_UP:]

    works = [
        ("jpg, the last picture of a group", costs(picture, GOP - FRAME), WORST),
        ("jpg, a keyframe", costs(picture, 0), KEYFRAME),
        (f"mp4, {CLIP_SECONDS:g} s copied", costs(clip, GOP - FRAME), CLIP),
    ]
    Path(target).unlink()
    case = f"preview, {footage.name}"
    figures = []
    for what, found, bars in works:
        walls, cpu = [one.wall * 1000 for one in found], [one.cpu * 1000 for one in found]
        figures.append(Figure(case, what, "ms", walls, bars if has_bars else None))
        figures.append(Figure(case, f"{what}, CPU", "ms", cpu))
    return figures


def cost_of(work: Callable[[int], None], at: int) -> Cost:
    with measured() as cost:
        work(at)
    return cost


def segments_told(sources: list[Source], cache: Path) -> list[dict[str, Any]]:
    """Describe the segments as renderers are told of them, each with its sidecar."""
    from vms.media.kept import read_with_sidecar

    told = []
    for source in sources:
        sidecar = cache / f"{source.path.parent.name}-{source.path.name}.idx"
        read_with_sidecar(source.path, sidecar)
        begin = (source.begin - EPOCH) // timedelta(microseconds=1)
        told.append(
            {
                "id": source.id,
                "begin": begin,
                "end": begin + round(source.seconds * MICROSECONDS),
                "path": str(source.path),
                "sidecar": str(sidecar),
            }
        )
    return told


def around(told: list[dict[str, Any]], at: int, seconds: float) -> list[dict[str, Any]]:
    """Return the segments the index would give for so many seconds."""
    until = at + round(seconds * MICROSECONDS)
    return [one for one in told if one["begin"] < until and one["end"] > at - FRAME]


# --- a web process ------------------------------------------------------------------------------


def measure_serving(root: Path, say: Say, *, tiny: bool) -> list[Figure]:
    """Ask a web process for a kept picture, and then for many pictures at once."""
    folder = root / "previews-bench"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "data" / "storage").mkdir(parents=True)
    try:
        links = prepare(folder, root, PREVIEWS + 1, tiny=tiny)
        with web_process(folder) as web:
            say("previews that are kept")
            kept = kept_figures(web, links[-1], 20 if tiny else REQUESTS)
            say(f"{CLIENTS} clients at once")
            crowd = crowd_figures(web, links[:-1], 20 if tiny else CLIENTS)
            made = len(list((folder / "data" / "previews").glob("??/*.jpg")))
    finally:
        shutil.rmtree(folder)
    results = Figure("preview, a crowd", "pictures kept", "", [made - 1])
    return [*kept, *crowd, results]


def prepare(folder: Path, root: Path, count: int, *, tiny: bool) -> list[str]:
    command = [sys.executable, "-m", "bench.previews", str(root), str(count)]
    answer = subprocess.run(
        [*command, "tiny"] if tiny else command,
        env=environment(folder),
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        preexec_fn=tie_to_parent(),
    )
    links: list[str] = json.loads(answer.stdout)
    return links


def kept_figures(web: Server, link: str, requests: int) -> list[Figure]:
    """Ask in turns for a kept picture and for a view that does nothing, on one connection."""
    connection = http.client.HTTPConnection(HOST, web.port)
    rates: dict[str, list[float]] = {link: [], TRIVIAL: []}
    for turn in range(WARM_UP + 5):
        for path, found in rates.items():
            begin = time.perf_counter()
            for _ in range(requests if turn >= WARM_UP else 10):
                fetch(connection, path)
            if turn >= WARM_UP:
                found.append(requests / (time.perf_counter() - begin))
    connection.close()
    ratio = [ours / trivial for ours, trivial in zip(rates[link], rates[TRIVIAL], strict=True)]
    case = "preview, kept"
    return [
        Figure(case, f"requests a second / {TRIVIAL}", "x", ratio, TO_TRIVIAL, at_least=True),
        Figure(case, "requests a second", "", rates[link]),
        Figure(case, f"requests a second, {TRIVIAL}", "", rates[TRIVIAL]),
    ]


def fetch(connection: http.client.HTTPConnection, path: str) -> bytes:
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != HTTPStatus.OK:
        raise NotStarted(f"a preview was answered with {answer.status}")
    return body


def crowd_figures(web: Server, links: list[str], clients: int) -> list[Figure]:
    """Have every client ask for all of *links* at once, in an order of its own."""
    together = threading.Barrier(clients)

    def ask(number: int) -> list[float]:
        turn = number % len(links)
        connection = http.client.HTTPConnection(HOST, web.port, timeout=120)
        together.wait()
        found = []
        for link in links[turn:] + links[:turn]:
            begin = time.perf_counter()
            fetch(connection, link)
            found.append((time.perf_counter() - begin) * 1000)
        connection.close()
        return found

    with peak(web) as memory, ThreadPoolExecutor(clients) as crowd:
        took = [one for times in crowd.map(ask, range(clients)) for one in times]
    case = f"preview, {clients} clients, {len(links)} pictures each"
    return [
        Figure(case, "slowest request", "ms", [max(took)], SLOWEST),
        Figure(case, "a request", "ms", [statistics.median(took)]),
        Figure(case, "peak memory of the web process", "MB", [memory[0]]),
    ]


@contextmanager
def peak(web: Server) -> Iterator[list[float]]:
    """Give the peak of the process's resident memory during the block, in megabytes."""
    process = Path(f"/proc/{web.pid}")
    (process / "clear_refs").write_text("5")
    found = [0.0]
    yield found
    lines = (process / "status").read_text().splitlines()
    found[0] = int(next(line.split()[1] for line in lines if line.startswith("VmHWM:"))) * KIB / 1e6


def main(root: Path, count: int, *, tiny: bool) -> list[str]:
    """Index the footage as a public camera's archive; give links to *count* of its pictures."""
    start_django()
    from django.utils import timezone

    from bench.job import index_archive
    from previews.preview_views import link_path
    from previews.signing import Grant, IssuedTo, Kind

    footage = TINY_PLAIN if tiny else PLAIN
    stream = index_archive(footage.name, footage.make(root))
    stream.camera.is_public = True
    stream.camera.save()
    step = timedelta(seconds=footage.seconds) / (count + 1)
    return [
        link_path(
            Grant(
                kind=Kind.PREVIEW,
                source="jpg",
                camera=stream.camera.uuid,
                stream=stream.uuid,
                begin=BEGIN + number * step,
                end=None,
                issued_to=IssuedTo.PUBLIC,
                issuer="",
                expires_at=timezone.now() + timedelta(hours=1),
            )
        )
        for number in range(count)
    ]


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]), tiny="tiny" in sys.argv[3:])))
