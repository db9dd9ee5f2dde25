"""Documentation that cannot drift: settings, links, and the files it names."""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import get_commands, load_command_class

from vms.env import PROJECT_DIR, SETTINGS, read_settings
from vms.ops.programs import ORDER, chosen_names

TOP_FOLDERS = ("vms", "downloads", "cameras", "exports", "previews", "templates", "tests", "docs")
ROW = re.compile(r"^\| `(VMS_[A-Z0-9_]+)` \| (\S+) \| (.+) \|$", re.MULTILINE)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\s]+)`")


def pages() -> list[Path]:
    return [*PROJECT_DIR.glob("*.md"), *PROJECT_DIR.glob("docs/**/*.md")]


def each_page():
    return pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)


def written(default: Any) -> str:
    """Write a default as the tables of docs/configuration.md do."""
    if default in (None, []):
        return "none"
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, list):
        return f"`{','.join(default)}`"
    if isinstance(default, Path):
        return f"`{default.relative_to(PROJECT_DIR)}`"
    return f"`{default}`"


def test_every_setting_is_described_with_its_default():
    rows = ROW.findall((PROJECT_DIR / "docs" / "configuration.md").read_text())

    assert len(rows) == len({name for name, _default, _meaning in rows})
    assert {name: default for name, default, _meaning in rows} == {
        setting.name: written(setting.default) for setting in SETTINGS
    }


@each_page()
def test_links_lead_somewhere(page):
    targets = [target for target in LINK.findall(page.read_text()) if "://" not in target]
    missing = [
        target
        for target in targets
        if target.partition("#")[0] and not (page.parent / target.partition("#")[0]).exists()
    ]

    assert missing == []


@each_page()
def test_anchors_are_headings(page):
    for target in LINK.findall(page.read_text()):
        path, mark, anchor = target.partition("#")
        if "://" in target or not mark:
            continue
        text = (page.parent / path).read_text() if path else page.read_text()
        assert anchor in {slug(line) for line in text.splitlines() if line.startswith("#")}, target


def slug(heading: str) -> str:
    words = re.sub(r"[^\w\- ]", "", heading.lstrip("#").strip().lower())
    return words.replace(" ", "-")


@each_page()
def test_files_it_names_exist(page):
    missing = [
        name
        for name in CODE.findall(page.read_text())
        if name.startswith(tuple(f"{folder}/" for folder in TOP_FOLDERS))
        if not re.search(r"[<>{}*%$]|\.\.\.", name)
        if not (PROJECT_DIR / name.partition("::")[0]).exists()
    ]

    assert missing == []


@each_page()
def test_commands_it_names_exist(page):
    named = set(re.findall(r"manage\.py ([a-z_]+)", page.read_text()))
    ours = {path.stem for path in PROJECT_DIR.glob("**/management/commands/[a-z]*.py")}
    django = {"check", "migrate", "makemigrations", "shell", "createsuperuser", "spectacular"}

    assert named <= ours | django


def options_of(command: str) -> set[str]:
    """Return the options of a command, those of its subcommands too."""
    parser = load_command_class(get_commands()[command], command).create_parser("", command)
    waiting, found = [parser], set()
    while waiting:
        for action in waiting.pop()._actions:
            found.update(action.option_strings)
            if isinstance(action, argparse._SubParsersAction):
                waiting.extend(action.choices.values())
    return found


@each_page()
def test_options_it_gives_to_commands_exist(page):
    text = page.read_text().replace("\\\n", " ")
    ours = {path.stem for path in PROJECT_DIR.glob("**/management/commands/[a-z]*.py")}
    calls = re.findall(r"manage\.py ([a-z_]+)([^\n`]*)", text)
    calls += [call for call in re.findall(r"`([a-z_]+)( [^\n`]+)`", text) if call[0] in ours]
    unknown = {
        (command, option)
        for command, words in calls
        for option in re.findall(r"(?<=\s)--[a-z-]+", words.partition("#")[0].partition("|")[0])
        if option not in options_of(command)
    }

    assert unknown == set()


# No settings: what the proxy's template is filled in with, and the example of the how-to.
OTHERS = {"VMS_NGINX_PORT", "VMS_API", "VMS_WEB", "VMS_STORAGE", "VMS_YOUR_SETTING"}


@pytest.mark.parametrize(
    "page",
    [*pages(), *(PROJECT_DIR / "deploy").iterdir(), PROJECT_DIR / "Dockerfile"],
    ids=lambda page: page.name,
)
def test_settings_it_names_exist(page):
    named = set(re.findall(r"\bVMS_[A-Z0-9_]*[A-Z0-9]\b", page.read_text()))
    known = {setting.name for setting in SETTINGS} | OTHERS
    as_files = {f"{name}_FILE" for name in known}

    assert named <= known | as_files


