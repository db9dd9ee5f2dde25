"""The recording of one stream: connect, record, and when the connection ends, connect again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from uuid import UUID

import structlog
from django.conf import settings
from django.db import DatabaseError
from django.db.models import F
from django.utils import timezone

from cameras.archive.capture import Capture, CaptureFailed, probe_source, start_capture
from cameras.archive.filing import AlreadyRecorded, Filing, NextSegment, own_folder
from cameras.archive.inputs import Facts, Input, demo_facts, open_input, track_arguments
from cameras.archive.muxing import ClosedSegment, segment_arguments
from cameras.models import Stream
from cameras.sources import BadSource, check_source_url, shown_url
from vms.logs import redact

FIRST_WAIT = 1.0
LONGEST_WAIT = 30.0
# A connection that delivered for so long was a good one: the next attempt comes soon.
GOOD_SECONDS = 20.0
MESSAGE_LINES = 3

InDatabase = Callable[..., Awaitable[Any]]

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Recorded:
    """A stream that is to be recorded; one whose fields change is recorded anew."""

    id: int
    uuid: UUID
    url: str


class Recording:
    """Keeps one stream recorded until stopped.

    *in_database* runs a function in the thread that all database and file work is done in.
    """

    def __init__(self, stream: Recorded, program: Path, in_database: InDatabase) -> None:
        self.stream = stream
        self.program = program
        self.in_database = in_database
        self.stopping = asyncio.Event()
        self.capture: Capture | None = None
        self.log = log.bind(stream=stream.id, source=shown_url(stream.url))
        self.task = asyncio.create_task(self.run())

    async def stop(self) -> None:
        """End the recording: its last segment is closed, filed and indexed."""
        self.stopping.set()
        if self.capture is not None:
            self.capture.stop()
        else:
            self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    async def run(self) -> None:
        wait = FIRST_WAIT
        while not self.stopping.is_set():
            began_at = asyncio.get_running_loop().time()
            reason, messages = await self.connect()
            if self.stopping.is_set():
                return
            if asyncio.get_running_loop().time() - began_at > GOOD_SECONDS:
                wait = FIRST_WAIT
            self.log.warning("recording interrupted", reason=reason, ffmpeg=messages, wait=wait)
            await asyncio.sleep(wait)
            wait = min(wait * 2, LONGEST_WAIT)

    async def connect(self) -> tuple[str, str]:
        """Record until the connection ends; returns why, and what ffmpeg said, fit for the log."""
        try:
            check_source_url(self.stream.url)
            folder = await self.in_database(own_folder, self.stream.id, self.stream.uuid)
            filing = await self.in_database(Filing, folder)
            try:
                await self.in_database(filing.salvage)
                await self.record(filing)
            finally:
                filing.close()
        except CaptureFailed as error:
            return error.reason, self.clean(error.messages)
        except AlreadyRecorded:
            return "another recorder records this stream", ""
        except BadSource as error:
            return str(error), ""
        except OSError as error:
            return f"the archive cannot be written: {error.strerror}", ""
        except DatabaseError as error:
            return f"the database does not answer: {type(error).__name__}", ""
        return "the source ended", ""

    async def record(self, filing: Filing) -> None:
        """Hold one connection. What it leaves open is filed too."""
        source = open_input(self.stream.url, timezone.now())
        facts = await self.learn(source)
        run = f"{timezone.now():%Y%m%dT%H%M%S%fZ}"
        output = segment_arguments(
            pattern=filing.pattern(run),
            seconds=settings.VMS["VMS_SEGMENT_SECONDS"],
            list_to="pipe:1",
        )
        try:
            if source.demo is not None:
                await self.in_database(filing.expect, run, NextSegment(0, source.demo.begin))
            tracks = track_arguments(source, facts)
            self.capture = await start_capture(self.program, source, [*tracks, *output])
            await self.follow(self.capture, filing, run)
        finally:
            self.capture = None
            await asyncio.shield(self.in_database(self.note_end, filing, run))

    async def learn(self, source: Input) -> Facts:
        if source.demo is not None:
            facts = demo_facts(source.demo.encoding)
        else:
            facts = await probe_source(self.program, source)
        await self.in_database(self.note_facts, facts)
        return facts

    async def follow(self, capture: Capture, filing: Filing, run: str) -> None:
        """File segments as they are closed; mark the stream active once media arrives.

        A source that sends what it has kept may fill a segment before ffmpeg first tells how far
        it is, and only that tells the wall-clock time: such segments wait for it.
        """
        is_active = False
        waiting: list[ClosedSegment] = []
        async with aclosing(capture.run()) as events:
            async for closed in events:
                waiting += [closed] if closed else []
                if not capture.is_delivering:
                    continue
                if not is_active:
                    is_active = True
                    await self.in_database(self.note_active)
                    self.log.info("recording")
                while waiting:
                    await self.in_database(self.keep, capture, filing, run, waiting.pop(0))

    def keep(self, capture: Capture, filing: Filing, run: str, closed: ClosedSegment) -> None:
        """File one closed segment (in the database thread)."""
        if capture.clock.settle():
            self.log.warning("clocks have drifted apart: the wall clock is taken anew")
        number = int(closed.name.removesuffix(".mp4").rpartition("-")[2])
        lead = filing.first_picture(closed.name) if number == 0 else 0.0
        filing.file_segment(closed.name, capture.clock.instant(closed.begin + lead))
        filing.expect(run, NextSegment(number + 1, capture.clock.instant(closed.end)))

    def note_facts(self, facts: Facts) -> None:
        Stream.objects.filter(pk=self.stream.id).update(
            has_sound=facts.audio is not None, width=facts.width, height=facts.height
        )

    def note_active(self) -> None:
        Stream.objects.filter(pk=self.stream.id).update(status=Stream.Status.ACTIVE)

    def note_end(self, filing: Filing, run: str) -> None:
        """Take in what the connection left; count it when it was lost rather than stopped."""
        active = Stream.objects.filter(pk=self.stream.id, status=Stream.Status.ACTIVE)
        lost = 0 if self.stopping.is_set() else 1
        active.update(
            status=Stream.Status.INACTIVE, disconnections_count=F("disconnections_count") + lost
        )
        filing.finish_run(run)

    def clean(self, messages: str) -> str:
        """Return the last lines of *messages* without the stream's address and its credentials."""
        parts = urlsplit(self.stream.url)
        secrets = [self.stream.url, parts.netloc.rpartition("@")[0], parts.password, parts.query]
        for secret in filter(None, secrets):
            for text in {secret, unquote(secret)}:
                messages = messages.replace(text, "***")
        return redact(" | ".join(messages.splitlines()[-MESSAGE_LINES:]))
