"""A link to what is not there, or cannot be shown now."""

from __future__ import annotations

import os
from datetime import timedelta

import pytest

from cameras.models import Segment
from previews import preview_orders
from previews.errors import Busy
from previews.rendering_once import studio
from tests.footage import BEGIN
from tests.previews.following import (
    AT,
    camera,
    link,
    one_connection,
    renderings,
)
from tests.previews.looking import look

__all__ = ["camera", "link", "one_connection", "renderings"]
pytestmark = [pytest.mark.django_db, pytest.mark.ffmpeg, pytest.mark.processes]


def test_says_when_retention_was_quicker(link, camera):
    url = link()
    look(url)

    Segment.objects.all().delete()
    answer = look(url)

    assert answer.status_code == 404
    assert answer.json() == {
        "message": "There is no footage at this time any more; ask for another link."
    }


@pytest.mark.parametrize("source", ["jpg", "mp4"])
@pytest.mark.parametrize("content", [b"", os.urandom(4000)], ids=["empty", "noise"])
def test_garbage_in_a_segment_is_404_or_a_good_picture(link, camera, source, content):
    url = link(source=source)
    paths = [
        os.path.join(segment.folder.path, segment.path)  # noqa: PTH118
        for segment in Segment.objects.select_related("folder").order_by("begin")
    ]
    for path in paths[1:]:
        with open(path, "wb") as file:  # noqa: PTH123
            file.write(content)

    answer = look(url)

    assert answer.status_code == 404
    assert "damaged" in answer.json()["message"]
    before = look(link(BEGIN + timedelta(seconds=1), source=source))
    assert before.status_code == 200


def test_a_renderer_that_dies_is_404_and_the_next_picture_comes(link, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(preview_orders, "PICTURE", "tests.previews.jobs:die_instead")
        answer = look(link())

    assert answer.status_code == 404
    assert look(link(AT + timedelta(seconds=1))).status_code == 200


def test_too_much_at_once_is_503_with_when_to_come_again(link, monkeypatch):
    def full(_order):
        raise Busy(5)

    monkeypatch.setattr(studio(), "begin", full)

    answer = look(link())

    assert answer.status_code == 503
    assert answer["Retry-After"] == "5"
    assert "try again" in answer.json()["message"]
