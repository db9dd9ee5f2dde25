"""What another system calls a camera: written by operators, one camera each."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction

from cameras.models import Camera
from tests import factories
from tests.admin.conftest import pages

__all__ = ["pages"]

pytestmark = pytest.mark.django_db


def form(camera, external_id):
    inline = {f"streams-{name}_FORMS": "0" for name in ("TOTAL", "INITIAL", "MIN_NUM", "MAX_NUM")}
    return {"name": camera.name, "uuid": camera.uuid, "external_id": external_id, **inline}


def test_is_typed_on_the_page_of_the_camera(pages):
    camera = factories.camera()
    address = f"/admin/cameras/camera/{camera.pk}/change/"

    assert pages.post(address, form(camera, " 17 ")).status_code == 302
    camera.refresh_from_db()
    assert camera.external_id == "17"
    assert camera.name in pages.get("/admin/cameras/camera/?q=17").text
    assert pages.post(address, form(camera, "")).status_code == 302


def test_the_page_refuses_what_another_camera_has(pages):
    first, second = factories.camera(), factories.camera(name="Gate")
    Camera.objects.filter(pk=first.pk).update(external_id="17")

    answer = pages.post(f"/admin/cameras/camera/{second.pk}/change/", form(second, "17"))

    assert answer.status_code == 200
    assert "Another camera has this external id." in answer.text
    second.refresh_from_db()
    assert second.external_id == ""


def test_the_database_keeps_it_to_one_camera_and_lets_many_have_none():
    for _ in range(2):
        factories.camera()
    Camera.objects.filter(pk=factories.camera().pk).update(external_id="17")
    with pytest.raises(IntegrityError), transaction.atomic():
        Camera.objects.create(name="Gate", external_id="17")


def test_is_given_on_the_command_line():
    said = StringIO()
    call_command("add_camera", "Yard", "--external-id", " 17 ", stdout=said)
    assert Camera.objects.get(pk=json.loads(said.getvalue())["camera_id"]).external_id == "17"

    for wrong, words in (("17", "another camera has it"), ("x" * 65, "at most 64")):
        with pytest.raises(CommandError, match=f"--external-id: .*{words}"):
            call_command("add_camera", "Gate", "--external-id", wrong)
    assert Camera.objects.count() == 1
