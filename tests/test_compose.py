"""Dockerfile, composition and unit as they are written: users, groups, ports, health, time to stop.

No container engine is wanted; `tests/test_docs.py` looks at their settings.
"""

from __future__ import annotations

import re
import shlex
from configparser import ConfigParser
from typing import Any

import yaml

from vms.env import PROJECT_DIR, SETTINGS

DOCKERFILE = (PROJECT_DIR / "Dockerfile").read_text()
OPERATIONS = (PROJECT_DIR / "docs" / "operations.md").read_text()
# What whoever stops `up` has to give it beyond the time for exports: docs/operations.md.
BEYOND = 30
STOP = {setting.name: setting.default for setting in SETTINGS}["VMS_EXPORT_STOP_SECONDS"]


def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((PROJECT_DIR / "docker-compose.yml").read_text())[
        "services"
    ]
    return found


def seconds(text: str) -> int:
    return int(text.removesuffix("s"))


def test_the_image_has_one_number_for_its_user_and_its_group():
    (group,) = re.findall(r"groupadd .*--gid (\d+) vms", DOCKERFILE)
    (user,) = re.findall(r"useradd .*--uid (\d+) --gid vms ", DOCKERFILE)
    mounted = [one for one in services()["web"]["tmpfs"] if one.startswith("/data:")]

    assert user == group
    assert mounted == [f"/data:uid={user},gid={group},mode=0700"]
    assert f"readable by the user {user}:" in (PROJECT_DIR / "docker-compose.yml").read_text()


def test_nginx_may_read_finished_files_and_nothing_else_of_ours():
    """Its user is in our group from the start: workers of an nginx started as root are not."""
    (group,) = re.findall(r"--gid (\d+)", DOCKERFILE)
    nginx = services()["nginx"]
    user, _, its_group = nginx["user"].partition(":")

    assert its_group == group
    assert "install -d -m 750 -o vms -g vms /storage" in DOCKERFILE
    assert "install -d -m 700 -o vms -g vms /data /archive" in DOCKERFILE
    assert [one for one in nginx["volumes"] if "storage" in one] == ["storage:/storage:ro"]
    own = [one for one in nginx["tmpfs"] if ":" in one]
    assert all(f"uid={user}," in one for one in own)


def test_nginx_listens_where_its_port_is_published_and_any_user_may():
    nginx = services()["nginx"]
    port = nginx["environment"]["VMS_NGINX_PORT"]

    assert [one.rpartition(":")[2] for one in nginx["ports"]] == [port]
    assert int(port) >= 1024


def test_nothing_can_become_more_than_it_is_but_the_database():
    """PostgreSQL's image starts as root, to give its folder away, and goes on as a user."""
    free = {
        name
        for name, service in services().items()
        if service.get("cap_drop") != ["ALL"]
        or service.get("security_opt") != ["no-new-privileges:true"]
    }

    assert free == {"postgres"}


def test_the_database_is_asked_as_clients_ask_it():
    """At its socket the server answers that only prepares the first start."""
    words = services()["postgres"]["healthcheck"]["test"]

    assert words[:2] == ["CMD", "pg_isready"]
    assert words[words.index("-h") + 1] == "127.0.0.1"


def test_what_is_waited_for_has_a_health_check():
    waited = {
        name
        for service in services().values()
        for name, how in service.get("depends_on", {}).items()
        if how["condition"] == "service_healthy"
    }

    assert waited == {"postgres", "valkey", "web", "api"}
    assert all("healthcheck" in services()[name] for name in waited)


def test_the_image_copies_and_starts_what_there_is():
    copied = re.findall(r"^COPY (?!--from)(\S+) \S+$", DOCKERFILE, re.MULTILINE)
    (command,) = re.findall(r"^CMD \[(.+)\]$", DOCKERFILE, re.MULTILINE)

    assert all((PROJECT_DIR / name).exists() for name in copied)
    assert shlex.split(command.replace(",", " ")) == ["python", "manage.py", "up"]
    stages = re.findall(r"^FROM \S+ AS (\w+)$", DOCKERFILE, re.MULTILINE)
    assert set(re.findall(r"--from=(\w+)", DOCKERFILE)) <= set(stages)


def test_whoever_stops_the_server_gives_it_the_time_it_asks_for():
    least = STOP + BEYOND
    ours = [service for service in services().values() if service["image"] == "vms"]

    assert all(seconds(service["stop_grace_period"]) >= least for service in ours)
    assert int(unit()["Service"]["TimeoutStopSec"]) >= least
    assert f"{least} seconds for the {STOP} of the default" in " ".join(OPERATIONS.split())
    assert "terminationGracePeriodSeconds" in OPERATIONS


def unit() -> ConfigParser:
    parser = ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(PROJECT_DIR / "deploy" / "vms.service")
    return parser


def test_the_unit_stops_up_alone_and_runs_a_command_there_is():
    service = unit()["Service"]
    program, script, *words = shlex.split(service["ExecStart"])

    assert service["KillMode"] == "mixed"
    assert program == f"{service['WorkingDirectory']}/.venv/bin/python"
    assert [script, *words] == ["manage.py", "up"]
    assert service["Environment"] == f"VMS_DATA_DIR=/var/lib/{service['StateDirectory']}"
