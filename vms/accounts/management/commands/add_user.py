"""Add a user from the command line."""

from __future__ import annotations

import getpass
import json
import sys
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from vms.accounts.models import User


class Command(BaseCommand):
    help = "Add a user; prints its id and login as JSON."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("login", metavar="LOGIN")
        parser.add_argument(
            "--password",
            help="others of this machine may see it; absent: asked for, or one line of the input",
        )
        parser.add_argument("--name", default="", help="shown to people; default: the login")
        parser.add_argument(
            "--staff", action="store_true", help="an operator, with all of the operator pages"
        )
        parser.add_argument("--parent", metavar="LOGIN", help="whose sub-user this is")

    def handle(self, *_args: Any, **options: Any) -> None:
        login, is_staff = options["login"], options["staff"]
        fields = {
            "name": options["name"] or login,
            "parent": find_parent(options["parent"]),
            "is_staff": is_staff,
            "is_superuser": is_staff,
        }
        user = User(login=login, **fields)
        refuse_bad_fields(user)
        password = options["password"] if options["password"] is not None else ask_password()
        refuse_weak(password, user)
        user = User.objects.create_user(login, password, **fields)
        self.stdout.write(json.dumps({"user_id": user.pk, "login": user.login}))


def find_parent(login: str | None) -> User | None:
    if login is None:
        return None
    try:
        return User.objects.get(login=login)
    except User.DoesNotExist:
        raise CommandError(
            f"--parent: there is no user {login}; add that one first, or write another login."
        ) from None


def refuse_bad_fields(user: User) -> None:
    try:
        user.full_clean(exclude=["password"])
    except ValidationError as error:
        if User.objects.filter(login=user.login).exists():
            raise CommandError(
                f"LOGIN: there is a user {user.login} already; write another one, or give that "
                "one a new password with changepassword."
            ) from error
        texts = [f"{name.upper()}: {' '.join(texts)}" for name, texts in error.message_dict.items()]
        raise CommandError(" ".join(texts)) from error


def ask_password() -> str:
    """Ask twice at a terminal; else take a line of the standard input."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Once more: ") != password:
        raise CommandError("The two passwords differ; try again.")
    return password


def refuse_weak(password: str, user: User) -> None:
    """Hold the password to what the API asks of a new one."""
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise CommandError(f"--password: {' '.join(error.messages)}") from error
