"""What browsers are told they may do with our answers, and what a foreign page cannot have done."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db
INLINE_SCRIPT = re.compile(r"<script(?![^>]*\bsrc=)[^>]*>", re.IGNORECASE)
HANDLER = re.compile(r"<[^>]+\son[a-z]+\s*=", re.IGNORECASE)


def directives(answer):
    rows = (row.split() for row in answer["Content-Security-Policy"].split(";"))
    return {name: set(sources) for name, *sources in rows}


@pytest.mark.parametrize("path", ["/", "/admin/login/", "/api/docs", "/api/v1/nothing", "/healthz"])
def test_says_that_only_our_own_scripts_run(client, path):
    answer = client.get(path)

    policy = directives(answer)
    assert policy["default-src"] == {"'none'"}
    assert policy["script-src"] == {"'self'"}
    assert policy["frame-ancestors"] == policy["base-uri"] == {"'none'"}
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["Referrer-Policy"] == "same-origin"


def test_only_the_page_of_the_schema_may_set_styles_by_script(client):
    assert "'unsafe-inline'" in directives(client.get("/api/docs"))["style-src"]
    assert directives(client.get("/admin/login/"))["style-src"] == {"'self'"}


def test_pages_hold_no_script_that_the_policy_forbids(client, operator):
    client.force_login(operator)
    pages = ["/", "/api/docs", "/admin/", "/admin/cameras/stream/", "/admin/downloads/download/"]

    for page in pages:
        text = client.get(page).content.decode()
        assert INLINE_SCRIPT.search(text) is None, page
        assert HANDLER.search(text) is None, page
        assert " style=" not in text, page


def test_the_script_of_the_schema_page_is_served_by_us(client):
    page = client.get("/api/docs").content.decode()
    sources = re.findall(r'<script[^>]*src="([^"]+)"', page)

    assert sources
    assert all(source.startswith("/") for source in sources)
    script = client.get("/api/docs?script=")
    assert script.status_code == 200
    assert "javascript" in script["Content-Type"]


def test_no_foreign_page_acts_for_an_operator(operator):
    browser = Client(enforce_csrf_checks=True)
    browser.get("/admin/login/")
    token = browser.cookies["csrftoken"].value
    signing_in = {"username": operator.login, "password": PASSWORD, "csrfmiddlewaretoken": token}
    assert browser.post("/admin/login/?next=/admin/", signing_in).status_code == 302
    assert browser.cookies["sessionid"]["samesite"] == "Lax"
    assert browser.cookies["sessionid"]["httponly"]

    answer = browser.post("/admin/cameras/camera/add/", {"name": "Gate"})

    assert answer.status_code == 403
