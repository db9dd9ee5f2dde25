"""What a link to the archive serves as `mp4`: the exact cut, read where it lies."""

from __future__ import annotations

import asyncio
import tracemalloc
from datetime import timedelta
from functools import partial

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import connections
from django.utils import timezone

from cameras.archive.retention import apply_retention
from cameras.models import Segment
from downloads.ranges import ByteRange
from exports.engines.spliced import Range
from exports.models import ExportJob
from exports.runner import run_export
from exports.storage import path_of
from previews import archive_upkeep, cuts, serving, signing
from previews.archive_upkeep import DEAD_AFTER, IDLE, recipes, release_links
from previews.archive_views import may_go_on
from previews.cuts import OpenCut, pins
from previews.recipes import read_recipe, virtual_file, write_recipe
from previews.serving import BrokenOff, read
from tests import factories
from tests.exports.noise import MIB, describe, noise
from tests.footage import BEGIN, Footage, decode_numbers
from tests.previews.archive import asked, follow, record
from vms.accounts.models import Session
from vms.accounts.services import end_session

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.ffmpeg,
    pytest.mark.processes,
]
FOOTAGE = Footage()
CUT = (3.37, 9.21)


@pytest.fixture(autouse=True)
async def no_connection_left(transactional_db):
    """Close the connection of the thread in which asynchronous code reads the database."""
    yield
    await sync_to_async(connections.close_all)()


@pytest.fixture
def camera(alice):
    return record(FOOTAGE, alice)


@pytest.fixture
def give(api, alice):
    """Give alice a link to an interval of a camera; returns its address."""

    def give(camera, begin=CUT[0], end=CUT[1], **options):
        body = {"cameras": [asked(camera, begin, end)], **options}
        answer = api(alice).post("/api/v1/cameras/archive", body, "json")
        assert answer.status_code == 200, answer.data
        return answer.data[0]["url"]

    return sync_to_async(give)


@pytest.fixture
def link(give, camera):
    return partial(give, camera)


def numbers_between(begin, end):
    return FOOTAGE.numbers_in(BEGIN + timedelta(seconds=begin), BEGIN + timedelta(seconds=end))


def numbers_in(body, folder):
    target = folder / "cut.mp4"
    target.write_bytes(body)
    return [number for _, number in decode_numbers(target)]


def left_pinned():
    return [key for _root, key in sorted(pins().keys())]


@pytest.mark.parametrize("interval", [CUT, (0, 20), (3.95, 4.05), (4, 8)])
async def test_shows_the_pictures_of_the_interval_and_no_others(link, interval, tmp_path):
    answer = await follow(await link(*interval))

    assert answer.status_code == 200
    assert numbers_in(answer.body, tmp_path) == numbers_between(*interval)


async def test_is_the_file_a_download_makes_byte_by_byte(link, camera):
    answer = await follow(await link())

    assert answer.body == await sync_to_async(downloaded)(camera, *CUT)


def downloaded(camera, begin, end):
    job = factories.job(
        stream=camera.streams.get(), begin=BEGIN + timedelta(seconds=begin), seconds=end - begin
    )
    done = run_export(job.pk, lambda _job, _percent: None)
    assert done.state == ExportJob.State.READY
    return path_of(done.file).read_bytes()


async def test_says_what_it_sends_before_it_does(link):
    url = await link()
    head, whole = await follow(url, "head"), await follow(url)

    assert (head.status_code, head.body) == (200, b"")
    for answer in (head, whole):
        assert answer["Content-Length"] == str(len(whole.body))
        assert answer["Content-Type"] == "video/mp4"
        assert answer["Accept-Ranges"] == "bytes"
        assert answer["ETag"] == whole["ETag"]
        assert "attachment" in answer["Content-Disposition"]
        assert "Yard.20260314-092603-092609.mp4" in answer["Content-Disposition"]
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["Access-Control-Allow-Origin"] == "*"
    assert (await follow(f"{url}?inline=1", "head"))["Content-Disposition"].startswith("inline")


