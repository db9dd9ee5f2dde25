from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cameras.access import visible_cameras
from cameras.archive.index import covered
from cameras.models import Camera, CameraAccess, Segment
from cameras.timeline import Interval
from vms.accounts.models import User
from vms.ops.demo import stage
from vms.ops.demo.stage import DemoStream, has_live_footage, make_camera, make_login, make_past

END = datetime(2026, 3, 14, 9, 26, 0, tzinfo=UTC)
SMALL = "demo:?size=160x90&fps=10&gop=10"
GATE = replace(stage.CAMERAS[0], streams=(replace(stage.CAMERAS[0].streams[0], url=SMALL),))

pytestmark = pytest.mark.django_db


@pytest.fixture
def gate(monkeypatch):
    monkeypatch.setattr(stage, "PAST", timedelta(seconds=30))
    make_login("demo", "Demo user", is_operator=False)
    return make_camera(GATE, "demo")


def footage(camera, end=END):
    stream = camera.streams.get()
    return covered(stream, Interval(end - stage.PAST, end), timedelta())


def test_makes_people_who_can_sign_in():
    login = make_login("operator", "Operator", is_operator=True)

    user = User.objects.get(login="operator")
    assert user.is_staff
    assert user.check_password(login.password)


def test_gives_the_same_person_a_new_password_each_time():
    first = make_login("demo", "Demo", is_operator=False)
    second = make_login("demo", "Demo", is_operator=False)

    assert first.password != second.password
    assert User.objects.count() == 1


def test_makes_a_camera_its_user_may_see(gate):
    assert list(visible_cameras(User.objects.get(login="demo"))) == [gate]


def test_finds_the_camera_of_an_earlier_run(gate):
    assert make_camera(GATE, "demo") == gate
    assert Camera.objects.count() == CameraAccess.objects.count() == 1


def test_films_the_whole_past(gate):
    assert make_past([gate], END) == 3

    assert footage(gate) == [Interval(END - stage.PAST, END)]


def test_films_only_what_is_missing(gate):
    make_past([gate], END)
    before = set(Segment.objects.values_list("pk", flat=True))

    assert make_past([gate], END) == 0
    later = END + timedelta(seconds=10)
    assert make_past([gate], later) == 1

    assert footage(gate, later) == [Interval(later - stage.PAST, later)]
    assert before < set(Segment.objects.values_list("pk", flat=True))


def test_sees_live_footage_only_after_the_past(gate):
    make_past([gate], END)

    assert not has_live_footage([gate], END)
    assert has_live_footage([gate], END - timedelta(seconds=5))


def test_wants_live_footage_of_every_stream(gate):
    make_past([gate], END)
    low = DemoStream("low", stage.CAMERAS[1].streams[1].uuid, SMALL)
    make_camera(replace(GATE, streams=(*GATE.streams, low)), "demo")

    assert not has_live_footage([gate], END - timedelta(seconds=5))
