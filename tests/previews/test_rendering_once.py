"""One rendering for all who ask, and one that failed is not tried again at once."""

from __future__ import annotations

import asyncio
import threading

import pytest

from previews import rendering_once
from previews.cache import Cache
from previews.errors import Busy, CannotRender
from previews.rendering import Renderers
from previews.rendering_once import MOST_PULLS, Order, Studio
from tests.running import wait_until

JOBS = "tests.previews.jobs"


@pytest.fixture(scope="module")
def renderers():
    return Renderers(2, 60)


@pytest.fixture
def studio(tmp_path, renderers):
    return Studio(Cache(tmp_path / "cache", 2**24), renderers, Renderers(1, 60))


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "log"
    path.touch()
    return path


def written(log, text="picture", **facts):
    return Order(f"{JOBS}:write", "jpg", (text, facts), {"text": text, "log": str(log)})


async def test_keeps_what_it_renders(studio, log):
    order = written(log)
    assert studio.find(order) is None

    path = await studio.render(order, 60)

    assert path.read_text() == "picture"
    assert studio.find(order) == path
    assert await studio.render(order, 60) == path
    assert len(log.read_text().splitlines()) == 1
    assert not list((studio.cache.root / ".partial").iterdir())


async def test_renders_once_for_all_who_wait(studio, log, tmp_path):
    go_on = tmp_path / "go on"
    order = Order(f"{JOBS}:wait_for", "jpg", ("one",), {"path": str(go_on), "log": str(log)})

    waiting = [asyncio.create_task(studio.render(order, 60)) for _ in range(100)]
    await asyncio.sleep(0)
    go_on.touch()
    paths = await asyncio.gather(*waiting)

    assert len(set(paths)) == 1
    assert len(log.read_text().splitlines()) == 1


async def test_who_goes_away_does_not_take_the_rendering_from_others(studio, log, tmp_path):
    go_on = tmp_path / "go on"
    order = Order(f"{JOBS}:wait_for", "jpg", ("two",), {"path": str(go_on), "log": str(log)})
    leaving = asyncio.create_task(studio.render(order, 60))
    staying = asyncio.create_task(studio.render(order, 60))
    await asyncio.sleep(0)

    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    go_on.touch()

    assert (await staying).read_text() == "done"


async def test_tells_who_waited_long_enough_to_come_again_and_has_it_then(studio, log, tmp_path):
    go_on = tmp_path / "go on"
    order = Order(f"{JOBS}:wait_for", "jpg", ("three",), {"path": str(go_on), "log": str(log)})

    with pytest.raises(Busy) as busy:
        await studio.render(order, 0.01)
    go_on.touch()

    assert busy.value.seconds > 0
    assert (await studio.render(order, 60)).read_text() == "done"
    assert len(log.read_text().splitlines()) == 1


async def test_remembers_a_failure_for_a_moment(studio, monkeypatch):
    order = Order(f"{JOBS}:refuse", "jpg", (), {})
    with pytest.raises(CannotRender):
        await studio.render(order, 60)
    wait_until(lambda: not studio.under_way)
    monkeypatch.setattr(studio.decoders, "run", None)  # so nothing can be rendered

    with pytest.raises(CannotRender, match="nothing here"):
        await studio.render(order, 60)

    monkeypatch.undo()
    monkeypatch.setattr(rendering_once.time, "monotonic", lambda: 1e12)
    with pytest.raises(CannotRender):
        await studio.render(order, 60)


async def test_a_disk_that_is_full_is_no_fault_of_the_footage(studio, log):
    studio.cache.root.parent.joinpath("cache").write_text("no folder can be made here")

    with pytest.raises(Busy):
        await studio.render(written(log), 60)


async def test_orders_with_other_facts_have_other_results(studio, log):
    one = await studio.render(written(log, "a", width=1), 60)
    two = await studio.render(written(log, "b", width=2), 60)

    assert (one.read_text(), two.read_text()) == ("a", "b")


async def test_waiting_for_cameras_leaves_the_decoders_to_others(studio, log, tmp_path):
    go_on = tmp_path / "go on"
    arguments = {"path": str(go_on), "log": str(log)}
    pulls = [Order(f"{JOBS}:wait_for", "jpg", (n,), arguments, pulls=True) for n in range(4)]
    waiting = [asyncio.create_task(studio.render(order, 60)) for order in pulls]
    await asyncio.sleep(0)

    assert (await studio.render(written(log), 60)).read_text() == "picture"

    go_on.touch()
    await asyncio.gather(*waiting)


async def test_no_camera_is_asked_by_many_at_once(studio, log, tmp_path):
    """Each size of a live picture is an order of its own."""
    go_on = tmp_path / "go on"
    arguments = {"path": str(go_on), "log": str(log)}

    def live(camera, size):
        facts = (camera, size)
        return Order(f"{JOBS}:wait_for", "jpg", facts, arguments, pulls=True, fails_as=camera)

    waiting = [studio.begin(live("yard", size)) for size in range(MOST_PULLS)]
    with pytest.raises(Busy):
        studio.begin(live("yard", MOST_PULLS))
    waiting += [studio.begin(live("yard", 0)), studio.begin(live("gate", 0))]

    go_on.touch()
    for one in waiting:
        await asyncio.wrap_future(one)
    wait_until(lambda: not studio.under_way)
    assert (await studio.render(live("yard", MOST_PULLS), 60)).read_text() == "done"


def test_serves_threads_of_several_event_loops(studio, log):
    order, found = written(log), []

    def ask():
        found.append(asyncio.run(studio.render(order, 60)))

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert len(found) == 3
    assert len(log.read_text().splitlines()) == 1
