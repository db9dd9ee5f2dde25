"""Lists of the operator pages: as many queries for many rows as for one, and no full counts."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from downloads.models import Download
from exports.models import ExportJob
from tests import factories
from tests.admin.rows import LISTS, add_rows
from vms.accounts import admin_lists

pytestmark = pytest.mark.django_db


def queries_of(pages, address: str) -> list[str]:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        answer = pages.get(address)
        assert answer.status_code == 200, address
    return [query["sql"] for query in captured.captured_queries]


def test_each_list_asks_as_often_for_100_rows_as_for_one(pages):
    addresses = [f"/admin/{name}/" for name in LISTS]
    add_rows(1)
    pages.get(addresses[0])
    few = {address: len(queries_of(pages, address)) for address in addresses}
    add_rows(99)
    many = {address: len(queries_of(pages, address)) for address in addresses}
    assert many == few
    assert max(many.values()) <= 8


def test_each_page_of_one_row_asks_as_often_whatever_belongs_to_it(pages, operator):
    add_rows(1)
    user = Download.objects.get().user
    address = f"/admin/accounts/user/{user.pk}/delete/"
    few = len(queries_of(pages, address))
    for _ in range(20):
        factories.download(user, job=ExportJob.objects.get())
    assert len(queries_of(pages, address)) == few


def test_counts_only_as_far_as_pages_lead(pages, operator, monkeypatch):
    monkeypatch.setattr(admin_lists, "MOST", 120)
    job = factories.job()
    for _ in range(130):
        factories.download(operator, job=job)
    page = pages.get("/admin/downloads/download/?p=3").text
    assert "more than 120 downloads" in page
    assert page.count('name="_selected_action"') == 20
    counts = [sql for sql in queries_of(pages, "/admin/downloads/download/") if "COUNT" in sql]
    assert counts
    assert all("LIMIT 120" in sql for sql in counts)


def test_counts_few_rows_exactly(pages, operator):
    factories.download(operator, job=factories.job())
    page = pages.get("/admin/downloads/download/").text
    assert "1 download" in page
    assert "more than" not in page


def test_offers_neither_all_rows_nor_other_orders(pages, operator):
    job = factories.job()
    rows = [factories.download(operator, job=job).pk for _ in range(60)]
    page = pages.get("/admin/downloads/download/?all=&o=2").text
    assert page.count('name="_selected_action"') == 50
    assert str(rows[-1]) in page
    assert "Show all" not in page
    assert "sortable" not in page


def test_acts_on_what_is_ticked_even_when_told_to_take_all(pages, alice):
    downloads = [factories.download(alice, job=factories.job()) for _ in range(3)]
    body = {"action": "cancel", "select_across": "1", "_selected_action": [downloads[0].pk]}
    assert pages.post("/admin/downloads/download/", body).status_code == 302
    assert Download.objects.filter(cancelled_at=None).count() == 2


@pytest.mark.parametrize("name", LISTS)
def test_takes_any_search_and_any_page(pages, name):
    add_rows(1)
    for query in (
        "q=%27%22",
        "q=99999999999999999999",
        "q=0001-01-01",
        "p=99",
        "q=%00",
        "q=-",
        "e=1",
    ):
        assert pages.get(f"/admin/{name}/?{query}").status_code in {200, 302}, query


@pytest.mark.parametrize(
    "query",
    [
        "cameras/stream/?url__startswith=rtsp",
        "cameras/segment/?stream__url__startswith=rtsp",
        "downloads/download/?secret__startswith=a",
        "accounts/user/?password__startswith=a",
        "accounts/session/?refresh_id__startswith=a",
    ],
)
def test_answers_no_guesses_at_secret_columns(pages, query):
    add_rows(1)
    assert pages.get(f"/admin/{query}").status_code == 400
