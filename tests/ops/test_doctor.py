"""`manage.py doctor`: what is used, what is wrong, and no credentials."""

from __future__ import annotations

import io
import socket
from pathlib import Path

import pytest
from django.core.management import call_command

from vms.ops import runfolder
from vms.ops.diagnosis import Level, diagnose


@pytest.fixture
def data_dir(settings, tmp_path) -> Path:
    settings.DATA_DIR = tmp_path
    settings.RUN_DIR = tmp_path / "run"
    return tmp_path


@pytest.fixture
def vms(settings, data_dir):
    """Change the operator's settings for one test."""

    def change(**values: object) -> None:
        settings.VMS = {**settings.VMS, **values}

    change(VMS_REDIS_URL=None, VMS_HOST="127.0.0.1", VMS_PORT=0)
    return change


def examine() -> tuple[int, str]:
    out = io.StringIO()
    try:
        call_command("doctor", stdout=out, no_color=True)
    except SystemExit as end:
        return int(end.code), out.getvalue()
    return 0, out.getvalue()


@pytest.mark.django_db
def test_finds_nothing_wrong_in_a_good_installation(vms):
    code, text = examine()

    assert code == 0
    assert text.endswith("Nothing is wrong.\n")
    assert "all migrations applied" in text
    for subject in ("python", "ffmpeg", "database", "broker", "data", "archive", "storage", "web"):
        assert f"ok     {subject}" in text or f"note   {subject}" in text


@pytest.mark.django_db
def test_only_notes_that_up_is_not_running(vms):
    notes = {one.subject: one.value for one in diagnose() if one.level is Level.NOTE}

    assert notes == {
        "broker": "embedded Valkey, not running",
        "server": "not running on this data folder",
    }


@pytest.mark.django_db
def test_says_where_a_running_up_answers(vms, data_dir):
    with runfolder.locked(data_dir / "run"):
        runfolder.leave_web_url(data_dir / "run", "http://127.0.0.1:8123")

        assert "web at http://127.0.0.1:8123" in examine()[1]


@pytest.mark.django_db
def test_names_a_broker_that_is_away_without_its_password(vms, settings):
    settings.REDIS_URL = "redis://:hidden@127.0.0.1:1/0"
    vms(VMS_REDIS_URL=settings.REDIS_URL)
    code, text = examine()

    assert code == 1
    assert "wrong  broker    127.0.0.1 cannot be reached" in text
    assert "hidden" not in text


@pytest.mark.django_db
def test_names_an_ffmpeg_that_does_not_run(vms, tmp_path):
    vms(VMS_FFMPEG=tmp_path / "nothing")
    code, text = examine()

    assert code == 1
    assert "wrong  ffmpeg" in text
    assert "VMS_FFMPEG" in text


@pytest.mark.django_db
def test_names_a_folder_that_is_a_file(vms, settings, tmp_path):
    settings.STORAGE_DIR = tmp_path / "file"
    settings.STORAGE_DIR.write_text("")
    code, text = examine()

    assert code == 1
    assert "is not a folder" in text
    assert "VMS_STORAGE_DIR" in text


@pytest.mark.django_db
def test_names_a_full_disk(vms):
    vms(VMS_EXPORT_RESERVE_BYTES=2**60)
    code, text = examine()

    assert code == 1
    assert "Free room" in text


@pytest.mark.django_db
def test_names_https_without_a_proxy(vms, settings):
    settings.PUBLIC_URL, settings.HTTPS = "https://vms.example.org", True
    vms(VMS_TRUSTED_PROXIES=[])
    code, text = examine()

    assert code == 1
    assert "wrong  address   https://vms.example.org, VMS_PUBLIC_URL is https but" in text
    assert "Set VMS_TRUSTED_PROXIES" in text


@pytest.mark.django_db
def test_names_what_up_refuses_to_start_with(vms, settings):
    settings.STORAGE_DIR = settings.ARCHIVE_DIR / "storage"
    code, text = examine()

    assert code == 1
    assert "wrong  check     The folders of recordings and of finished files lie in one" in text
    assert "Set VMS_ARCHIVE_DIR and VMS_STORAGE_DIR to separate folders." in text
    assert text.endswith("1 wrong\n")


@pytest.mark.django_db
def test_names_a_port_that_another_program_has(vms):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        vms(VMS_PORT=port)
        code, text = examine()

    assert code == 1
    assert f"wrong  web       127.0.0.1:{port} cannot be listened on" in text
    assert "set VMS_PORT to a free port" in text


@pytest.mark.django_db
def test_takes_the_port_of_a_running_up_for_its_own(vms, data_dir):
    with (
        runfolder.locked(data_dir / "run"),
        socket.create_server(("127.0.0.1", 0)) as taken,
    ):
        vms(VMS_PORT=taken.getsockname()[1])

        assert f"ok     web       127.0.0.1:{taken.getsockname()[1]}\n" in examine()[1]


@pytest.mark.django_db
@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid", "x" * 70])
def test_names_a_host_that_is_not_this_machine(vms, host):
    vms(VMS_HOST=host)
    code, text = examine()

    assert code == 1
    assert f"VMS_HOST {host} is no address of this machine." in text
