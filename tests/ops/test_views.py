"""The start page and the health check."""

from __future__ import annotations

import re

import pytest
from django.test import Client


def test_healthz_answers_without_a_database(client):
    answer = client.get("/healthz")

    assert answer.status_code == 200
    assert answer.json() == {"status": "ok"}
    assert "no-store" in answer["Cache-Control"]


def test_healthz_is_not_sent_to_https(client, settings):
    settings.SECURE_SSL_REDIRECT = True

    assert client.get("/healthz").status_code == 200
    assert client.get("/").status_code == 301


def test_start_page_links_the_pages_and_holds_no_inline_script(client):
    page = client.get("/").content.decode()

    assert 'href="/admin/"' in page
    assert 'href="/api/docs"' in page
    assert all(" src=" in tag for tag in re.findall("<script[^>]*>", page))


def test_start_page_finds_its_style_sheet(client):
    answer = client.get("/static/vms.css")

    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/css")


@pytest.mark.parametrize("path", ["/", "/healthz", "/readyz", "/metrics"])
def test_refuses_other_methods(path):
    answer = Client(enforce_csrf_checks=True).post(path)
    assert (answer.status_code, answer["Allow"]) == (405, "GET, HEAD")
