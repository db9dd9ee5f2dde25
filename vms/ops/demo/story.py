"""The demonstration itself: a client orders one minute of two cameras and checks what it gets."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import av

from cameras.demo.options import read_encoding
from cameras.models import Camera
from cameras.timeline import Interval
from vms.ops.demo.client import ApiClient
from vms.ops.demo.errors import DemoFailed
from vms.ops.demo.fetch import Fetched, fetch
from vms.ops.demo.frames import clock, decode, expected_numbers, first_difference
from vms.ops.demo.pushes import Pushes
from vms.ops.demo.report import Checked, Report
from vms.ops.demo.stage import CAMERAS, Login

# Odd on purpose: between keyframes, and between pictures, at both ends.
BEFORE_NOW = timedelta(seconds=131, milliseconds=617)
LENGTH = timedelta(seconds=60, milliseconds=777)
PUSH_SECONDS = 60.0

Record = dict[str, Any]
# What the push said of a file, and how long after the order it came.
Announced = tuple[Record, timedelta]


def play(
    url: str, login: Login, cameras: list[Camera], past_end: datetime, folder: Path, report: Report
) -> None:
    """Order, wait for the push, download, check; print what was found.

    Raises:
        DemoFailed: anything is not as it should be.
    """
    begin = past_end - BEFORE_NOW
    asked = Interval(begin, begin + LENGTH)
    client = ApiClient(url)
    client.sign_in(login.login, login.password)
    report.say(f"      ordering {clock(asked.begin)} to {clock(asked.end)} UTC of both cameras")
    records, announced = order(client, cameras, asked, report)
    files = [download(client, record, folder, report) for record in records]
    with report.step("decoding every picture and comparing its number with the expected one"):
        checked = [
            check(camera, asked, *announced[record["id"]], file)
            for camera, record, file in zip(cameras, records, files, strict=True)
        ]
    for item in checked:
        report.checked(item)


def order(
    client: ApiClient, cameras: list[Camera], asked: Interval, report: Report
) -> tuple[list[Record], dict[int, Announced]]:
    """Order the files and wait until the server has told about every one."""
    with Pushes(client.socket_url(), client.headers) as pushes:
        posted_at = time.monotonic()
        ids = [camera.pk for camera in cameras]
        records = client.order(asked.begin.isoformat(), asked.end.isoformat(), ids)
        return records, wait_for_pushes(pushes, records, posted_at, report)


def download(client: ApiClient, ordered: Record, folder: Path, report: Report) -> Fetched:
    """Fetch the file of a record that was announced."""
    record = client.show(ordered["id"])
    with report.bars() as bars:
        bars.add(record["id"], f"fetching {record['name']}")
        return fetch(
            record["url"],
            folder / f"{record['id']}.mp4",
            lambda there, size: bars.show(record["id"], 100 * there / size),
        )


def wait_for_pushes(
    pushes: Pushes, records: list[Record], posted_at: float, report: Report
) -> dict[int, Announced]:
    """Show progress until every record was announced; return what was told, and after how long."""
    announced: dict[int, Announced] = {}
    with report.bars() as bars:
        for record in records:
            bars.add(record["id"], f"making {record['name']}")
        for body in pushes.arriving(PUSH_SECONDS):
            if body["type"] == "archive_progress":
                bars.show(body["data"]["download_id"], body["data"]["percent"])
            elif body["type"] == "archive_generated":
                record = told_record(body)
                bars.show(record["id"], 100)
                taken = timedelta(seconds=time.monotonic() - posted_at)
                announced[record["id"]] = record, taken
            if len(announced) == len(records):
                return announced
    raise DemoFailed(f"No push came for {PUSH_SECONDS:.0f} s after the order.")


def told_record(body: dict[str, Any]) -> Record:
    record: Record = body["data"]["download"]
    if body["status"] != "ok":
        raise DemoFailed(f"The file could not be made: {record['error']['message']}")
    return record


def check(
    camera: Camera,
    asked: Interval,
    record: Record,
    until_push: timedelta,
    fetched: Fetched,
) -> Checked:
    """Compare the file that arrived with its record and its pictures with the interval."""
    if (fetched.size, fetched.sha256) != (record["size"], record["sha256"]):
        raise DemoFailed("The file that arrived is not the one the server made.")
    if record["coverage"]["gaps"]:
        raise DemoFailed(f"Footage is missing: {record['coverage']['gaps']}")
    fps = frame_rate(camera)
    wanted = expected_numbers(asked, fps)
    try:
        delivered = decode(fetched.path, wanted.start)
    except av.FFmpegError as error:
        raise DemoFailed(f"The file that arrived cannot be decoded: {error}") from error
    difference = first_difference(wanted, delivered.numbers, fps)
    if difference:
        raise DemoFailed(f"{camera.name}: {difference}.")
    off = abs(float(delivered.duration) - asked.duration.total_seconds())
    if off > 1 / fps:
        raise DemoFailed(f"{camera.name}: the file is {off:.3f} s off the length asked for.")
    return Checked(
        camera=camera.name,
        fps=fps,
        asked=asked,
        wanted=wanted,
        record=record,
        fetched=fetched,
        delivered=delivered,
        until_push=until_push,
    )


def frame_rate(camera: Camera) -> int:
    """Return the rate of the camera's high stream, which is what is exported."""
    streams = next(one.streams for one in CAMERAS if one.uuid == camera.uuid)
    return next(read_encoding(one.url).fps for one in streams if one.type == "high")
