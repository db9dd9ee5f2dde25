"""People, API clients and folders that every test may ask for.

alice owns cameras, bob is her sub-user, mallory is a stranger, operator is staff.
"""

from __future__ import annotations

import os

import hypothesis
import pytest
from django.db import connections
from django.utils import timezone
from rest_framework.test import APIClient

from tests import footage
from tests.running import (  # noqa: F401 - fixtures for all
    environment,
    manage,
    own_database,
    start_up,
)
from tests.scheduling import (  # noqa: F401 - hooks
    pytest_collection_modifyitems,
    pytest_xdist_make_scheduler,
)
from vms.accounts.models import User
from vms.accounts.services import open_session
from vms.api.clients import Client

PASSWORD = "correct horse battery staple"

# The same examples each time, however slow the machine is at the moment; more of them when asked.
hypothesis.settings.register_profile(
    "vms",
    deadline=None,
    derandomize=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
    max_examples=int(os.environ.get("TESTS_EXAMPLES", "100")),
)
hypothesis.settings.load_profile("vms")


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix, tmp_path_factory):
    """Keep an SQLite test database in a file, as in production: threads wait for each other."""
    database = connections["default"].settings_dict
    if database["ENGINE"].endswith("sqlite3"):
        database["TEST"]["NAME"] = str(tmp_path_factory.mktemp("database") / "vms.sqlite3")


@pytest.fixture(autouse=True)
def folders(settings, tmp_path):
    """Give each test its own archive and storage folders."""
    settings.ARCHIVE_DIR = tmp_path / "archive"
    settings.STORAGE_DIR = tmp_path / "storage"
    settings.INDEX_DIR = tmp_path / "index"
    settings.LINKS_DIR = tmp_path / "links"
    settings.PREVIEWS_DIR = tmp_path / "previews"
    settings.ARCHIVE_DIR.mkdir()
    settings.STORAGE_DIR.mkdir()


@pytest.fixture(autouse=True)
def quick_passwords(settings):
    """Hash passwords cheaply; the strength of the hash is not what tests are about."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def local_cache(settings, tmp_path):
    """Keep the cache and the channel layer in this process: no broker runs in these tests."""
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
            "LOCATION": str(tmp_path),  # each test its own: no limits counted in another
        }
    }
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}


@pytest.fixture
def alice(db) -> User:
    return User.objects.create_user("alice", PASSWORD, name="Alice")


@pytest.fixture
def bob(db, alice) -> User:
    return User.objects.create_user("bob", PASSWORD, name="Bob", parent=alice)


@pytest.fixture
def mallory(db) -> User:
    return User.objects.create_user("mallory", PASSWORD, name="Mallory")


@pytest.fixture
def operator(db) -> User:
    return User.objects.create_user("operator", PASSWORD, name="Operator", is_staff=True)


@pytest.fixture(autouse=True, scope="session")
def footage_cache(tmp_path_factory, worker_id):
    """Let all processes of one test run share the footage they make."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "footage"
    folder.mkdir(exist_ok=True)
    footage.cache_dir[:] = [folder]


@pytest.fixture
def api(db):
    """Make an API client that sends the access token of a new session of a user."""

    def api(user: User) -> APIClient:
        _session, pair = open_session(user, Client(name="web"), timezone.now())
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {pair.access}", HTTP_X_CLIENT="web")
        return client

    return api


# Where every service is meant to be there, a skipped test is a failed one: nothing missing hides.
SKIPPING_FORBIDDEN = os.environ.get("TESTS_NO_SKIP") == "1"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    return fail_when_skipped(report)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    report = yield
    return fail_when_skipped(report)


def fail_when_skipped(report):
    if SKIPPING_FORBIDDEN and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped where skipping is forbidden: {report.longrepr}"
    return report
