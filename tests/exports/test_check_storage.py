"""`manage.py check_storage`: ready exports against finished files, both ways."""

from __future__ import annotations

import io
import os
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from exports import states, storage
from exports.models import ExportJob
from tests import factories

pytestmark = pytest.mark.django_db


def check(*arguments):
    out = io.StringIO()
    try:
        call_command("check_storage", *arguments, stdout=out, no_color=True)
    except SystemExit as end:
        return int(end.code), out.getvalue()
    return 0, out.getvalue()


def put(name, age=timedelta(hours=1)):
    path = storage.path_of(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"left")
    at = (timezone.now() - age).timestamp()
    os.utime(path, (at, at))
    return path


@pytest.fixture
def ready():
    return factories.finish(factories.job())


def test_says_that_all_is_well(ready):
    assert check() == (0, "Rows and files agree; 0 differences fixed.\n")
    assert check("--hash")[0] == 0


def test_names_a_row_without_a_file(ready):
    storage.path_of(ready.file).unlink()

    code, said = check()
    assert code == 1
    assert f"job {ready.pk}: ready, but its file is not there" in said
    assert ExportJob.objects.get(pk=ready.pk).state == "ready"  # told, not changed

    assert check("--fix")[0] == 0
    assert ExportJob.objects.get(pk=ready.pk).state == "expired"
    assert check()[0] == 0


def test_names_a_file_that_became_shorter(ready):
    path = storage.path_of(ready.file)
    path.write_bytes(b"short")

    assert "another size" in check()[1]
    assert check("--fix")[0] == 0
    assert ExportJob.objects.get(pk=ready.pk).state == "expired"
    assert not path.exists()


def test_names_a_file_with_other_bytes_when_it_reads_them(ready):
    path = storage.path_of(ready.file)
    path.write_bytes(bytes(ready.size))

    assert check()[0] == 0
    code, said = check("--hash")
    assert (code, "another size or digest" in said) == (1, True)
    assert check("--hash", "--fix")[0] == 0
    assert not path.exists()


def test_names_a_file_that_cannot_be_read_and_leaves_it_alone(ready):
    path = storage.path_of(ready.file)
    path.unlink()
    path.mkdir()  # reading fails on a directory, for root too
    ExportJob.objects.update(size=path.stat().st_size)
    stray = put(f"ab/{'ab' * 16}-1.mp4")

    for arguments in (["--hash"], ["--hash", "--fix"]):
        code, said = check(*arguments)
        assert (code, "ready, but its file cannot be read" in said) == (1, True)
    assert ExportJob.objects.get(pk=ready.pk).state == "ready"
    assert not stray.exists()  # the rest was looked at and fixed


def test_names_files_no_job_knows(ready):
    stray = put(f"ab/{'ab' * 16}-1.mp4")
    partial = put(f".partial/{'ab' * 16}-1.mp4")
    fresh = put(f"cd/{'cd' * 16}-1.mp4", age=timedelta())
    foreign = put("ab/holiday.mp4")
    running = states.claim(factories.job().pk, "worker", timezone.now())
    being_made = put(f".partial/{running.pk.hex}-{running.attempt}.mp4")

    code, said = check()
    assert code == 1
    assert said.count("a file no job knows") == 2
    assert check("--fix")[0] == 0
    assert not stray.exists()
    assert not partial.exists()
    assert all(path.exists() for path in (fresh, foreign, being_made))
    assert storage.path_of(ready.file).exists()


def test_takes_nothing_for_lost_while_the_storage_is_away(ready, settings):
    settings.STORAGE_DIR.rename(settings.STORAGE_DIR.with_name("unmounted"))

    with pytest.raises(CommandError, match="cannot be asked: the storage folder is not there"):
        check("--fix")
    assert ExportJob.objects.get(pk=ready.pk).state == "ready"


def test_says_what_it_has_fixed_when_the_storage_goes_away(ready, settings, monkeypatch):
    storage.path_of(ready.file).unlink()
    second = factories.finish(factories.job(begin=factories.BEGIN + timedelta(seconds=1)))
    storage.path_of(second.file).unlink()
    lose_file = states.lose_file

    def lose_file_and_disk(job_id, now):
        settings.STORAGE_DIR.rename(settings.STORAGE_DIR.with_name("unmounted"))
        return lose_file(job_id, now)

    monkeypatch.setattr(states, "lose_file", lose_file_and_disk)
    with pytest.raises(CommandError, match=r"cannot be asked: .+ Fixed before that: 1\."):
        check("--fix")


def test_goes_on_when_a_file_cannot_be_removed(ready):
    stuck = put(f"ab/{'ab' * 16}-1.mp4")
    stuck.unlink()
    stuck.mkdir()  # unlink fails on a directory, for root too
    os.utime(stuck, (0, 0))
    removed = put(f"cd/{'cd' * 16}-1.mp4")

    code, said = check("--fix")
    assert (code, "could not be removed" in said) == (1, True)
    assert not removed.exists()
