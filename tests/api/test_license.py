"""License files: what is believed, what is refused, and the commands and checks around them."""

from __future__ import annotations

import base64
import io
import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.management import CommandError, call_command
from django.utils import timezone

from tests import factories
from vms.api.license import (
    BadLicense,
    License,
    installed,
    issue,
    read,
    refusal,
    shown_key,
    signed_bytes,
)
from vms.env import BadSetting, read_settings
from vms.ops.checks import check_license
from vms.ops.diagnosis import Level, license_in_force

NOW = datetime(2026, 3, 14, 9, 26, tzinfo=UTC)
TOWN = License("Town of Überlingen", NOW, 3)
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes_raw()


@pytest.fixture
def file(tmp_path) -> Path:
    return tmp_path / "license.json"


@pytest.fixture
def install(settings, file):
    """Let the settings name a license file with this text; None leaves it away."""

    def install(text: str | bytes | None, public_key: bytes | None = PUBLIC) -> None:
        if text is not None:
            file.write_bytes(text if isinstance(text, bytes) else text.encode())
        settings.VMS = {
            **settings.VMS,
            "VMS_LICENSE_FILE": file,
            "VMS_LICENSE_PUBLIC_KEY": public_key,
        }

    return install


def signed(**fields) -> str:
    """Write what no `issue` would, rightly signed."""
    signature = base64.b64encode(KEY.sign(signed_bytes(fields))).decode()
    return json.dumps({**fields, "signature": signature})


def no_cameras() -> int:
    return 0


def one_too_many() -> int:
    return TOWN.max_cameras + 1


def never() -> int:
    raise AssertionError("nobody needs the number of cameras")


# --- what is believed ---


def test_reads_back_what_was_issued(file):
    file.write_text(issue(TOWN, KEY))

    assert read(file, PUBLIC) == TOWN


def test_allows_everything_without_a_license(settings):
    settings.VMS = {**settings.VMS, "VMS_LICENSE_FILE": None, "VMS_LICENSE_PUBLIC_KEY": PUBLIC}

    assert installed() is None
    assert refusal(NOW, never) is None


def test_holds_up_to_its_last_instant(install):
    install(issue(TOWN, KEY))

    assert refusal(NOW, no_cameras) is None
    assert refusal(NOW + timedelta(microseconds=1), never) == "The license ended on 2026-03-14."


def test_holds_up_to_its_last_camera(install):
    install(issue(TOWN, KEY))

    assert refusal(NOW, lambda: 3) is None
    assert refusal(NOW, one_too_many) == "There are 4 cameras; the license allows 3."


def test_reads_any_order_of_keys_and_any_white_space(file):
    fields = json.loads(issue(TOWN, KEY))
    file.write_text(json.dumps(dict(reversed(fields.items())), indent=7))

    assert read(file, PUBLIC) == TOWN


def test_leaves_keys_it_does_not_know_to_later_versions(file):
    file.write_text(
        signed(holder="Town", valid_until="2027-01-01T00:00:00+01:00", max_cameras=5, edition="x")
    )

    assert read(file, PUBLIC) == License("Town", datetime(2026, 12, 31, 23, tzinfo=UTC), 5)


# --- what is not ---


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("holder", "Somebody else"),
        ("valid_until", "2099-01-01T00:00:00.000000Z"),
        ("max_cameras", 1000),
        ("max_cameras", 3.0),
        ("more", 1),
    ],
)
def test_notices_every_change(install, key, value):
    install(json.dumps({**json.loads(issue(TOWN, KEY)), key: value}))

    assert refusal(NOW, no_cameras) == "The signature of the license is not valid."


def test_believes_no_other_key(install):
    install(issue(TOWN, Ed25519PrivateKey.generate()))

    assert refusal(NOW, no_cameras) == "The signature of the license is not valid."


def test_believes_nothing_without_a_key(install):
    install(issue(TOWN, KEY), public_key=None)

    assert "VMS_LICENSE_PUBLIC_KEY is not set" in str(refusal(NOW, no_cameras))


def test_takes_no_signature_made_for_something_else(install):
    fields = json.loads(issue(TOWN, KEY))
    del fields["signature"]
    bare = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    signature = base64.b64encode(KEY.sign(bare)).decode()
    install(json.dumps({**fields, "signature": signature}))

    assert refusal(NOW, no_cameras) == "The signature of the license is not valid."


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "{",
        "[]",
        "7",
        "null",
        "{}",
        '{"signature": 5}',
        '{"signature": "not base64!"}',
        '{"signature": "ü"}',
        '{"holder": "\\ud800", "signature": ""}',
        "[" * 60_000,
        b"\xff\xfe",
        issue(License("x" * 100_000, NOW, 3), KEY),
    ],
    ids=lambda text: repr(text)[:20],
)
def test_refuses_a_file_it_cannot_read(install, file, text):
    install(text)

    reason = refusal(NOW, no_cameras)

    assert reason == "The license cannot be read."


def test_refuses_a_folder_and_names_no_path(install, file):
    file.mkdir()
    install(None)

    with pytest.raises(BadLicense) as refused:
        installed()
    assert str(file) not in str(refused.value)


@pytest.mark.parametrize("signature", ["", "AAAA", base64.b64encode(bytes(64)).decode()])
def test_refuses_a_signature_of_any_length(install, signature):
    install(json.dumps({**json.loads(issue(TOWN, KEY)), "signature": signature}))

    assert refusal(NOW, no_cameras) == "The signature of the license is not valid."


