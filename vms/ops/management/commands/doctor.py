"""Say what the installation uses and what is wrong with it."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand

from vms.ops.diagnosis import Level, diagnose


class Command(BaseCommand):
    help = "Print what is used and what is wrong; exit code 1 when something is."
    # It explains what checks would only refuse.
    requires_system_checks = ()

    def handle(self, *_args: Any, **_options: Any) -> None:
        styles = {
            Level.OK: self.style.SUCCESS,
            Level.NOTE: self.style.WARNING,
            Level.WRONG: self.style.ERROR,
        }
        wrong = 0
        for finding in diagnose():
            mark = styles[finding.level](f"{finding.level.value:<6}")
            self.stdout.write(f"{mark} {finding.subject:<9} {finding.value}")
            if finding.cure:
                self.stdout.write(f"{'':<17}{finding.cure}")
            wrong += finding.level is Level.WRONG
        if wrong:
            self.stdout.write(f"{wrong} wrong")
            sys.exit(1)
        self.stdout.write("Nothing is wrong.")
