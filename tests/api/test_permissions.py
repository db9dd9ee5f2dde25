"""Who may ask what: every address of the server, beside everybody who could ask.

The table is compared with the map of addresses: one without a row fails, and so does a row of
nothing. The camera, the download, the session and the token that are asked about are alice's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.db import transaction
from django.test import Client as Browser
from django.urls import URLPattern, get_resolver
from django.utils import timezone
from rest_framework.test import APIClient

from downloads.models import Download
from exports.psim.models import ArchiveTask
from tests import factories
from tests.conftest import PASSWORD
from tests.downloads.conftest import broker, no_broker
from vms.accounts.integration import make_token
from vms.accounts.models import IntegrationToken, Session, User
from vms.accounts.services import end_session, open_session
from vms.api.clients import Client
from vms.webhooks.models import Webhook

__all__ = ["broker", "no_broker"]

TABLE = """
method address                               nobody alice bob mallory operator expired revoked downloads links

GET    /                                     200    200   200 200     200      200     200     200       200
GET    /healthz                              200    200   200 200     200      200     200     200       200
GET    /readyz                               503    503   503 503     503      503     503     503       503
GET    /metrics                              200    200   200 200     200      200     200     200       200
GET    /storage/{secret}/{name}              200    200   200 200     200      200     200     200       200
GET    /download                             200    200   200 200     200      200     200     200       200
GET    /token                                401    401   401 401     401      401     401     401       401
POST   /token                                401    401   401 401     401      401     401     401       401
POST   /createarchivetask                    401    200   404 404     200      401     401     200       403
GET    /getarchivetaskstatus                 401    200   404 404     404      401     401     200       403
POST   /deletearchivetask                    401    200   404 404     404      401     401     200       403
DELETE /deletearchivetask                    401    200   404 404     404      401     401     200       403
GET    /preview/{link}                       403    403   403 403     403      403     403     403       403
GET    /archive/{link}                       403    403   403 403     403      403     403     403       403
GET    /admin                                302    302   302 302     302      302     302     302       302
GET    /admin/password_change/               302    302   302 302     302      302     302     302       302
GET    /api/schema                           200    200   200 200     200      200     200     200       200
GET    /api/docs                             200    200   200 200     200      200     200     200       200

POST   /api/v1/token                         200    200   200 200     200      200     200     200       200
POST   /api/v1/token/refresh                 200    200   200 200     200      200     200     200       200
GET    /api/v1/wsurl                         200    200   200 200     200      200     200     200       200
POST   /api/v1/ws-ticket                     401    200   200 200     200      401     401     403       403
GET    /api/v1/sessions                      401    200   200 200     200      401     401     403       403
POST   /api/v1/sessions/{session_id}         401    200   404 404     404      401     401     403       403
DELETE /api/v1/sessions/{session_id}         401    200   404 404     404      401     401     403       403
GET    /api/v1/integration-tokens            401    200   200 200     200      401     401     403       403
POST   /api/v1/integration-tokens            401    200   200 200     200      401     401     403       403
DELETE /api/v1/integration-tokens/{token_id} 401    200   404 404     404      401     401     403       403
GET    /api/v1/user                          401    200   200 200     200      401     401     403       403
PUT    /api/v1/user/password                 401    200   200 200     200      401     401     403       403
GET    /api/v1/webhooks                      401    200   200 200     200      401     401     403       403
POST   /api/v1/webhooks                      401    200   200 200     200      401     401     403       403
DELETE /api/v1/webhooks/{webhook_id}         401    200   404 404     404      401     401     403       403
POST   /api/v1/webhooks/{webhook_id}/test    401    200   404 404     404      401     401     403       403
GET    /api/v1/webhooks/{webhook_id}/deliveries 401 200   404 404     404      401     401     403       403
POST   /broadcasting/auth                    401    200   403 403     403      401     401     403       403

GET    /api/v1/cameras                       401    200   200 200     200      401     401     403       403
GET    /api/v1/cameras/shows                 401    200   200 200     200      401     401     403       403
GET    /api/v1/cameras/{pk}                  401    200   404 404     200      401     401     403       403
GET    /api/v1/cameras/{pk}/archive/ranges   401    200   404 404     200      401     401     403       403
GET    /api/v1/cameras/{pk}/archive/link     401    200   404 404     200      401     401     403       403
POST   /api/v1/cameras/preview               422    200   422 422     200      401     401     403       200
GET    /api/v1/cameras/{pk}/preview          401    200   404 404     200      401     401     403       200
POST   /api/v1/cameras/archive               422    200   422 422     200      401     401     403       200

