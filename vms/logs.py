"""Log lines: readable in a terminal or JSON, with ids, never with the credentials of an address."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, MutableMapping
from typing import Any
from urllib.parse import unquote

import structlog
from django.conf import settings

# user:password@ of any address; up to the last @, since passwords hold some.
CREDENTIALS = re.compile(r"(?<=://)[^/\s]*@")
# Parameters of query strings that sign somebody in or sign for somebody.
SECRETS = (
    "user(?:name)?|usr|login|pass(?:wd|word|wort)?|pwd|psw|auth|authorization|(?:api_?|app_?)?key"
    "|(?:client_?)?secret|sig|signature|(?:access_?|refresh_?)?token|ticket|session(?:_?id)?"
    "|x-amz-(?:signature|credential|security-token)"
)
TOKENS = re.compile(rf"(?i)([?&;](?:{SECRETS})=)[^&;\s\"']+")
# A name may be written with escapes, and means the same to whoever reads the parameters.
ESCAPED = re.compile(r"([?&;])([^=&;\s\"']*%[^=&;\s\"']*)=[^&;\s\"']+")
ESCAPED_SECRETS = re.compile(rf"(?i){SECRETS}|file|archivetaskid")
# The id of a PSIM task opens its file to whoever has it.
TASKS = re.compile(r"(?i)([?&;]archivetaskid=|/download\?(?:[^\s\"']*[&;])?file=)[^&;\s\"']+")
# Integration tokens and secrets of webhooks, wherever they stand.
BEARERS = re.compile(r"(vms_)[A-Za-z0-9_-]{20,}|(whsec_)[A-Za-z0-9_+/=%-]{20,}")
# Long enough to be a signed grant; /archive/ranges and the like are addresses of the API.
LINKS = re.compile(r"(/storage/|/(?:preview|archive)/(?=[^/\s]{40}))[^/\s]+")


def redact(text: str) -> str:
    """Remove from *text* what opens doors.

    That is user and password of every address, secrets in query strings, integration tokens, the
    secrets of links and webhooks, ids of PSIM tasks.
    """
    shown = BEARERS.sub(r"\1\2***", CREDENTIALS.sub("", text))
    shown = TASKS.sub(r"\1***", TOKENS.sub(r"\1***", ESCAPED.sub(hide_escaped, shown)))
    return LINKS.sub(r"\1***", shown)


def hide_escaped(match: re.Match[str]) -> str:
    """Hide the value of a parameter whose escaped name is one of a secret."""
    is_secret = ESCAPED_SECRETS.fullmatch(unquote(match[2]))
    return f"{match[1]}{match[2]}=***" if is_secret else match[0]


def redact_value(value: Any) -> Any:
    """Redact *value*: a text, what containers hold, what an exception says; others are as safe."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, BaseException):
        return redact(f"{type(value).__name__}: {value}")
    if isinstance(value, Mapping):
        return {key: redact_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redact_value(item) for item in value]
    return value


def redact_event(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Redact every value of a log event (a structlog processor)."""
    for key, value in event.items():
        # Those with an underscore are structlog's own and are not written.
        if not key.startswith("_"):
            event[key] = redact_value(value)
    return event


class Redacting(logging.Filter):
    """Redacts records of a logger whatever handlers it has: those of uvicorn know nothing of us."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = redact_value(record.msg)
        if isinstance(record.args, Mapping):
            record.args = redact_value(record.args)
        elif record.args:
            record.args = tuple(redact_value(value) for value in record.args)
        return True


class Rounds(logging.Filter):
    """Leaves out that beat's tasks were sent, began and ended, all day long, unless DEBUG is asked.

    What they did they say themselves; a failure has its line.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno > logging.INFO or logging.getLogger().isEnabledFor(logging.DEBUG):
            return True
        return task_of(record) not in {
            one["task"] for one in settings.CELERY_BEAT_SCHEDULE.values()
        }


def task_of(record: logging.LogRecord) -> str | None:
    """Return the name of the task that a line of `django_structlog` is about."""
    # Whoever writes these lines has it loaded; other processes are spared it.
    from celery import current_task

    event = record.msg if isinstance(record.msg, Mapping) else {}
    running = getattr(current_task, "name", None)
    return event.get("child_task_name") or event.get("task") or running


SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.stdlib.PositionalArgumentsFormatter(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
    redact_event,
]


def logging_config(style: str, level: str) -> dict[str, Any]:
    """Make the value of Django's LOGGING; *style* is `console` or `json`.

    Structlog's own loggers and those of libraries end in the same handler and look the same.
    """
    structlog.configure(
        processors=[*SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    renderer = (
        structlog.processors.JSONRenderer()
        if style == "json"
        else structlog.dev.ConsoleRenderer(colors=False)
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "structlog": {
                "()": structlog.stdlib.ProcessorFormatter,
                "processor": renderer,
                "foreign_pre_chain": SHARED,
            }
        },
        "filters": {"redacting": {"()": Redacting}, "rounds": {"()": Rounds}},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "structlog"}},
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            "django.server": {"level": "WARNING"},
            # Requests have lines with ids already; who wants these too gets them without secrets.
            "uvicorn.access": {"level": "WARNING", "filters": ["redacting"]},
            "celery.beat": {"level": "WARNING"},
            "django_structlog.celery.receivers": {"filters": ["rounds"]},
            "celery.redirected": {"level": "WARNING"},
            # Requests and tasks have one line each already, with their ids.
            "celery.worker.strategy": {"level": "WARNING"},
            "celery.app.trace": {"level": "WARNING"},
            "django.request": {"level": "ERROR"},
            # A stranger's wrong Host is answered 400, which has its line: no traceback for it.
            "django.security.DisallowedHost": {"level": "CRITICAL"},
            # At DEBUG they write signed addresses and headers, and every request twice.
            "boto3": {"level": "INFO"},
            "botocore": {"level": "INFO"},
            "s3transfer": {"level": "INFO"},
            "urllib3": {"level": "WARNING"},
        },
    }
