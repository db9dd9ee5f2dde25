"""The command add_camera."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from cameras.access import visible_cameras
from cameras.models import Camera, CameraAccess, Stream

pytestmark = pytest.mark.django_db

UUID = "6a0f3c1e-3d0b-4c55-9d0e-0f5a2f0c7a11"


def add_camera(*arguments: str) -> dict:
    out = StringIO()
    call_command("add_camera", *arguments, stdout=out)
    assert "s3cret" not in out.getvalue()
    return json.loads(out.getvalue())


def test_adds_a_camera_with_both_streams(alice):
    high, low = "rtsp://admin:s3cret@10.0.0.1/1", "demo:"
    answer = add_camera(
        "Front", "--uuid", UUID, "--high", high, "--low", low, "--owner", "alice", "--public"
    )
    camera = Camera.objects.get()
    assert answer == {
        "camera_id": camera.pk,
        "uuid": UUID,
        "streams": {"high": camera.streams.get(url=high).pk, "low": camera.streams.get(url=low).pk},
    }
    assert (camera.name, str(camera.uuid), camera.is_public) == ("Front", UUID, True)
    assert CameraAccess.objects.get().user == alice
    assert list(visible_cameras(alice)) == [camera]


def test_prints_only_the_streams_that_exist():
    assert list(add_camera("Front", "--low", "demo:")["streams"]) == ["low"]


@pytest.mark.parametrize("arguments", [(), ("--high", "")])
def test_makes_a_stream_that_is_not_recorded_for_imports(arguments):
    answer = add_camera("Front", *arguments)
    assert list(answer["streams"]) == ["high"]
    assert Stream.objects.get(pk=answer["streams"]["high"]).url == ""
    assert not Camera.objects.get().is_public


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("  ",), "NAME: write 1 to 255"),
        (("x" * 256,), "NAME: write 1 to 255"),
        (("Front", "--uuid", "nonsense"), "--uuid: write one like"),
        (
            ("Front", "--high", "demo:?fsp=10"),
            "--high: A demo: address takes the options size, fps",
        ),
        (("Front", "--owner", "nobody"), "--owner: there is no user nobody"),
        (("Front", "--high", "s3cret"), "--high: .*begins with one of"),
        (("Front", "--low", "rtsp://admin:s3cret@"), "--low: .*host"),
    ],
)
def test_refuses_bad_input_naming_key_and_cure(db, arguments, message):
    with pytest.raises(CommandError, match=message) as refused:
        add_camera(*arguments)
    assert "s3cret" not in str(refused.value)
    assert Camera.objects.count() == 0


def test_refuses_a_uuid_that_is_taken():
    add_camera("Front", "--uuid", UUID)
    with pytest.raises(CommandError, match="--uuid: another camera has it"):
        add_camera("Back", "--uuid", UUID)
    assert Camera.objects.count() == 1