@each_page()
def test_make_targets_it_names_exist(page):
    named = set(re.findall(r"`make ([a-z-]+)", page.read_text()))
    known = set(re.findall(r"^([a-z-]+):", (PROJECT_DIR / "Makefile").read_text(), re.MULTILINE))

    assert named <= known


def test_make_help_lists_the_targets():
    text = subprocess.run(
        ["make", "--no-print-directory", "help"],
        cwd=PROJECT_DIR,
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert {"setup", "run", "demo", "test", "test-postgres", "cluster-test", "check"} <= set(
        text.split()
    )


# What compose hands over in files.
SECRETS = ("VMS_DATABASE_URL_FILE", "VMS_REDIS_URL_FILE", "VMS_SECRET_KEY_FILE")


def compose() -> dict[str, Any]:
    text = (PROJECT_DIR / "docker-compose.yml").read_text()
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded


def of_ours() -> dict[str, Any]:
    """Return the services made from our own image."""
    services = compose()["services"]
    return {name: service for name, service in services.items() if service["image"] == "vms"}


def test_compose_runs_every_program_once():
    commands = [service["command"] for service in of_ours().values()]

    assert all(command[:4] == ["python", "manage.py", "up", "--only"] for command in commands)
    assert sorted(name for command in commands for name in chosen_names(command[4])) == sorted(
        ORDER
    )


def test_compose_passes_every_setting_on():
    for service in of_ours().values():
        environment = service["environment"]
        passed = {name.removesuffix("_FILE") if name in SECRETS else name for name in environment}
        assert passed == {setting.name for setting in SETTINGS}
        assert set(service["secrets"]) == {environment[name].rpartition("/")[2] for name in SECRETS}


def test_compose_settings_are_of_use_when_only_what_is_asked_for_is_set(tmp_path):
    """Fill in as compose does: `:-` with its default, `:?` with what the operator wrote."""
    asked = {"VMS_PUBLIC_URL": "http://vms.example.org"}
    secrets = {
        "secret_key": "k" * 32,
        "database_url": "postgres://vms:abc@postgres:5432/vms",
        "redis_url": "redis://:def@valkey:6379/0",
    }
    for name, value in secrets.items():
        (tmp_path / name).write_text(f"{value}\n")

    def fill(match: re.Match[str]) -> str:
        name, how, default = match.groups()
        return asked[name] if how == "?" else default

    text = {
        name: re.sub(r"\$\{(\w+):([-?])([^}]*)\}", fill, value).replace(
            "/run/secrets", str(tmp_path)
        )
        for name, value in of_ours()["web"]["environment"].items()
    }

    values = read_settings(text)

    assert values["VMS_REDIS_URL"] == "redis://:def@valkey:6379/0"
    assert values["VMS_EXPORT_CONCURRENCY"] == 2
    assert values["VMS_TRUSTED_PROXIES"] == ["172.30.77.0/24"]
    assert values["VMS_STORAGE_DELIVERY"] == "x-accel"


def test_compose_shows_the_world_nothing_but_nginx():
    services = compose()["services"]

    assert [name for name, service in services.items() if "ports" in service] == ["nginx"]
    assert all(service["read_only"] for service in services.values())
    assert all(service["cap_drop"] == ["ALL"] for service in of_ours().values())
    template = (PROJECT_DIR / "deploy" / "nginx.conf.template").read_text()
    named = set(re.findall(r"\$\{(\w+)\}", template))
    assert named == set(services["nginx"]["environment"])


@pytest.mark.parametrize(
    ("allowed", "host"),
    [("", "localhost"), (" .example.org, b.example", "example.org")],
)
def test_compose_asks_for_health_with_an_allowed_host(allowed, host, health_server):
    program = of_ours()["web"]["healthcheck"]["test"]
    assert program[:3] == ["CMD", "python", "-c"]

    subprocess.run(
        [sys.executable, "-c", program[3].replace(":8000", f":{health_server.server_port}")],
        env={"VMS_ALLOWED_HOSTS": allowed},
        check=True,
    )

    assert health_server.asked == [("/healthz", host)]


@pytest.fixture
def health_server():
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.asked.append((self.path, self.headers["Host"]))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_arguments):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        server.asked = []
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_images_hold_no_secrets():
    """The Dockerfile copies all that this file does not name."""
    left_out = set((PROJECT_DIR / ".dockerignore").read_text().split())

    assert {".env", ".env.*", "**/*.sqlite3*", "var", ".git"} <= left_out