GET    /api/v1/downloads                     401    200   200 200     200      401     401     200       403
POST   /api/v1/downloads                     401    200   422 422     200      401     401     200       403
POST   /api/v1/downloads/estimate            401    200   422 422     200      401     401     200       403
GET    /api/v1/downloads/{pk}                401    200   404 404     404      401     401     200       403
DELETE /api/v1/downloads/{pk}                401    200   404 404     404      401     401     200       403
POST   /api/v1/downloads/{pk}/cancel         401    200   404 404     404      401     401     200       403
POST   /api/v1/downloads/{pk}/repeat         401    200   404 404     404      401     401     200       403
GET    /api/v1/users/downloads               401    200   200 200     200      401     401     200       403
POST   /api/v1/users/downloads               401    200   422 422     200      401     401     200       403
POST   /api/v1/users/downloads/estimate      401    200   422 422     200      401     401     200       403
GET    /api/v1/users/downloads/{pk}          401    200   404 404     404      401     401     200       403
DELETE /api/v1/users/downloads/{pk}          401    200   404 404     404      401     401     200       403
POST   /api/v1/users/downloads/{pk}/cancel   401    200   404 404     404      401     401     200       403
POST   /api/v1/users/downloads/{pk}/repeat   401    200   404 404     404      401     401     200       403