@pytest.mark.parametrize(
    ("asked_for", "status", "part"),
    [
        ("bytes=0-0", 206, slice(0, 1)),
        ("bytes=100-70000", 206, slice(100, 70001)),
        ("bytes=5000-", 206, slice(5000, None)),
        ("bytes=-700", 206, slice(-700, None)),
        ("bytes=0-99999999", 206, slice(None)),
        ("bytes=99999999-", 416, slice(0, 0)),
        ("bytes=1-2,5-6", 200, slice(None)),
    ],
)
async def test_serves_ranges(link, asked_for, status, part):
    url = await link()
    whole = (await follow(url)).body

    answer = await follow(url, Range=asked_for)

    assert answer.status_code == status
    assert answer.body == whole[part]
    if status == 206:
        begin = part.indices(len(whole))[0]
        assert (
            answer["Content-Range"] == f"bytes {begin}-{begin + len(answer.body) - 1}/{len(whole)}"
        )
        assert answer["Content-Length"] == str(len(answer.body))
    if status == 416:
        assert answer["Content-Range"] == f"bytes */{len(whole)}"


async def test_goes_on_where_a_reader_broke_off_only_with_the_same_bytes(link):
    url = await link()
    whole = await follow(url)

    same = await follow(url, Range="bytes=3000-", If_Range=whole["ETag"])
    other = await follow(url, Range="bytes=3000-", If_Range='"of something else"')
    by_date = await follow(url, Range="bytes=3000-", If_Range=whole["Last-Modified"])
    unchanged = await follow(url, If_None_Match=whole["ETag"])

    assert (same.status_code, same.body) == (206, whole.body[3000:])
    assert (other.status_code, other.body) == (200, whole.body)
    # Footage that retention cut short at its begin ends when it did before.
    assert (by_date.status_code, by_date.body) == (200, whole.body)
    assert (unchanged.status_code, unchanged.body) == (304, b"")


async def test_gets_along_with_another_process_that_plans_the_same(link, monkeypatch):
    """Each puts its recipe in place; neither takes the other's away."""
    url = await link()
    whole = (await follow(url)).body
    [path] = recipes()
    pinned, seen = cuts.pinned, []

    def replaced_before(key, recipe):
        if not seen:
            other = path.with_name("other")
            other.write_bytes(path.read_bytes())
            pins().release(key)
            other.rename(path)
            seen.append(path.stat().st_ino)
        return pinned(key, recipe)

    monkeypatch.setattr(cuts, "pinned", replaced_before)
    assert (await follow(url)).body == whole
    assert [path.stat().st_ino] == seen


async def test_lets_several_read_ranges_at_once(link):
    url = await link()
    whole = (await follow(url)).body
    ranges = [(at, at + 5000) for at in range(0, len(whole), 5000)]

    parts = await asyncio.gather(
        *(follow(url, Range=f"bytes={begin}-{end - 1}") for begin, end in ranges)
    )

    assert b"".join(part.body for part in parts) == whole


async def test_survives_retention_while_it_is_read(link, camera, tmp_path):
    url = await link()
    whole = (await follow(url)).body

    await sync_to_async(retire)(camera)

    assert list(settings.ARCHIVE_DIR.glob("[0-9]*/**/*.mp4")) == []
    assert (await follow(url)).body == whole
    assert (await follow(url, Range="bytes=-9000")).body == whole[-9000:]


def retire(camera):
    camera.archive_storage_days = 1
    camera.save()
    apply_retention(BEGIN + timedelta(days=2))
    assert not Segment.objects.exists()


async def test_lets_go_of_the_segments_when_nobody_reads_any_more(link, camera):
    url = await link()
    await follow(url)
    assert len(left_pinned()) == 1

    await sync_to_async(release_links)(timezone.now() + IDLE / 2)
    assert len(left_pinned()) == 1
    await sync_to_async(release_links)(timezone.now() + 2 * IDLE)

    assert left_pinned() == []
    assert (await follow(url)).status_code == 200  # and can be read again


async def test_says_so_when_the_footage_is_gone(link, camera):
    url = await link()
    await follow(url)
    await sync_to_async(retire)(camera)
    await sync_to_async(release_links)(timezone.now() + 2 * IDLE)

    answer = await follow(url)

    assert answer.status_code == 404
    assert answer.json() == {"message": "There is no footage in the interval; choose another one."}


async def test_no_room_for_what_was_planned_is_503(link):
    settings.LINKS_DIR.parent.mkdir(exist_ok=True)
    settings.LINKS_DIR.write_bytes(b"a file where the folder would be")

    answer = await follow(await link())

    assert answer.status_code == 503
    assert int(answer["Retry-After"]) > 0


async def test_keeps_nothing_of_links_that_died(link):
    assert (await follow(await link(ttl=60))).status_code == 200
    later = timezone.now() + timedelta(days=1)
    await sync_to_async(release_links)(later)

    assert list(settings.LINKS_DIR.iterdir()) == []


