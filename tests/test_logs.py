"""What log lines show, and above all what they do not."""

from __future__ import annotations

import logging

import pytest
import structlog
from celery import shared_task
from django_structlog.celery.receivers import CeleryReceiver
from uvicorn.logging import AccessFormatter

from vms.logs import Redacting, logging_config, redact, redact_event
from vms.webhooks.tasks import forget_deliveries


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rtsp://admin:secret@10.0.0.5/live", "rtsp://10.0.0.5/live"),
        ("rtsp://admin:p@ss@10.0.0.5/live", "rtsp://10.0.0.5/live"),
        ("open rtsp://admin@cam/1 and http://a:b@c/d", "open rtsp://cam/1 and http://c/d"),
        ("GET /ws/notifications?token=abc&x=1", "GET /ws/notifications?token=***&x=1"),
        ("http://cam/v?usr=admin&pwd=abc&n=1", "http://cam/v?usr=***&pwd=***&n=1"),
        ("http://cam/v?loginuse=x&user=a;pass=b", "http://cam/v?loginuse=x&user=***;pass=***"),
        ("http://c/?Auth=a&api_key=b&key=c&secret=d&sig=e",
         "http://c/?Auth=***&api_key=***&key=***&secret=***&sig=***"),
        ("GET /storage/0SECRET0/name.mp4 200", "GET /storage/***/name.mp4 200"),
        (f"GET /preview/{'Ab-_9' * 30}.sig/preview.jpg", "GET /preview/***/preview.jpg"),
        (f"GET /archive/{'Ab-_9' * 30}.sig/index.m3u8", "GET /archive/***/index.m3u8"),
        ("GET /api/v1/cameras/1/archive/ranges", "GET /api/v1/cameras/1/archive/ranges"),
        ("token vms_0123456789abcdefghijKLMN_- it is", "token vms_*** it is"),
        ('{"secret": "whsec_' + "aB+/9-_%2B" * 4 + '=", "url": "u"}',
         '{"secret": "whsec_***", "url": "u"}'),
        ("GET /token?%74oken=abc&n=1", "GET /token?%74oken=***&n=1"),
        ("GET /getarchivetaskstatus?ArchiveTaskId=084b56a5&n=1",
         "GET /getarchivetaskstatus?ArchiveTaskId=***&n=1"),
        ("http://h/download?x=1&file=084b5 file=a", "http://h/download?x=1&file=*** file=a"),
        ("GET /download?%66ile=084b56a5", "GET /download?%66ile=***"),
        ("GET /x?100%=1&file=a", "GET /x?100%=1&file=a"),
        ("GET http://s3/b/k?X-Amz-Credential=a&X-Amz-Expires=9&X-Amz-Signature=b",
         "GET http://s3/b/k?X-Amz-Credential=***&X-Amz-Expires=9&X-Amz-Signature=***"),
        ("nothing to hide", "nothing to hide"),
    ],
)  # fmt: skip
def test_hides_what_opens_doors(text, shown):
    assert redact(text) == shown


def test_hides_it_inside_lists_mappings_and_exceptions():
    url = "rtsp://admin:hidden@cam/live"

    event = redact_event(
        None,
        "info",
        {
            "event": "ffmpeg",
            "command": ["-i", url],
            "pair": (url, 5),
            "stream": {"url": url, "more": [{"also": url}]},
            "error": OSError(f"cannot open {url}"),
            "count": 3,
        },
    )

    assert "hidden" not in repr(event)
    assert event["command"] == ["-i", "rtsp://cam/live"]
    assert event["stream"]["more"] == [{"also": "rtsp://cam/live"}]
    assert event["error"] == "OSError: cannot open rtsp://cam/live"
    assert event["count"] == 3


