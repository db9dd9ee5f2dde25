"""What `manage.py` makes of the operator's settings, in processes of their own."""

from __future__ import annotations

import os
import stat
import subprocess
import sys

import pytest

from vms.env import PROJECT_DIR

LONG = "0123456789abcdefghijklmnopqrstuvwxyz"


@pytest.fixture
def environ(tmp_path):
    """An environment with no settings but a data folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VMS_")}
    return {**kept, "VMS_DATA_DIR": str(tmp_path / "data")}


@pytest.fixture
def command(environ):
    """Run a command with what is given set as well."""

    def run(*arguments, **settings):
        return subprocess.run(
            [sys.executable, str(PROJECT_DIR / "manage.py"), *arguments],
            env={**environ, **settings},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.fixture
def shown(environ):
    """Print what the settings make of an expression; without the apps, which take a second."""

    def shown(expression, **settings):
        text = f"from django.conf import settings; print({expression})"
        return subprocess.run(
            [sys.executable, "-c", text],
            cwd=PROJECT_DIR,
            env={**environ, "DJANGO_SETTINGS_MODULE": "vms.settings", **settings},
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        ).stdout.strip()

    return shown


def test_keeps_the_data_folder_to_its_owner(command, tmp_path):
    command("migrate", "-v", "0")

    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700
    assert (tmp_path / "data" / "vms.sqlite3").exists()


def test_works_in_a_folder_of_any_name(command, tmp_path):
    folder = tmp_path / "50% of #1? & co"

    result = command("migrate", "-v", "0", VMS_DATA_DIR=str(folder))

    assert result.returncode == 0, result.stderr
    assert (folder / "vms.sqlite3").exists()


def test_takes_a_given_key_before_the_kept_one(shown):
    kept = shown("settings.SECRET_KEY")

    assert len(kept) >= 32
    assert shown("settings.SECRET_KEY") == kept
    assert shown("settings.SECRET_KEY", VMS_SECRET_KEY=LONG) == LONG


def test_leaves_sub_domains_to_the_owner_of_the_domain(shown):
    switches = "settings.SECURE_HSTS_SECONDS > 0, settings.SECURE_HSTS_INCLUDE_SUBDOMAINS"

    assert shown(switches, VMS_PUBLIC_URL="https://vms.example.org") == "True False"


def test_allows_the_hosts_of_its_own_addresses(shown):
    hosts = shown("settings.ALLOWED_HOSTS", VMS_PUBLIC_URL="http://[fd00::1]:8000")

    assert hosts == "['localhost', '127.0.0.1', '[::1]', '[fd00::1]']"


@pytest.mark.parametrize(
    "setting",
    [{"VMS_REDIS_URL": "redis://:p@cache/0"}, {"VMS_DATABASE_URL": "postgres://u:p@db/vms"}],
)
def test_refuses_the_key_of_embedded_use_elsewhere(command, shown, tmp_path, setting):
    shown("settings.SECRET_KEY")
    assert (tmp_path / "data" / "secret.key").exists()

    result = command("check", **setting)

    assert result.returncode == 1
    assert result.stderr.startswith("CommandError: VMS_SECRET_KEY is missing")


def test_refuses_a_damaged_key(command, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "secret.key").write_text("")

    result = command("check")

    assert result.returncode == 1
    assert result.stderr.startswith("CommandError: secret.key in the data folder is damaged")


@pytest.mark.parametrize("name", ["doctor", "up", "demo", "migrate", "help"])
def test_refuses_a_value_in_one_sentence(command, name):
    result = command(name, VMS_PORT="eighty")

    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr == (
        "CommandError: VMS_PORT cannot be used: write a whole number from 0 to 65535.\n"
    )


@pytest.mark.parametrize("folder", ["/proc/1", "/proc/1/new", "/dev/null"])
def test_refuses_a_data_folder_it_cannot_use(command, folder):
    result = command("doctor", VMS_DATA_DIR=folder)

    assert result.returncode == 1
    assert result.stderr.startswith("CommandError: VMS_DATA_DIR cannot be used: name a folder")
    assert result.stderr.count("\n") == 1