POST   /api/admin/v1/auth/token              422    422   422 422     200      422     422     422       422
GET    /api/admin/v1/downloads               401    403   403 403     200      401     401     403       403
POST   /api/admin/v1/downloads               401    403   403 403     200      401     401     403       403
GET    /api/admin/v1/downloads/{pk}          401    403   403 403     200      401     401     403       403
DELETE /api/admin/v1/downloads/{pk}          401    403   403 403     200      401     401     403       403
POST   /api/admin/v1/downloads/{pk}/cancel   401    403   403 403     200      401     401     403       403
POST   /api/admin/v1/downloads/{pk}/repeat   401    403   403 403     200      401     401     403       403
"""  # noqa: E501 - a table
HEAD, *LINES = [line.split() for line in TABLE.splitlines() if line]
WHO = HEAD[2:]
ROWS = {
    (method, address): dict(zip(WHO, map(int, statuses), strict=True))
    for method, address, *statuses in LINES
}
# An operator has the Admin API for these.
OPERATORS_NEITHER = ("downloads", "users/downloads", "integration-tokens", "webhooks")
# These refuse in words of their own, and take passwords too (tests/psim).
PSIM = {"/token", "/download", "/createarchivetask", "/getarchivetaskstatus", "/deletearchivetask"}
# Views that are plain functions do not say which methods they have: as safe ones, these.
SAFE = {"GET"}
PLACEHOLDER = re.compile(r"\(\?P<(\w+)>[^)]*\)|<(?:\w+:)?(\w+)>")


@dataclass
class Site:
    """What is asked about, and the tokens of those who ask."""

    tokens: dict[str, str]
    refresh: str
    values: dict[str, object]


def patterns_below(patterns, prefix=""):
    """Walk the map of addresses; the pages of the admin site are not part of the table."""
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            yield route, pattern
        elif route != "admin/":
            yield from patterns_below(pattern.url_patterns, route)


def address_of(route):
    """Write a route as the table does: `api/v1/^downloads/(?P<pk>[0-9]+)$` with `{pk}`."""
    named = PLACEHOLDER.sub(lambda found: f"{{{found[1] or found[2]}}}", route)
    return "/" + named.replace("^", "").replace("$", "")


def methods_of(view):
    """Name the methods a view has, but HEAD and OPTIONS, which come with all of them."""
    if hasattr(view, "actions"):
        return {method.upper() for method in view.actions} - {"HEAD"}
    if hasattr(view, "cls"):
        names = [name for name in view.cls.http_method_names if hasattr(view.cls, name)]
        return {name.upper() for name in names} - {"HEAD", "OPTIONS"}
    return SAFE


def mapped(urlconf="vms.urls"):
    return {
        (method, address_of(route))
        for route, pattern in patterns_below(get_resolver(urlconf).url_patterns)
        for method in methods_of(pattern.callback)
    }


def program_of(user, scope):
    _row, secret = make_token(user, name=scope, scopes=[scope], expires_at=None, now=timezone.now())
    return secret


@pytest.fixture(autouse=True)
def whole_map(settings):
    settings.ROOT_URLCONF = "vms.urls"


@pytest.fixture
def site(alice, bob, mallory, operator, settings, monkeypatch) -> Site:
    # The file itself flows in a loop of its own; what its sending needs is tested with it.
    monkeypatch.setitem(settings.VMS, "VMS_STORAGE_DELIVERY", "x-accel")
    now = timezone.now()
    tokens = {"nobody": ""}
    for user in (alice, bob, mallory, operator):
        _session, pair = open_session(user, Client(name="web"), now)
        tokens[user.login] = pair.access
    _session, old = open_session(
        alice, Client(name="web"), now - settings.ACCESS_TOKEN_LIFETIME - timedelta(seconds=1)
    )
    ended, revoked = open_session(alice, Client(name="web"), now)
    end_session(alice, ended.pk, now)
    other, pair = open_session(alice, Client(name="phone"), now)
    tokens |= {"expired": old.access, "revoked": revoked.access}
    tokens |= {scope: program_of(alice, scope) for scope in ("downloads", "links")}
    camera = factories.recorded(owner=alice)
    stream = camera.streams.get()
    ready = factories.ready_download(alice, stream=stream)
    task = factories.archive_task(ready)
    values = {
        "camera": camera,
        "task_id": task.task_id,
        "ready": ready,
        "queued": factories.download(alice, job=factories.job(stream=stream)),
        "secret": ready.secret,
        "name": "yard.mp4",
        "session_id": other.pk,
        "token_id": IntegrationToken.objects.filter(user=alice).latest("id").pk,
        "webhook_id": Webhook.objects.create(user=alice, url="https://hooks.example.org/").pk,
        "channel": f"private-user.{alice.pk}",
        "link": "changed/archive.mp4",
    }
    return Site(tokens, pair.refresh, values)


def pk_in(address, values):
    if "/cameras" in address:
        return values["camera"].pk
    return values["queued" if address.endswith("/cancel") else "ready"].pk


def fill_in(address, values):
    return address.format(**values, pk=pk_in(address, values))


def query_of(address, site):
    if address == "/download":
        return {"file": site.values["task_id"]}
    if address in PSIM:
        return {"archivetaskid": site.values["task_id"]}
    if address.endswith(("/archive/ranges", "/archive/link")):
        order = factories.order_body()
        return {"from": order["from"], "to": order["to"]}
    return {"ids[]": site.values["camera"].pk} if address.endswith("/shows") else {}


def body_of(address, who, site):
    """Make the body that is right for whoever may ask; those who may not are told so first."""
    order = factories.order_body(site.values["camera"])
    login = who if who in ("bob", "mallory", "operator") else "alice"
    changed = {"password": "a fresh staple", "password_confirmation": "a fresh staple"}
    bodies = {
        "/api/v1/token": {"login": login, "password": PASSWORD},
        "/api/admin/v1/auth/token": {"login": login, "password": PASSWORD},
        "/api/v1/token/refresh": {"refresh_token": site.refresh},
        "/api/v1/integration-tokens": {"name": "archive", "scopes": ["downloads"]},
        "/api/v1/webhooks": {"url": "https://hooks.example.org/vms"},
        "/api/v1/user/password": {"old_password": PASSWORD, **changed},
        "/createarchivetask": psim_order(site.values["camera"]),
        "/api/v1/cameras/preview": {"cameras": [{"uuid": str(site.values["camera"].uuid)}]},
        "/api/v1/cameras/archive": {"cameras": [link_order(site.values["camera"])]},
        "/broadcasting/auth": {"socket_id": "1.2", "channel_name": site.values["channel"]},
    }
    return bodies.get(address, order if address.endswith(("/downloads", "/estimate")) else {})


def psim_order(camera):
    order = factories.order_body(camera)
    return {"CameraId": camera.pk, "From": order["from"], "To": order["to"]}


def link_order(camera):
    order = factories.order_body(camera)
    return {"uuid": str(camera.uuid), "from": order["from"], "to": order["to"]}


def ask(site, method, address, who):
    client = APIClient()
    if site.tokens[who]:
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {site.tokens[who]}")
    path = fill_in(address, site.values)
    if address == "/deletearchivetask":
        path += f"?{urlencode(query_of(address, site))}"
    if method == "GET":
        return client.get(path, query_of(address, site))
    return getattr(client, method.lower())(path, body_of(address, who, site), format="json")


def listed(site, path, who):
    body = ask(site, "GET", f"/api/v1/{path}", who).json()
    return body if isinstance(body, list) else body["data"]


def kept_rows():
    """List what a request that is refused must not have touched."""
    return (
        list(Download.objects.order_by("pk").values_list("pk", "job__state", "expires_at")),
        list(Session.objects.order_by("pk").values_list("pk", "revoked_at")),
        list(IntegrationToken.objects.order_by("pk").values_list("pk", "revoked_at")),
        list(User.objects.order_by("pk").values_list("pk", "password")),
        list(Webhook.objects.order_by("pk").values_list("pk", "deliveries")),
        list(ArchiveTask.objects.order_by("pk").values_list("pk", "download")),
    )


def test_has_a_row_for_every_address():
    assert mapped() == set(ROWS)


def test_sees_an_address_that_is_new():
    assert ("POST", "/broadcasting/auth") not in mapped("downloads.urls")
    assert mapped("downloads.urls") == {
        (method, address.removeprefix("/api/v1"))
        for method, address in ROWS
        if address.startswith("/api/v1/downloads")
    }


@pytest.mark.parametrize(("method", "address"), ROWS)
def test_answers_everybody_as_the_table_says(site, method, address):
    before = kept_rows()
    answers = {}
    for who in WHO:
        with transaction.atomic():
            answers[who] = ask(site, method, address, who)
            assert answers[who].status_code == 200 or kept_rows() == before, who
            transaction.set_rollback(True)  # the next one finds what this one found
    statuses = {who: answer.status_code for who, answer in answers.items()}
    assert statuses == ROWS[method, address]
    if address in PSIM:
        assert_refused_as_psim(answers.values())
        return
    for answer in answers.values():
        if answer.status_code == 401:
            assert answer.json() == {"message": "Unauthenticated."}
            assert answer["WWW-Authenticate"] == "Bearer"
        if answer.status_code == 404:
            assert answer.json() == {"message": "Not found."}


def assert_refused_as_psim(answers):
    for answer in answers:
        if answer.status_code == 200:
            continue
        assert answer.json()["State"] == "Error"
        if answer.status_code == 401:
            assert answer["WWW-Authenticate"].startswith("Basic ")


@pytest.mark.parametrize("who", ["bob", "mallory"])
def test_lists_nothing_of_alice_to_others(site, who):
    for path in (*OPERATORS_NEITHER, "cameras", "cameras/shows"):
        assert listed(site, path, who) == [], path


def test_lists_her_own_to_alice(site):
    for path in (*OPERATORS_NEITHER, "cameras", "cameras/shows"):
        assert listed(site, path, "alice"), path


def test_lists_nothing_of_alice_to_operators_but_her_cameras(site):
    for path in OPERATORS_NEITHER:
        assert listed(site, path, "operator") == [], path


@pytest.mark.parametrize("who", ["bob", "mallory", "operator"])
def test_lists_only_the_sessions_of_who_asks(site, who):
    shown = {row["id"] for row in listed(site, "sessions", who)}
    assert shown == {one.pk for one in Session.objects.filter(user__login=who)}


def admin_pages():
    """Name the pages of the admin site that take no argument, but the doors to it."""
    [site] = [
        pattern
        for pattern in get_resolver("vms.urls").url_patterns
        if str(pattern.pattern) == "admin/" and not isinstance(pattern, URLPattern)
    ]
    return sorted(
        address_of(route)
        for route, pattern in patterns_below(site.url_patterns, "admin/")
        if "{" not in address_of(route) and "(" not in route
        if pattern.name not in ("login", "logout")
    )


def test_finds_the_pages_of_the_admin_site():
    assert {"/admin/", "/admin/accounts/user/", "/admin/downloads/download/"} <= set(admin_pages())


def test_shows_pages_of_the_admin_site_to_operators_only(site, alice):
    browser = Browser()
    browser.force_login(alice)
    for address in admin_pages():
        for answer in (
            Browser().get(address),
            browser.get(address),
            ask(site, "GET", address, "operator"),  # a token of the API opens no page
        ):
            assert answer.status_code == 302, address
            assert answer["Location"].startswith("/admin/login/"), address
