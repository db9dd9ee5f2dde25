"""Pages: the envelope, the window of links, what is refused."""

from __future__ import annotations

import pytest

from vms.api.pagination import listed_pages

PATH = "http://testserver/api/v1/rows"


def page(client, count, query=""):
    answer = client.get(f"/api/v1/rows/{count}{query}")
    assert answer.status_code == 200
    return answer.json()


def labels(body):
    """Labels of the links between previous and next, with the active one in brackets."""
    links = body["meta"]["links"][1:-1]
    return " ".join(f"[{link['label']}]" if link["active"] else link["label"] for link in links)


def test_answers_the_documented_envelope(stranger):
    path = f"{PATH}/4"
    assert page(stranger, 4) == {
        "data": [1, 2, 3, 4],
        "links": {"first": f"{path}?page=1", "last": f"{path}?page=1", "prev": None, "next": None},
        "meta": {
            "current_page": 1,
            "from": 1,
            "last_page": 1,
            "links": [
                {"url": None, "label": "pagination.previous", "active": False},
                {"url": f"{path}?page=1", "label": "1", "active": True},
                {"url": None, "label": "pagination.next", "active": False},
            ],
            "path": path,
            "per_page": 25,
            "to": 4,
            "total": 4,
        },
    }


def test_answers_an_empty_list_as_one_page(stranger):
    body = page(stranger, 0)
    assert body["data"] == []
    assert labels(body) == "[1]"
    meta = body["meta"]
    assert (meta["last_page"], meta["from"], meta["to"], meta["total"]) == (1, None, None, 0)
    assert body["links"]["last"] == f"{PATH}/0?page=1"


@pytest.mark.parametrize(
    ("count", "number", "last", "first_row", "last_row"),
    [
        (1, 1, 1, 1, 1),
        (24, 1, 1, 1, 24),
        (25, 1, 1, 1, 25),
        (26, 1, 2, 1, 25),
        (26, 2, 2, 26, 26),
        (325, 1, 13, 1, 25),
        (325, 7, 13, 151, 175),
        (325, 13, 13, 301, 325),
        (326, 14, 14, 326, 326),
        (350, 14, 14, 326, 350),
        (351, 8, 15, 176, 200),
        (351, 15, 15, 351, 351),
        (5000, 1, 200, 1, 25),
        (5000, 100, 200, 2476, 2500),
        (5000, 200, 200, 4976, 5000),
    ],
)
def test_counts_rows_and_pages(stranger, count, number, last, first_row, last_row):
    body = page(stranger, count, f"?page={number}")
    meta, links = body["meta"], body["links"]
    assert body["data"] == list(range(first_row, last_row + 1))
    assert (meta["current_page"], meta["last_page"]) == (number, last)
    assert (meta["from"], meta["to"], meta["total"]) == (first_row, last_row, count)
    path = f"{PATH}/{count}"
    assert links["prev"] == (f"{path}?page={number - 1}" if number > 1 else None)
    assert links["next"] == (f"{path}?page={number + 1}" if number < last else None)
    assert links["last"] == f"{path}?page={last}"
    assert meta["links"][0]["url"] == links["prev"]
    assert meta["links"][-1]["url"] == links["next"]


@pytest.mark.parametrize(
    ("count", "number", "shown"),
    [
        (325, 7, "1 2 3 4 5 6 [7] 8 9 10 11 12 13"),
        (326, 1, "[1] 2 3 4 5 6 7 8 9 10 ... 13 14"),
        (326, 7, "1 2 3 4 5 6 [7] 8 9 10 ... 13 14"),
        (326, 8, "1 2 ... 5 6 7 [8] 9 10 11 12 13 14"),
        (350, 14, "1 2 ... 5 6 7 8 9 10 11 12 13 [14]"),
        (351, 7, "1 2 3 4 5 6 [7] 8 9 10 ... 14 15"),
        (351, 8, "1 2 ... 5 6 7 [8] 9 10 11 ... 14 15"),
        (351, 9, "1 2 ... 6 7 8 [9] 10 11 12 13 14 15"),
        (5000, 1, "[1] 2 3 4 5 6 7 8 9 10 ... 199 200"),
        (5000, 100, "1 2 ... 97 98 99 [100] 101 102 103 ... 199 200"),
        (5000, 193, "1 2 ... 190 191 192 [193] 194 195 196 ... 199 200"),
        (5000, 194, "1 2 ... 191 192 193 [194] 195 196 197 198 199 200"),
        (5000, 200, "1 2 ... 191 192 193 194 195 196 197 198 199 [200]"),
    ],
)
def test_lists_the_window_of_pages(stranger, count, number, shown):
    assert labels(page(stranger, count, f"?page={number}")) == shown


