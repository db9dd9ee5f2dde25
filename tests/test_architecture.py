"""The rules of the tree: who imports whom, and models that match their migrations."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import call_command

from vms.env import PROJECT_DIR

OURS = {"vms", "cameras", "exports", "downloads", "previews"}


def test_packages_import_downwards_only():
    lint = Path(sys.executable).with_name("lint-imports")
    result = subprocess.run(
        [lint, "--no-logo", "--no-cache"],
        cwd=PROJECT_DIR,
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.django_db
def test_migrations_hold_every_model():
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_migrations_have_names():
    for config in apps.get_app_configs():
        if config.name.partition(".")[0] in OURS:
            for path in Path(config.path).glob("migrations/[0-9]*.py"):
                assert "_auto_" not in path.name, path


def test_every_app_is_one_of_the_tree():
    ours = {config.name for config in apps.get_app_configs() if config.name.split(".")[0] in OURS}

    assert ours == {
        "vms.accounts",
        "vms.api",
        "vms.push",
        "vms.webhooks",
        "vms.ops",
        "cameras",
        "exports",
        "exports.psim",
        "downloads",
        "previews",
    }


def test_the_web_process_is_spared_the_libraries_of_workers():
    look = (
        "import sys, vms.asgi\n"
        "from django.urls import get_resolver\n"
        "get_resolver().url_patterns\n"
        "print(sorted({'av', 'numpy', 'boto3', 'botocore', 'storages'} & set(sys.modules)))\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", look], cwd=PROJECT_DIR, capture_output=True, text=True, check=False
    )

    assert result.stdout == "[]\n", result.stdout + result.stderr