@pytest.mark.parametrize("style", ["console", "json"])
def test_hides_it_in_tracebacks_and_arguments_of_library_loggers(style):
    config = logging_config(style, "INFO")["formatters"]["structlog"]
    formatter = structlog.stdlib.ProcessorFormatter(
        processor=config["processor"], foreign_pre_chain=config["foreign_pre_chain"]
    )
    error = OSError("cannot open rtsp://admin:hidden@cam/live")
    record = logging.LogRecord(
        *("library", logging.ERROR, __file__, 1, "failed: %s", (error,)),
        (OSError, error, None),
    )

    line = formatter.format(record)

    assert line.count("cannot open rtsp://cam/live") == 2
    assert "hidden" not in line


@pytest.mark.parametrize(
    ("name", "level"),
    [
        ("celery.worker.strategy", "WARNING"),
        ("celery.app.trace", "WARNING"),
        ("celery.beat", "WARNING"),
        ("django.request", "ERROR"),
    ],
)
def test_leaves_requests_and_tasks_to_their_own_lines(name, level):
    assert logging_config("json", "INFO")["loggers"][name] == {"level": level}


@pytest.fixture
def task_lines(caplog):
    """What a worker and beat would write of tasks; as they do, by the signals of Celery."""
    receiver = CeleryReceiver()
    receiver.connect_worker_signals()
    caplog.set_level(logging.INFO)
    yield lambda: [record.msg["event"] for record in caplog.records if type(record.msg) is dict]
    del receiver  # signals hold it weakly


@shared_task(name="tests.somebodys")
def somebodys_task():
    """Stands for what is ordered."""


def test_says_of_tasks_when_they_begin_and_end(task_lines):
    somebodys_task.apply()
    assert task_lines() == ["task_started", "task_succeeded"]


def test_says_of_those_of_beat_only_what_they_did(task_lines, monkeypatch):
    monkeypatch.setattr("vms.webhooks.tasks.forget_old", lambda _now: 3)
    forget_deliveries.apply()
    assert task_lines() == ["webhook deliveries forgotten"]


def test_says_of_those_of_beat_that_they_failed(task_lines, monkeypatch):
    monkeypatch.setattr("vms.webhooks.tasks.forget_old", lambda _now: 1 / 0)
    forget_deliveries.apply()
    assert task_lines() == ["task_failed"]


def test_says_it_of_those_of_beat_too_at_debug(task_lines, monkeypatch, caplog):
    monkeypatch.setattr("vms.webhooks.tasks.forget_old", lambda _now: 0)
    caplog.set_level(logging.DEBUG)
    forget_deliveries.apply()
    assert {"task_started", "task_succeeded"} <= set(task_lines())


def access_record(path):
    """Make the record uvicorn makes of a request."""
    words = ("127.0.0.1:4711", "GET", path, "1.1", 200)
    form = '%s - "%s %s HTTP/%s" %d'
    return logging.LogRecord("uvicorn.access", logging.INFO, __file__, 1, form, words, None)


def test_hides_it_in_the_access_log_of_uvicorn_whoever_writes_that():
    path = "/getarchivetaskstatus?archivetaskid=084b56a5&token=vms_psim_0&login=alice"
    config = logging_config("console", "INFO")
    filters = config["loggers"]["uvicorn.access"]["filters"]
    record = access_record(path)
    assert all(config["filters"][name]["()"]().filter(record) for name in filters)

    for formatter in (
        logging.Formatter("%(message)s"),
        AccessFormatter('%(client_addr)s - "%(request_line)s" %(status_code)s', use_colors=False),
    ):
        line = formatter.format(record)
        assert "/getarchivetaskstatus?archivetaskid=***&token=***&login=*** HTTP/1.1" in line
        assert "200" in line


def test_the_filter_takes_records_of_all_shapes():
    for message, arguments, line in (
        ("no arguments ?token=a", None, "no arguments ?token=***"),
        ("by name %(path)s", ({"path": "/?key=a"},), "by name /?key=***"),
        (OSError("x://a:b@c"), None, "OSError: x://c"),
    ):
        record = logging.LogRecord("library", logging.INFO, __file__, 1, message, arguments, None)
        assert Redacting().filter(record)
        assert record.getMessage() == line
