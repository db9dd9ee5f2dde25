"""The lock of the data folder and what lies beside it."""

from __future__ import annotations

import os
import stat

import pytest

from vms.ops import runfolder


def test_holds_the_lock_and_leaves_nothing_behind(tmp_path):
    with runfolder.locked(tmp_path):
        runfolder.leave_broker_url(tmp_path, "redis://:p@127.0.0.1:7000/0")
        runfolder.leave_web_url(tmp_path, "http://127.0.0.1:8000")

        assert runfolder.running_process(tmp_path) == str(os.getpid())
        assert runfolder.web_url(tmp_path) == "http://127.0.0.1:8000"
        assert stat.S_IMODE((tmp_path / "redis.url").stat().st_mode) == 0o600

    assert runfolder.running_process(tmp_path) is None
    assert runfolder.web_url(tmp_path) is None
    assert not (tmp_path / "redis.url").exists()


def test_replaces_what_a_killed_predecessor_left(tmp_path):
    (tmp_path / "redis.url").write_text("redis://:old@127.0.0.1:1/0")

    with runfolder.locked(tmp_path):
        runfolder.leave_broker_url(tmp_path, "redis://:new@127.0.0.1:2/0")

        assert (tmp_path / "redis.url").read_text() == "redis://:new@127.0.0.1:2/0"


def test_refuses_a_second_one(tmp_path):
    with (
        runfolder.locked(tmp_path),
        pytest.raises(runfolder.AlreadyRunning, match=f"process {os.getpid()}"),
        runfolder.locked(tmp_path),
    ):
        pass


def test_knows_of_none_where_there_is_no_folder(tmp_path):
    assert runfolder.running_process(tmp_path / "none") is None
