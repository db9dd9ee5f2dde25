"""Add a user from the command line."""

from __future__ import annotations

import json
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from vms.accounts.models import User


class Command(BaseCommand):
    help = "Add a user; prints its id and login as JSON."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("login", metavar="LOGIN")
        parser.add_argument("--password", required=True)
        parser.add_argument("--name", default="", help="shown to people; default: the login")
        parser.add_argument(
            "--staff", action="store_true", help="an operator, with all of the operator pages"
        )
        parser.add_argument("--parent", metavar="LOGIN", help="whose sub-user this is")

    def handle(self, *_args: Any, **options: Any) -> None:
        login, password, is_staff = options["login"], options["password"], options["staff"]
        if not password:
            raise CommandError("The password is empty; nobody could sign in with it.")
        fields = {
            "name": options["name"] or login,
            "parent": find_parent(options["parent"]),
            "is_staff": is_staff,
            "is_superuser": is_staff,
        }
        refuse_bad_fields(User(login=login, **fields))
        user = User.objects.create_user(login, password, **fields)
        self.stdout.write(json.dumps({"user_id": user.pk, "login": user.login}))


def find_parent(login: str | None) -> User | None:
    if login is None:
        return None
    try:
        return User.objects.get(login=login)
    except User.DoesNotExist:
        raise CommandError(f"There is no user {login} to be the parent.") from None


def refuse_bad_fields(user: User) -> None:
    try:
        user.full_clean(exclude=["password"])
    except ValidationError as error:
        if User.objects.filter(login=user.login).exists():
            raise CommandError(f"There is a user {user.login} already.") from error
        texts = [f"{name}: {' '.join(texts)}" for name, texts in error.message_dict.items()]
        raise CommandError(" ".join(texts)) from error
