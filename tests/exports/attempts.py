"""All attempts at one job, without the rests between them."""

from __future__ import annotations

from exports.lease import Told
from exports.models import ExportJob
from exports.runner import run_export


def run_to_end(job: ExportJob, told: Told = lambda _job, _percent: None) -> ExportJob:
    """Run a job until it has ended; each time it rests the rest is cut short."""
    while (done := run_export(job.pk, told)) is None:
        resting = ExportJob.objects.filter(pk=job.pk, state="queued", rests_until__isnull=False)
        assert resting.update(rests_until=None), "neither ended nor resting"
    return done
