"""The system checks that `up` and `manage.py check` run."""

from __future__ import annotations

import pytest

from vms.ops.checks import (
    check_debug,
    check_encryption,
    check_ffmpeg,
    check_folders,
    check_https_proxy,
    check_public_url,
)


def test_accepts_separate_folders():
    assert check_folders() == []


def test_accepts_a_folder_that_can_be_made(settings, tmp_path):
    settings.STORAGE_DIR = tmp_path / "not" / "yet"

    assert check_folders() == []


def test_accepts_https_behind_a_proxy(settings):
    settings.HTTPS = True
    settings.VMS = {**settings.VMS, "VMS_TRUSTED_PROXIES": ["10.0.0.2"]}

    assert check_https_proxy() == []


def test_refuses_a_folder_that_is_a_file(settings, tmp_path):
    settings.ARCHIVE_DIR = tmp_path / "file"
    settings.ARCHIVE_DIR.write_text("")

    assert [error.id for error in check_folders()] == ["vms.E001"]


def test_refuses_a_folder_under_a_file(settings, tmp_path):
    (tmp_path / "file").write_text("")
    settings.ARCHIVE_DIR = tmp_path / "file" / "archive"

    assert [error.id for error in check_folders()] == ["vms.E001"]


def test_refuses_folders_in_one_another(settings, tmp_path):
    settings.STORAGE_DIR = settings.ARCHIVE_DIR / "storage"

    assert [error.id for error in check_folders()] == ["vms.E002"]


def test_warns_without_ffmpeg(settings, tmp_path):
    settings.VMS = {**settings.VMS, "VMS_FFMPEG": tmp_path / "nothing"}

    assert [warning.id for warning in check_ffmpeg()] == ["vms.W001"]


def test_warns_without_a_public_address(settings):
    settings.PUBLIC_URL = None

    assert [warning.id for warning in check_public_url()] == ["vms.W002"]


def test_warns_of_https_without_a_proxy(settings):
    settings.HTTPS = True
    settings.VMS = {**settings.VMS, "VMS_TRUSTED_PROXIES": []}

    assert [warning.id for warning in check_https_proxy()] == ["vms.W003"]


@pytest.mark.parametrize(
    ("host", "public", "refused"),
    [
        ("127.0.0.1", None, False),
        ("::1", "http://localhost:8000", False),
        ("0.0.0.0", None, True),
        ("127.0.0.1", "https://vms.example.org", True),
        ("vms-1.example.org", None, True),
    ],
)
def test_refuses_debug_pages_where_others_see_them(settings, host, public, refused):
    settings.VMS = {**settings.VMS, "VMS_DEBUG": True, "VMS_HOST": host}
    settings.PUBLIC_URL = public

    assert [error.id for error in check_debug()] == ["vms.E003"] * refused
    settings.VMS = {**settings.VMS, "VMS_DEBUG": False}
    assert check_debug() == []


def test_warns_of_passwords_over_plain_http(settings):
    settings.PUBLIC_URL, settings.HTTPS = "http://vms.example.org", False
    assert [warning.id for warning in check_encryption()] == ["vms.W005"]

    settings.PUBLIC_URL, settings.HTTPS = "https://vms.example.org", True
    assert check_encryption() == []
