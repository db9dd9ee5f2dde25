"""`manage.py up` with real processes: Valkey, uvicorn, Celery."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import stat
import urllib.request
from pathlib import Path

import pytest
import redis

from tests.running import PATIENCE_SECONDS, wait_until

pytestmark = pytest.mark.processes

ADD_A_CAMERA = """
from django.core.management import call_command
call_command("migrate", "--verbosity", "0")
call_command("add_camera", "Gate", "--high", "demo:")
"""


@pytest.fixture
def own_database():
    """Use the embedded database always: `up` and its broker are what this is about."""
    return {}


def get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=PATIENCE_SECONDS) as answer:
        assert answer.status == 200
        return answer.read()


def test_serves_and_ends_all_in_reverse_order(start_up):
    up = start_up("--only", "web,worker,beat")
    up.wait_ready()

    assert get(f"{up.web_url}/healthz") == b'{"status": "ok"}'
    parts = dict.fromkeys(("database", "broker", "storage", "ffmpeg"), "ok")
    assert json.loads(get(f"{up.web_url}/readyz")) == {"status": "ok", "parts": parts}
    assert b"vms_export_bytes_last_hour 0.0" in get(f"{up.web_url}/metrics")
    assert get(f"{up.web_url}/static/vms.css")
    assert "StreamingHttpResponse" not in up.log  # Django's opinion of how whitenoise sends files
    assert {"vms.ops.web_server", "worker", "beat"} < words(up)
    assert any("valkey-server" in word for word in words(up))
    assert up.stop() == 0

    started = re.findall(r"process started .*process=(\S+)", up.log)
    stopped = re.findall(r"process stopped .*process=(\S+)", up.log)
    assert started == ["broker", "web", "worker-exports", "worker-default", "beat"]
    assert stopped == started[::-1]
    assert up.processes() == {}
    assert {path.name for path in (up.data_dir / "run").iterdir()} == {"up.lock"}


def words(up) -> set[str]:
    return {word for command in up.processes().values() for word in command}


def test_leaves_nobody_when_killed_outright(start_up):
    up = start_up("--only", "web,worker,beat")
    up.wait_ready()
    # Two mains with two pool processes each: grandchildren have to go as well.
    wait_until(lambda: sum("celery" in command for command in up.processes().values()) >= 7)

    up.process.kill()
    up.process.wait()

    wait_until(lambda: up.processes() == {})


@pytest.mark.ffmpeg
def test_leaves_no_ffmpeg_when_killed_outright(start_up, manage):
    manage("shell", "--no-imports", "-v", "0", "-c", ADD_A_CAMERA)
    up = start_up("--only", "recorder")
    up.wait_ready()
    wait_until(lambda: any("ffmpeg" in word for word in words(up)))

    up.process.kill()
    up.process.wait()

    wait_until(lambda: up.processes() == {})


def test_starts_again_after_it_was_killed_outright(start_up):
    first = start_up("--only", "web")
    first.wait_ready()
    first.process.kill()
    first.process.wait()

    second = start_up("--only", "web")
    second.wait_ready()

    assert get(f"{second.web_url}/healthz")


def test_starts_a_killed_child_again(start_up):
    up = start_up("--only", "web")
    up.wait_ready()
    killed = up.pid_of("uvicorn")

    os.kill(killed, signal.SIGKILL)

    wait_until(lambda: "process ended, starting it again" in up.log)
    wait_until(lambda: up.log.count("process=web") >= 3)
    assert up.pid_of("uvicorn") != killed
    wait_until(lambda: answers(f"{up.web_url}/healthz"))


def answers(url: str) -> bool:
    try:
        return bool(get(url))
    except OSError:
        return False


def test_starts_a_killed_broker_again_with_its_data_and_address(start_up):
    up = start_up("--only", "web")
    up.wait_ready()
    client = redis.Redis.from_url(up.redis_url, socket_timeout=PATIENCE_SECONDS)
    client.set("kept", "yes")
    assert client.execute_command("WAITAOF", 1, 0, 0) == [1, 0]
    killed = client.info("server")["process_id"]

    os.kill(killed, signal.SIGKILL)

    wait_until(lambda: is_answering(client))
    assert client.get("kept") == b"yes"
    assert client.info("server")["process_id"] != killed
    client.close()


def is_answering(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False


def test_shows_the_broker_password_to_no_other_user(start_up):
    up = start_up("--only", "web")
    up.wait_ready()
    password = re.search(r":([^:@]+)@", up.redis_url).group(1)

    assert stat.S_IMODE((up.data_dir / "run" / "redis.url").stat().st_mode) == 0o600
    assert not any(password in " ".join(command) for command in up.processes().values())
    assert password not in up.log
    with pytest.raises(redis.AuthenticationError):
        redis.Redis.from_url(up.redis_url.replace(password, "wrong")).ping()


def test_starts_no_broker_where_one_is_given(start_up):
    owner = start_up("--only", "web")
    owner.wait_ready()
    other = start_up(
        *("--only", "web"),
        VMS_REDIS_URL=owner.redis_url,
        VMS_SECRET_KEY="the same on every machine, and long",
        VMS_DATA_DIR=str(owner.data_dir.with_name("other")),
    )
    other.wait_ready()

    assert "process=broker" not in other.log
    assert get(f"{other.web_url}/healthz")


def test_refuses_a_second_up_on_the_same_data_folder(start_up):
    first = start_up("--only", "web")
    first.wait_ready()
    second = start_up("--only", "beat")

    assert second.process.wait(PATIENCE_SECONDS) == 1
    assert f"Another `up` (process {first.process.pid}) runs on this data folder" in second.log
    assert get(f"{first.web_url}/healthz")


def test_answers_a_second_terminal_that_knows_only_the_data_folder(start_up, manage):
    up = start_up("--only", "web")
    up.wait_ready()

    told = manage("doctor")

    assert "embedded Valkey, answers" in told
    assert f"web at {up.web_url}" in told


def test_refuses_a_broker_of_its_own_where_machines_share_a_database(start_up, tmp_path):
    up = start_up(
        *("--only", "web,beat"),
        VMS_DATABASE_URL=f"sqlite:///{tmp_path / 'own.sqlite3'}",
        VMS_SECRET_KEY="the same on every machine, and long",
    )

    assert up.process.wait(PATIENCE_SECONDS) == 1
    assert "VMS_REDIS_URL is missing" in up.log
    assert "process started" not in up.log


def test_starts_its_own_broker_beside_a_given_database(start_up, tmp_path):
    up = start_up(
        *("--only", "web,worker"),
        VMS_DATABASE_URL=f"sqlite:///{tmp_path / 'own.sqlite3'}",
        VMS_SECRET_KEY="the same on every machine, and long",
    )
    up.wait_ready()

    assert "process=broker" in up.log
    assert (tmp_path / "own.sqlite3").exists()


def test_refuses_https_without_a_proxy(start_up):
    up = start_up("--only", "web", VMS_PUBLIC_URL="https://vms.example.org")

    assert up.process.wait(PATIENCE_SECONDS) == 1
    assert "Set VMS_TRUSTED_PROXIES to the address of the reverse proxy" in up.log
    assert "Traceback" not in up.log
    assert "process started" not in up.log


def test_refuses_a_port_that_is_taken(start_up):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        up = start_up("--only", "web", VMS_PORT=str(taken.getsockname()[1]))

        assert up.process.wait(PATIENCE_SECONDS) == 1
    assert "set VMS_PORT to a free port" in up.log
    assert "Traceback" not in up.log
    assert "process started" not in up.log


def test_refuses_in_one_line_what_system_checks_find(start_up, tmp_path):
    up = start_up(
        *("--only", "web"),
        VMS_ARCHIVE_DIR=str(tmp_path / "both"),
        VMS_STORAGE_DIR=str(tmp_path / "both" / "storage"),
    )

    assert up.process.wait(PATIENCE_SECONDS) == 1
    assert up.log == (
        "CommandError: The folders of recordings and of finished files lie in one another. "
        "Set VMS_ARCHIVE_DIR and VMS_STORAGE_DIR to separate folders.\n"
    )


def test_refuses_a_program_it_does_not_know(start_up):
    up = start_up("--only", "web,worekr")

    assert up.process.wait(PATIENCE_SECONDS) == 1
    assert "--only worekr: write one or more of web, api, worker" in up.log


def test_ends_when_the_database_cannot_be_prepared(start_up, tmp_path):
    (tmp_path / "data folder").mkdir()
    (tmp_path / "data folder" / "vms.sqlite3").write_text("no database" * 1000)
    up = start_up("--only", "web")

    assert up.process.wait(PATIENCE_SECONDS) == 1
    assert "The database cannot be prepared: django.db.utils.DatabaseError: file is not a" in up.log
    assert "Traceback" not in up.log
    assert up.processes() == {}


def test_tells_the_whole_reason_of_the_database_without_its_password(start_up):
    up = start_up(
        *("--only", "web"),
        VMS_DATABASE_URL="postgres://someone:hidden@127.0.0.1:1/vms",
        VMS_REDIS_URL="redis://127.0.0.1:1/0",
        VMS_SECRET_KEY="the same on every machine, and long",
    )

    assert up.process.wait(PATIENCE_SECONDS) == 1
    (line,) = [line for line in up.log.splitlines() if "cannot be prepared" in line]
    assert "port 1 failed: Connection refused Is the server running on that host" in line
    assert "hidden" not in up.log
    assert "Traceback" not in up.log


def test_stops_while_it_starts(start_up):
    up = start_up("--only", "web,worker")
    wait_until(lambda: "process=broker" in up.log)

    assert up.stop() == 0
    assert up.processes() == {}
    assert not Path(up.data_dir / "run" / "redis.url").exists()
