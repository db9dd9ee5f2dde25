"""A client that a program wrote from our OpenAPI document, used against a real server.

The generator is no dependency of ours: `openapi-python-client` on PATH or in OPENAPI_PYTHON_CLIENT,
in an environment of its own. Part of no suite: `make test-generated`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import urllib.request
from pathlib import Path

import pytest

from tests.clients.conftest import PASSWORD

GENERATOR = os.environ.get("OPENAPI_PYTHON_CLIENT") or shutil.which("openapi-python-client")
# Written for whoever is given nothing but the document.
USER = Path(__file__).with_name("generated_user.py")

pytestmark = [
    pytest.mark.processes,
    pytest.mark.ffmpeg,
    pytest.mark.skipif(GENERATOR is None, reason="openapi-python-client is not installed"),
]


@pytest.fixture
def client(site, tmp_path):
    """Have the client written; gives the folder it lies in, and what was said about it."""
    document = tmp_path / "schema.json"
    with urllib.request.urlopen(f"{site.url}/api/schema?format=json") as answer:
        document.write_bytes(answer.read())
    done = subprocess.run(
        [
            *(GENERATOR, "generate", "--path", document),
            *("--output-path", tmp_path / "vms_client", "--meta", "none"),
        ],
        cwd=tmp_path,
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return tmp_path, done.stdout


def test_orders_and_fetches_a_file(site, client):
    folder, said = client
    # Files are of types it does not know; of what answers JSON it leaves nothing out.
    assert "Endpoint will not be generated" not in said
    python = Path(GENERATOR).resolve().with_name("python")
    done = subprocess.run(
        [python, USER, site.url, "alice", PASSWORD, json.dumps(site.order_body())],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    told = json.loads(done.stdout)
    assert told["login"] == "alice"
    assert told["camera"] == "Yard"
    assert told["refused"] == {"ids.0": ["There is no such camera."]}
    assert told["sha256"] == told["promised"]
    assert told["deleted"] == "ok"
    assert told["afterwards"] == "Not found."