@pytest.mark.parametrize(
    "wrong",
    [
        {"holder": None},
        {"holder": 5},
        {"valid_until": "2027-01-01"},
        {"valid_until": "2027-01-01T00:00:00"},
        {"valid_until": 1},
        {"max_cameras": "3"},
        {"max_cameras": True},
        {"max_cameras": -1},
        {"max_cameras": None},
    ],
    ids=str,
)
def test_refuses_values_of_another_kind_though_signed(install, wrong):
    install(
        signed(**{"holder": "A", "valid_until": "2027-01-01T00:00:00Z", "max_cameras": 3, **wrong})
    )

    assert "holder, valid_until and max_cameras" in str(refusal(NOW, no_cameras))


@pytest.mark.parametrize("text", ["x", "AAAA", base64.b64encode(bytes(33)).decode(), "*" * 44])
def test_refuses_a_setting_that_is_no_key(text):
    with pytest.raises(BadSetting, match="32 bytes of an Ed25519 public key"):
        read_settings({"VMS_LICENSE_PUBLIC_KEY": text})


def test_reads_the_key_from_the_settings():
    values = read_settings({"VMS_LICENSE_PUBLIC_KEY": f" {shown_key(KEY.public_key())} "})

    assert values["VMS_LICENSE_PUBLIC_KEY"] == PUBLIC


# --- doctor and the system check ---


@pytest.mark.django_db
def test_doctor_says_that_the_server_is_open(settings):
    settings.VMS = {**settings.VMS, "VMS_LICENSE_FILE": None}

    assert license_in_force().level is Level.OK
    assert "open" in license_in_force().value
    assert check_license() == []


@pytest.mark.django_db
def test_doctor_names_holder_and_limits(install):
    install(issue(License("Town", timezone.now() + timedelta(days=1), 3), KEY))

    found = license_in_force()

    assert found.level is Level.OK
    assert found.value.startswith("Town, until ")
    assert found.value.endswith("at most 3 cameras")
    assert check_license() == []


@pytest.mark.django_db
def test_doctor_and_check_name_a_license_that_has_ended(install):
    install(issue(TOWN, KEY))

    found = license_in_force()

    assert (found.level, found.value) == (Level.WRONG, "The license ended on 2026-03-14.")
    assert "VMS_LICENSE_FILE" in found.cure
    assert [(warning.id, warning.msg) for warning in check_license()] == [("vms.W004", found.value)]


@pytest.mark.django_db
def test_doctor_counts_the_cameras(install):
    install(issue(License("Town", timezone.now() + timedelta(days=1), 1), KEY))
    factories.camera()
    factories.camera()

    assert license_in_force().value == "There are 2 cameras; the license allows 1."


@pytest.mark.django_db
def test_doctor_and_check_name_a_license_nobody_can_read(install):
    install("{")

    assert license_in_force().level is Level.WRONG
    assert [warning.msg for warning in check_license()] == ["The license cannot be read."]


# --- the command ---


def run(*arguments) -> str:
    out = io.StringIO()
    call_command("license", *map(str, arguments), stdout=out)
    return out.getvalue()


def issued(key: Path, /, **changes) -> str:
    options = {
        "key": key,
        "holder": "Town",
        "valid-until": "2099-12-31T23:59:59Z",
        "max-cameras": 2,
        **changes,
    }
    return run("issue", *(f"--{name}={value}" for name, value in options.items()))


@pytest.mark.django_db
def test_makes_keys_issues_and_shows(install, tmp_path):
    key = tmp_path / "private.pem"
    public = read_settings({"VMS_LICENSE_PUBLIC_KEY": run("new-key", key)})
    install(issued(key), public_key=public["VMS_LICENSE_PUBLIC_KEY"])
    factories.camera()

    text = run("show")

    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert "holder       Town\n" in text
    assert "valid until  2099-12-31T23:59:59.000000Z\n" in text
    assert "cameras      1 of 2\n" in text
    assert text.endswith("The license holds.\n")


@pytest.mark.django_db
def test_shows_why_a_license_does_not_hold(install):
    install(issue(TOWN, KEY))
    out = io.StringIO()

    with pytest.raises(SystemExit) as end:
        call_command("license", "show", stdout=out)

    assert end.value.code == 1
    assert "\nThe license ended on 2026-03-14. The Admin API answers 402. Renew" in out.getvalue()


def test_shows_that_there_is_none(settings):
    settings.VMS = {**settings.VMS, "VMS_LICENSE_FILE": None}

    assert run("show") == "No license is installed: the server is open.\n"


def test_shows_that_a_license_cannot_be_read(install):
    install("{")

    with pytest.raises(
        CommandError, match=r"^The license cannot be read\. .*VMS_LICENSE_FILE names"
    ):
        run("show")


def test_never_writes_over_a_key(tmp_path):
    key = tmp_path / "private.pem"
    run("new-key", key)
    kept = key.read_bytes()

    with pytest.raises(CommandError, match="already"):
        run("new-key", key)
    assert key.read_bytes() == kept


@pytest.mark.parametrize(
    ("changes", "cure"),
    [
        ({"holder": " "}, "--holder"),
        ({"max-cameras": -1}, "--max-cameras"),
        ({"valid-until": "2027-12-31"}, "--valid-until"),
        ({"key": "/nowhere/private.pem"}, "--key: the file cannot be read"),
        ({"key": __file__}, "--key: name a file that"),
    ],
    ids=["holder", "cameras", "time", "no file", "no key"],
)
def test_refuses_to_issue_what_could_not_hold(tmp_path, changes, cure):
    key = tmp_path / "private.pem"
    run("new-key", key)

    with pytest.raises(CommandError, match=cure):
        issued(key, **changes)
