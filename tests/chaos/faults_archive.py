"""The archive changes under a cut: segments deleted, cut short, still growing."""

from __future__ import annotations

import os

import pytest
from django.conf import settings

from exports.models import ExportJob
from tests.chaos.held import hold

pytestmark = [pytest.mark.processes, pytest.mark.ffmpeg]


def delete(path):
    path.unlink()


def truncate(path):
    os.truncate(path, path.stat().st_size // 2)


def grow(path):
    """Write on, as a recorder that was taken for done does."""
    with path.open("ab") as file:
        file.write(b"\0\0\0\x08free" * 64)


@pytest.mark.parametrize("change", [delete, truncate, grow])
@pytest.mark.parametrize("engine", ["auto", "ffmpeg"])
def test_segment_during_a_cut(site, stream, alice, survived, change, engine):
    go = hold(site)  # those of ffmpeg; the others may be quicker than the fault
    site.extra["VMS_EXPORT_ENGINE"] = engine
    site.start_worker()
    site.start_upkeep()
    site.start_beat()
    for number in range(10):
        site.order(alice, stream, 0.2 * number, 19.5)
    segments = list(stream.segments.order_by("begin"))
    for segment in segments[1:4:2]:
        site.wait_until_running()
        change(settings.ARCHIVE_DIR / str(stream.pk) / segment.path)
    go.touch()
    site.wait_until_ended()
    row = survived(whole=False)
    assert row.right + row.failed_with_cause == row.asked == 10
    # A retry plans anew around what is gone: nothing has to fail for it.
    assert row.right >= 8, list(ExportJob.objects.values_list("error_code", "error_message"))
