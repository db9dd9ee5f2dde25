"""Django's command, after which whoever signed in with the old password is out."""

from __future__ import annotations

import getpass
from typing import Any

from django.contrib.auth.management.commands import changepassword
from django.core.management.base import CommandError
from django.utils import timezone

from vms.accounts.models import User
from vms.accounts.services import end_all_sessions


class Command(changepassword.Command):
    def handle(self, *args: Any, **options: Any) -> str | None:
        try:
            done = super().handle(*args, **options)
        except EOFError as error:
            raise CommandError("Nobody can be asked for the password: use a terminal.") from error
        user = User.objects.get(login=options["username"] or getpass.getuser())
        ended = end_all_sessions(user, timezone.now())
        return f"{done}; sessions ended: {ended}."