async def test_makes_room_when_recipes_fill_the_disk(link, monkeypatch):
    first, second = await link(), await link(ttl=400)
    for url in (first, second):
        await follow(url)
    most = sum(path.stat().st_size for path in settings.LINKS_DIR.iterdir()) - 1
    monkeypatch.setattr(archive_upkeep, "MOST_BYTES", most)
    await sync_to_async(release_links)(timezone.now() + 2 * IDLE)

    (kept,) = settings.LINKS_DIR.iterdir()
    assert kept.stat().st_size > 0
    assert (await follow(first)).status_code == 200


async def always():
    return True


async def never():
    return False


def opened(tmp_path):
    """Open a cut of 16 MiB of one segment."""
    paths = {1: tmp_path / "1.mp4"}
    paths[1].write_bytes(noise(1, 16 * MIB))
    spliced = describe(paths, [Range(1, 0, 16 * MIB)])
    write_recipe(tmp_path / "a.cut", spliced, paths, playlist="", shown=(BEGIN, BEGIN))
    recipe = read_recipe(tmp_path / "a.cut")
    return OpenCut("a", recipe, virtual_file(recipe, recipe.paths))


async def test_holds_two_blocks_however_large_the_cut(tmp_path):
    cut = opened(tmp_path)

    tracemalloc.start()
    try:
        blocks = read(cut, ByteRange(0, cut.recipe.size), always)
        lengths = [len(block) async for block in blocks]
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert sum(lengths) == cut.recipe.size > 16 * MIB
    assert peak < 4 * MIB


async def test_breaks_off_when_the_link_ceases_to_work_meanwhile(tmp_path, monkeypatch):
    monkeypatch.setattr(serving, "KEEP_SECONDS", -1.0)
    cut = opened(tmp_path)
    with pytest.raises(BrokenOff):
        assert [block async for block in read(cut, ByteRange(0, cut.recipe.size), never)] == []


async def test_asks_who_reads_whether_they_still_may(link, alice, camera, monkeypatch):
    token = (await link()).split("/")[-2]
    grant = signing.read(token, timezone.now())
    assert await may_go_on(grant)
    with monkeypatch.context() as later:
        later.setattr(timezone, "now", lambda: grant.expires_at + DEAD_AFTER / 2)
        assert await may_go_on(grant)
        later.setattr(timezone, "now", lambda: grant.expires_at + DEAD_AFTER)
        assert not await may_go_on(grant)
    await sync_to_async(factories.grant)(alice, camera, status="blocked")
    assert not await may_go_on(grant)


async def test_refuses_links_that_were_changed(link):
    path = (await link()).removeprefix("http://testserver/archive/")
    token, _, _name = path.rpartition("/")
    for at in [*range(0, len(token), 19), *range(len(token), len(path))]:
        changed = path[:at] + ("A" if path[at] != "A" else "B") + path[at + 1 :]
        answer = await follow(f"/archive/{changed}", "head")
        assert answer.status_code == 403, changed
    assert (await follow(f"/archive/{token}/media.mp4")).status_code == 403


async def test_dies_with_the_session_the_camera_and_its_time(link, alice, camera):
    url = await link()
    assert (await follow(url)).status_code == 200

    await sync_to_async(factories.grant)(alice, camera, status="blocked")
    assert (await follow(url)).status_code == 403
    await sync_to_async(factories.grant)(alice, camera, status="active")
    assert (await follow(url)).status_code == 200
    for session in await sync_to_async(list)(Session.objects.filter(user=alice)):
        await sync_to_async(end_session)(alice, session.pk, timezone.now())
    answer = await follow(url)
    assert answer.status_code == 403
    assert answer.json() == {"message": "This link does not work any more; ask for a new one."}


async def test_answers_the_question_of_a_browser_that_comes_from_elsewhere(link):
    answer = await follow(await link(), "options", Origin="https://elsewhere.example")

    assert answer.status_code == 204
    assert "Range" in answer["Access-Control-Allow-Headers"]
    assert (await follow(await link(), "post")).status_code == 405


async def test_refuses_an_archive_it_cannot_splice(give, alice):
    camera = await sync_to_async(record)(Footage(container="mpegts"), alice)

    answer = await follow(await give(camera))

    assert answer.status_code == 404
    assert "order a download" in answer.json()["message"]
