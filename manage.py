#!/usr/bin/env python
"""Run an administrative command of VMS."""

import os
import sys

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db.utils import OperationalError, ProgrammingError


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vms.settings")
    try:
        settings.INSTALLED_APPS  # noqa: B018 - reading any of them loads all
    except ImproperlyConfigured as error:
        sys.exit(f"CommandError: {error}")
    try:
        execute_from_command_line(sys.argv)
    except (OperationalError, ProgrammingError) as error:
        if "no such table" not in str(error) and 'relation "' not in str(error):
            raise
        sys.exit(
            "CommandError: The database has no tables yet: run `python manage.py migrate`, "
            "or start `python manage.py up` once."
        )


if __name__ == "__main__":
    main()
