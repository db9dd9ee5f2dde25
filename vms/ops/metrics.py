"""What `/metrics` tells Prometheus: figures of the whole installation, read from its database.

Sockets are counted by who has them, in the cache all processes share.

Counts of what workers did are of the last hour and not since some process started: workers come
and go, and any web process gives the same answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count, F, Min, OuterRef, Subquery, Sum
from django.utils import timezone
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from cameras.models import Segment, Stream
from exports.models import ExportJob
from vms.api.broadcast import BROKER_ERRORS
from vms.ops.folders import free_bytes
from vms.push.census import count_sockets
from vms.push.models import Event
from vms.webhooks.models import Delivery

PERIOD = timedelta(hours=1)
# A stream without new footage for so long was switched off or forgotten, and is not late.
FORGOTTEN = timedelta(days=1)
QUANTILES = (0.5, 0.95, 1.0)
# So many of the period's exports are looked at one by one.
MOST_EXPORTS = 5_000
State = ExportJob.State
Family = Iterator[GaugeMetricFamily]


def exposition() -> bytes:
    """Return the figures in Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Figures())
    return generate_latest(registry)


class Figures(Collector):
    """Asks the database each time it is asked itself."""

    def collect(self) -> Family:
        now = timezone.now()
        yield from queue(now)
        yield from finished(now)
        yield from files()
        yield from waiting(now)
        yield from sockets()
        yield from archive(now)
        yield from folders()


def queue(now: datetime) -> Family:
    depth = GaugeMetricFamily(
        "vms_exports", "Exports that wait or are being made.", labels=("state", "node")
    )
    age = GaugeMetricFamily(
        "vms_export_queue_age_seconds", "How long the oldest waits.", labels=("node",)
    )
    rows = (
        ExportJob.objects.filter(state__in=ExportJob.ACTIVE)
        .order_by()
        .values("state", "node")
        .annotate(count=Count("pk"), oldest=Min("queued_at"))
    )
    for row in rows:
        depth.add_metric((row["state"], row["node"]), row["count"])
        if row["state"] == State.QUEUED:
            age.add_metric((row["node"],), (now - row["oldest"]).total_seconds())
    yield depth
    yield age


def finished(now: datetime) -> Family:
    ended = ExportJob.objects.filter(created_at__gt=now - PERIOD).exclude(
        state__in=ExportJob.ACTIVE
    )
    ends = GaugeMetricFamily(
        "vms_exports_ended_last_hour",
        "Exports ordered within the last hour that have ended, by how and why.",
        labels=("state", "cause"),
    )
    for row in ended.order_by().values("state", "error_code").annotate(count=Count("pk")):
        ends.add_metric((row["state"], row["error_code"]), row["count"])
    yield ends
    made = ended.filter(started_at__isnull=False, finished_at__isnull=False, size__isnull=False)
    took = F("finished_at") - F("started_at")
    rows = made.annotate(took=took).values_list("took", "begin", "end", "size")[:MOST_EXPORTS]
    work = [took.total_seconds() for took, *_ in rows]
    footage = [(end - begin).total_seconds() for _, begin, end, _ in rows]
    yield quantiles(
        "vms_export_work_seconds_last_hour", "From the start of an export to its file.", work
    )
    yield quantiles(
        "vms_export_work_to_footage_last_hour",
        "The same, divided by the length of what was asked for.",
        [one / length for one, length in zip(work, footage, strict=True)],
    )
    yield GaugeMetricFamily(
        "vms_export_bytes_last_hour",
        "Bytes of those files.",
        value=sum(size or 0 for *_, size in rows),
    )


def quantiles(name: str, text: str, values: list[float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=("quantile",))
    ordered = sorted(values)
    for share in QUANTILES if ordered else ():
        place = min(len(ordered) - 1, int(share * len(ordered)))
        family.add_metric((str(share),), ordered[place])
    return family


def files() -> Family:
    there = ExportJob.objects.filter(state=State.READY).aggregate(
        count=Count("pk"), size=Sum("size")
    )
    yield GaugeMetricFamily("vms_files", "Files that can be fetched.", value=there["count"])
    yield GaugeMetricFamily("vms_files_bytes", "Their bytes.", value=there["size"] or 0)


def waiting(now: datetime) -> Family:
    unsent = Event.objects.filter(sent_at=None).aggregate(
        count=Count("pk"), oldest=Min("created_at")
    )
    yield GaugeMetricFamily("vms_events_unsent", "Events nobody was told of yet.", unsent["count"])
    yield GaugeMetricFamily(
        "vms_events_unsent_age_seconds",
        "How long the oldest waits.",
        (now - unsent["oldest"]).total_seconds() if unsent["oldest"] else 0,
    )
    yield GaugeMetricFamily(
        "vms_webhook_deliveries_waiting",
        "Webhook messages that are not delivered yet.",
        Delivery.objects.filter(state=Delivery.State.PENDING).count(),
    )


def sockets() -> Family:
    try:
        counted = count_sockets()
    except BROKER_ERRORS:
        return  # a figure that is missing says so
    family = GaugeMetricFamily(
        "vms_sockets", "Open sockets of clients that have said who they are.", labels=("kind",)
    )
    for kind, count in counted.items():
        family.add_metric((kind,), count)
    yield family


def archive(now: datetime) -> Family:
    """Tell how far the index is behind the clock, of streams with footage of the last day."""
    newest = Segment.objects.filter(stream=OuterRef("pk")).order_by("-begin").values("end")[:1]
    streams = (
        Stream.objects.filter(is_enabled=True)
        .annotate(newest=Subquery(newest))
        .filter(newest__gt=now - FORGOTTEN)
    )
    lags = [
        (now - end).total_seconds() for end in streams.order_by().values_list("newest", flat=True)
    ]
    yield GaugeMetricFamily("vms_streams", "Streams with footage of the last day.", len(lags))
    yield quantiles("vms_archive_lag_seconds", "From the newest indexed picture to now.", lags)


def folders() -> Family:
    family = GaugeMetricFamily(
        "vms_free_bytes", "Room on the disk of a folder.", labels=("folder",)
    )
    for name, folder in (
        ("data", settings.DATA_DIR),
        ("archive", settings.ARCHIVE_DIR),
        ("storage", settings.STORAGE_DIR),
    ):
        try:
            family.add_metric((name,), free_bytes(folder))
        except OSError:
            continue  # a figure that is missing says so
    yield family