def test_writes_a_gap_without_a_link(stranger):
    gaps = [link for link in page(stranger, 350)["meta"]["links"] if link["label"] == "..."]
    assert gaps == [{"url": None, "label": "...", "active": False}]


@pytest.mark.parametrize("number", [3, 10**15])
def test_answers_an_empty_page_past_the_end(stranger, number):
    body = page(stranger, 26, f"?page={number}")
    assert body["data"] == []
    meta = body["meta"]
    assert (meta["current_page"], meta["last_page"]) == (number, 2)
    assert (meta["from"], meta["to"], meta["total"]) == (None, None, 26)
    assert labels(body) == "1 2"
    assert body["links"]["prev"] == f"{PATH}/26?page={number - 1}"
    assert body["links"]["next"] is None


@pytest.mark.parametrize("count", [0, 1, 24, 25, 26, 325, 326, 350, 351, 5000])
def test_answers_an_empty_page_past_the_end_of_any_list(stranger, count):
    last = max(1, -(-count // 25))
    body = page(stranger, count, f"?page={last + 1}")
    meta, links = body["meta"], body["links"]
    assert body["data"] == []
    assert (meta["current_page"], meta["last_page"]) == (last + 1, last)
    assert (meta["from"], meta["to"], meta["total"]) == (None, None, count)
    assert not any(link["active"] for link in meta["links"])
    assert str(last + 1) not in {link["label"] for link in meta["links"]}
    path = f"{PATH}/{count}"
    assert links["last"] == links["prev"] == f"{path}?page={last}"
    assert links["next"] is None


@pytest.mark.parametrize(
    ("count", "number", "first_row", "last_row"),
    [(326, 1, 1, 25), (326, 7, 151, 175), (350, 1, 1, 25), (350, 7, 151, 175), (351, 1, 1, 25)],
)
def test_counts_rows_where_pages_begin_to_be_left_out(stranger, count, number, first_row, last_row):
    body = page(stranger, count, f"?page={number}")
    assert body["data"] == list(range(first_row, last_row + 1))
    assert (body["meta"]["from"], body["meta"]["to"]) == (first_row, last_row)


def test_shows_the_last_pages_when_past_the_end():
    assert listed_pages(500, 200) == [1, 2, None, *range(191, 201)]


def test_keeps_the_other_query_parameters_with_page_last(stranger):
    body = page(stranger, 26, "?page=2&per_page=5&ids[]=1&ids[]=2&search=a%20%26b")
    query = "per_page=5&ids%5B%5D=1&ids%5B%5D=2&search=a%20%26b"
    assert body["links"]["first"] == f"{PATH}/26?{query}&page=1"
    assert body["links"]["last"] == f"{PATH}/26?{query}&page=6"
    assert body["meta"]["path"] == f"{PATH}/26"


def test_makes_links_with_the_public_address(stranger, settings):
    settings.PUBLIC_URL = "https://vms.example.org"
    assert page(stranger, 0)["meta"]["path"] == "https://vms.example.org/api/v1/rows/0"


@pytest.mark.parametrize(("per_page", "last"), [(1, 26), (100, 1)])
def test_takes_the_smallest_and_largest_page(stranger, per_page, last):
    assert page(stranger, 26, f"?per_page={per_page}")["meta"]["last_page"] == last


@pytest.mark.parametrize("sent", ["0", "-1", "x", "", "1.5", "101", "٣", "1_0", "9" * 5000])
def test_refuses_a_wrong_per_page(stranger, sent):
    answer = stranger.get("/api/v1/rows/1", {"per_page": sent})
    assert (answer.status_code, list(answer.json()["errors"])) == (422, ["per_page"])


@pytest.mark.parametrize("sent", ["0", "-1", "x", "", "1.5", "٣", "9" * 5000])
def test_refuses_a_wrong_page(stranger, sent):
    answer = stranger.get("/api/v1/rows/1", {"page": sent})
    assert (answer.status_code, list(answer.json()["errors"])) == (422, ["page"])


def test_refuses_both_at_once(stranger):
    answer = stranger.get("/api/v1/rows/1?page=x&per_page=x")
    assert set(answer.json()["errors"]) == {"page", "per_page"}


def test_reads_a_table_with_two_queries(api, alice, django_assert_num_queries, settings):
    settings.ROOT_URLCONF = "vms.urls"
    client = api(alice)
    with django_assert_num_queries(3):  # the caller's session, the count, the rows
        assert client.get("/api/v1/sessions").json()["meta"]["total"] == 1
