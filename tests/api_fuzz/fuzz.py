"""Requests invented from the OpenAPI document, sent to a running server: `make test-api-fuzz`.

Whatever is asked, the server answers with a status that is declared, in the declared form, and
never with one of its own mistakes. Not part of `make test`: its name is not `test_`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.running import PATIENCE_SECONDS
from vms.env import PROJECT_DIR

pytestmark = pytest.mark.processes

# So many cases an endpoint and phase; the same ones each time.
CASES = os.environ.get("TESTS_API_CASES", "15")
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "ignored_auth",
)
AIMED = {"SCHEMATHESIS_HOOKS": "tests.api_fuzz.aim", "PYTHONPATH": str(PROJECT_DIR)}
LIST, ONE = "/downloads", "/downloads/{id}"
# What has to have been asked as it should be, or the rest would prove little.
OF_DOWNLOADS = {
    ("POST", LIST),
    ("GET", LIST),
    ("GET", ONE),
    ("DELETE", ONE),
    ("POST", f"{ONE}/repeat"),
    ("POST", f"{ONE}/cancel"),
}
REACHED = {
    "alice": {
        *((method, f"/api/v1{path}") for method, path in OF_DOWNLOADS),
        ("POST", "/api/v1/downloads/estimate"),
        ("GET", "/api/v1/integration-tokens"),
        ("GET", "/api/v1/cameras"),
        ("GET", "/api/v1/cameras/shows"),
        ("GET", "/api/v1/cameras/{id}"),
        ("GET", "/api/v1/cameras/{id}/archive/ranges"),
        ("GET", "/api/v1/sessions"),
        ("GET", "/api/v1/user"),
        ("POST", "/api/v1/ws-ticket"),
    },
    "operator": {(method, f"/api/admin/v1{path}") for method, path in OF_DOWNLOADS},
}
PROGRAM = str(PROJECT_DIR / ".venv" / "bin" / "schemathesis")


@pytest.mark.parametrize("login", ["alice", "operator"])
def test_answers_as_declared(start_up, environment, tmp_path, login):
    up = start_up("--only", "web")
    up.wait_ready()
    filled = subprocess.run(
        [sys.executable, "-m", "tests.api_fuzz.fill"],
        env=environment,
        cwd=PROJECT_DIR,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    token = json.loads(filled.stdout)[login]
    answers = tmp_path / "answers"
    asked = subprocess.run(
        [
            *(PROGRAM, "run", f"{up.web_url.rstrip('/')}/api/schema"),
            *("--header", f"Authorization: Bearer {token}"),
            *("--checks", ",".join(CHECKS)),
            *("--max-examples", CASES, "--generation-deterministic", "--no-color"),
            # Or it invents tokens too, and asks nearly all as nobody.
            *("--generation-with-security-parameters", "false"),
            *("--continue-on-failure", "--warnings", "off"),
            # How quick a machine is that has other things to do is not asked here.
            *("--request-timeout", str(PATIENCE_SECONDS)),
            *("--suppress-health-check", "too_slow"),
        ],
        env={**environment, **AIMED, "TESTS_API_ANSWERS": str(answers)},
        cwd=tmp_path,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    print(asked.stdout)  # noqa: T201 - how many were asked, with -s; what failed, always
    assert asked.returncode == 0
    assert "request_failed" not in up.log
    asked_well = {(method, path) for method, path, status in read(answers) if status == 200}
    assert REACHED[login] - asked_well == set()


def read(answers):
    return [json.loads(line) for line in answers.read_text().splitlines()]
