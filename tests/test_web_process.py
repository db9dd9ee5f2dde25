"""What server processes do to stay small: so a thousand sockets fit into a web process."""

from __future__ import annotations

import ctypes
import json
import subprocess
import sys

import pytest

from vms.env import PROJECT_DIR
from vms.ops.api import api_program
from vms.ops.web import WebAddress, web_program

TELL = """
import gc, json, vms.asgi
told = gc.get_freeze_count(), gc.get_threshold(), len(gc.get_objects())
print(json.dumps(told))
"""


def test_looks_for_garbage_only_among_what_came_later(environment):
    run = subprocess.run(
        [sys.executable, "-c", TELL],
        cwd=PROJECT_DIR,
        env={**environment, "DJANGO_SETTINGS_MODULE": "vms.settings"},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    frozen, threshold, looked_at = json.loads(run.stdout.splitlines()[-1])
    assert frozen > 50_000
    assert looked_at < frozen / 10
    assert threshold == [5_000, 10, 5]


def test_keeps_no_compressor_for_each_socket():
    command = web_program(WebAddress("127.0.0.1", 8000, "localhost"), []).command
    assert command[command.index("--ws-per-message-deflate") + 1] == "false"


LOADED = """
import json, os, sys
from vms.ops.footprint import leave_out, unused
leave_out(unused(os.environ))
import uvicorn, vms.asgi
names = ("pygments", "requests", "rich", "watchfiles", "jinja2", "django.contrib.postgres",
         "psycopg", "cryptography", "structlog", "celery")
print(json.dumps([name for name in names if sys.modules.get(name)]))
"""
POSTGRES = {"VMS_DATABASE_URL": "postgres://vms@127.0.0.1/v"}
SQLITE = {"VMS_DATABASE_URL": "sqlite:////nowhere/vms.sqlite3"}
LICENSED = {"VMS_LICENSE_PUBLIC_KEY": "A" * 43 + "="}


@pytest.mark.parametrize(
    ("chosen", "wanted"),
    [
        ({}, []),
        (SQLITE, []),
        (POSTGRES, ["psycopg"]),
        (LICENSED, ["cryptography"]),
        (POSTGRES | LICENSED, ["psycopg", "cryptography"]),
    ],
)
def test_loads_no_library_that_it_does_not_call(environment, chosen, wanted):
    own = {**chosen, "VMS_SECRET_KEY": "of this test alone, forty letters at least"}
    bare = {name: text for name, text in environment.items() if name != "VMS_DATABASE_URL"}
    run = subprocess.run(
        [sys.executable, "-c", LOADED],
        cwd=PROJECT_DIR,
        env={**bare, **own, "DJANGO_SETTINGS_MODULE": "vms.settings"},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    loaded = json.loads(run.stdout.splitlines()[-1])
    assert loaded == [*wanted, "structlog", "celery"]


ARENAS = """
import ctypes, threading
{become}
libc, ready = ctypes.CDLL(None), threading.Barrier(8)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
def take():
    ready.wait()
    libc.malloc(2**16)
threads = [threading.Thread(target=take) for _ in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
libc.malloc_info(0, ctypes.c_void_p.in_dll(libc, "stdout"))
libc.fflush(None)
"""
SERVER = "from vms.ops.footprint import share_one_arena; share_one_arena()"
WORKER = "import vms.celery; from celery import signals; signals.worker_init.send(sender=None)"


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_info"), reason="not the library of GNU")
@pytest.mark.parametrize("become", [SERVER, WORKER], ids=["server", "worker"])
def test_its_threads_take_memory_from_one_place(become):
    run = subprocess.run(
        [sys.executable, "-c", ARENAS.format(become=become)],
        cwd=PROJECT_DIR,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert run.stdout.count("<heap nr=") == 1


def test_is_started_that_way():
    address = WebAddress("127.0.0.1", 8000, "localhost")
    web, api = web_program(address, []).command, api_program(address, []).command
    assert web[1:4] == ["-m", "vms.ops.web_server", "vms.asgi:application"]
    assert api[1:4] == ["-m", "vms.ops.api_server", "vms.wsgi:application"]


RENDERER = """
import sys, previews.rendering_process, previews.rendering_cuts
print(sorted({"celery", "django", "structlog", "kombu"} & set(sys.modules)))
"""


def test_its_renderers_load_nothing_of_the_web():
    run = subprocess.run(
        [sys.executable, "-c", RENDERER],
        cwd=PROJECT_DIR,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert run.stdout == "[]\n"
