"""What can be told of our dependencies without asking anybody; `make audit` asks."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests import advisories
from vms.env import PROJECT_DIR

LISTS = ("requirements.txt", "requirements-dev.txt")
# A pinned package with its hashes; `via` comments say who asked for it.
PIN = re.compile(
    r"^(?P<name>[\w.-]+)(?:\[[\w,-]+\])?==(?P<version>[\w.!+-]+)"
    r"(?P<hashes>(?: \\\n    --hash=sha256:[0-9a-f]{64})+)\n(?:    # .*\n)*",
    re.MULTILINE,
)
# Comes with every environment and installs the rest.
OF_THE_ENVIRONMENT = {"pip", "setuptools", "wheel"}


def pins(name: str) -> dict[str, str]:
    """Return the versions a list pins, by package."""
    text = (PROJECT_DIR / name).read_text()
    return {canonicalize_name(match["name"]): match["version"] for match in PIN.finditer(text)}


def wanted(extra: str | None) -> list[Requirement]:
    """Return what pyproject.toml asks for."""
    project = tomllib.loads((PROJECT_DIR / "pyproject.toml").read_text())["project"]
    named = project["dependencies"] if extra is None else project["optional-dependencies"][extra]
    return [Requirement(text) for text in named]


@pytest.mark.parametrize("name", LISTS)
def test_a_list_holds_nothing_but_pinned_packages_with_hashes(name):
    left = PIN.sub("", (PROJECT_DIR / name).read_text())

    assert left.strip() == ""


def test_both_lists_pin_the_same_versions():
    run, dev = (pins(name) for name in LISTS)

    assert run.items() <= dev.items()


@pytest.mark.parametrize(("name", "extra"), [(LISTS[0], None), (LISTS[1], None), (LISTS[1], "dev")])
def test_pins_are_within_what_pyproject_asks_for(name, extra):
    pinned = pins(name)
    wrong = [
        str(requirement)
        for requirement in wanted(extra)
        if not requirement.specifier.contains(pinned.get(canonicalize_name(requirement.name), "0"))
    ]

    assert wrong == []


def test_no_pin_is_a_version_before_its_release():
    unreleased = re.compile(r"(a|b|rc|dev)\d", re.IGNORECASE)
    early = {
        name: version for name, version in pins(LISTS[1]).items() if unreleased.search(version)
    }

    assert early == {}


def test_what_is_installed_is_what_is_pinned():
    installed = {canonicalize_name(one.metadata["Name"]): one.version for one in distributions()}
    ours = {name: version for name, version in installed.items() if name not in OF_THE_ENVIRONMENT}

    assert ours == {
        name: version for name, version in pins(LISTS[1]).items() if name not in OF_THE_ENVIRONMENT
    }


def test_what_is_installed_fits_together():
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", "check"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout


# As pip-audit 2.10 writes them.
GOOD = {"name": "a", "version": "1", "vulns": []}
UNKNOWN = {"name": "b", "skip_reason": "Dependency not found on PyPI and could not be audited"}
HOLE = {"id": "PYSEC-2021-1", "fix_versions": ["3.2.1", "3.3"], "aliases": [], "description": "x"}
BAD = {"name": "c", "version": "3.2", "vulns": [HOLE]}


@pytest.mark.parametrize(
    ("packages", "code", "says"),
    [
        ([GOOD], 0, "1 packages, no known hole."),
        ([GOOD, UNKNOWN], 2, "not audited: the service knows nothing of 1 of 2 packages."),
        ([], 2, "not audited: the service knows nothing of 0 of 0 packages."),
        ([UNKNOWN, BAD], 1, "c 3.2: PYSEC-2021-1, fixed in: 3.2.1, 3.3"),
    ],
)
def test_an_audit_is_clean_only_when_every_package_is_known(packages, code, says, tmp_path, capsys):
    report = json.dumps({"dependencies": packages, "fixes": []})
    tool = [sys.executable, "-c", f"print({report!r})"]

    assert advisories.audit(tool, tmp_path) == code
    assert says in capsys.readouterr().out


@pytest.mark.parametrize(
    ("tool", "says"),
    [
        (["no-such-program"], "there is no pip-audit"),
        (
            [sys.executable, "-c", "import sys; sys.exit('ConnectionError: no such host')"],
            "the advisory service was not asked: ConnectionError: no such host",
        ),
    ],
)
def test_an_audit_that_could_not_ask_is_none(tool, says, capsys):
    assert advisories.audit(tool, Path()) == 2
    assert says in capsys.readouterr().out


def test_an_audit_asks_about_both_lists(tmp_path, capsys):
    said = tmp_path / "asked"
    code = f"import sys; open({str(said)!r}, 'w').write(' '.join(sys.argv[1:])); print('[')"

    advisories.audit([sys.executable, "-c", code], PROJECT_DIR)

    assert all(f"-r {PROJECT_DIR / name}" in said.read_text() for name in LISTS)
