"""Several models in one replica: each answers for itself, within a bound of memory, whatever becomes of the others."""

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eagleray_serving import loading
from eagleray_serving.errors import InvalidInputError, ModelFailureError, ModelLoadError, ServerStoppingError
from eagleray_serving.model_state import Phase
from unit.serving.loading_rig import Shelf, Tally, ask, kept

TEN = {f"shop-{number}": 10 for number in range(10)}


async def test_what_was_asked_the_longest_time_ago_makes_room() -> None:
    shelf, tally = Shelf(TEN), Tally()
    async with kept(shelf, 30, tally) as models:
        for name in ("shop-0", "shop-1", "shop-2", "shop-0", "shop-3"):
            await ask(models, name)
        phases = {name: models.state(name).phase for name in models.names[:4]}
        assert phases == dict.fromkeys(models.names[:4], Phase.READY) | {"shop-1": Phase.UNLOADED}
        assert (models.taken, tally.told, shelf.in_memory()) == (30, (3, 30), 30)
        assert tally.changes["shop-1", Phase.UNLOADED] == 1
        assert await ask(models, "shop-1") == 1.0
    assert shelf.loads["shop-1"] == 2


Wishes = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), min_size=1, max_size=40)


@settings(max_examples=60, deadline=None)
@given(sizes=st.lists(st.integers(1, 60), min_size=6, max_size=6), bound=st.integers(60, 150), wishes=Wishes)
def test_any_sequence_is_answered_within_the_bound(sizes: list[int], bound: int, wishes: list[tuple[int, int]]) -> None:
    """Requests begin some turns of the loop after each other, so that they meet loads and unloads at every moment."""
    shelf = Shelf({str(place): size for place, size in enumerate(sizes)})

    async def wish(models: loading.LoadedModels, place: int) -> None:
        assert await ask(models, str(place)) == place
        assert models.taken <= bound

    async def run() -> None:
        async with kept(shelf, bound) as models, asyncio.TaskGroup() as group:
            for place, turns in wishes:
                group.create_task(wish(models, place))
                for _ in range(turns):
                    await asyncio.sleep(0)
        assert shelf.most <= bound

    asyncio.run(run())


@settings(max_examples=30, deadline=None)
@given(wishes=Wishes, gone=st.sets(st.integers(0, 39)))
def test_callers_that_leave_harm_no_other(wishes: list[tuple[int, int]], gone: set[int]) -> None:
    shelf = Shelf({str(place): 10 for place in range(6)})

    async def run() -> None:
        async with kept(shelf, 20) as models:
            tasks = [asyncio.create_task(ask(models, str(place))) for place, _ in wishes]
            for number, (_, turns) in enumerate(wishes):
                for _ in range(turns):
                    await asyncio.sleep(0)
                if number in gone:
                    tasks[number].cancel()
            found = await asyncio.gather(*tasks, return_exceptions=True)
            for number, ((place, _), answer) in enumerate(zip(wishes, found, strict=True)):
                assert answer == place or (number in gone and isinstance(answer, asyncio.CancelledError))
            for place in range(6):  # nothing is left behind that keeps a model loaded
                assert await ask(models, str(place)) == place

    asyncio.run(run())


async def test_a_model_is_unloaded_only_when_it_has_answered() -> None:
    shelf = Shelf(TEN)
    async with kept(shelf, 10) as models:
        async with models.asked("shop-0"):
            other = asyncio.create_task(ask(models, "shop-1"))
            await asyncio.wait([other], timeout=0.05)
            assert models.state("shop-0").phase is Phase.UNLOADED
            again = asyncio.create_task(ask(models, "shop-0"))
            await asyncio.wait([other, again], timeout=0.05)
            assert not other.done()
            assert not again.done()
            assert shelf.loads == {"shop-0": 1}
            assert shelf.in_memory() == 10
        assert (await other, await again) == (1.0, 0.0)
        assert shelf.loads == {"shop-0": 1 + 1, "shop-1": 1}


async def test_an_idle_model_goes_before_one_that_is_answering() -> None:
    async with kept(Shelf(TEN), 20) as models, models.asked("shop-0"):
        await ask(models, "shop-1")
        assert await ask(models, "shop-2") == 2.0
        assert models.state("shop-0").phase is Phase.READY


async def test_others_answer_while_one_loads_and_it_loads_once() -> None:
    shelf = Shelf(TEN)
    async with kept(shelf, 100) as models:
        await ask(models, "shop-0")
        shelf.open.clear()
        waiting = [asyncio.create_task(ask(models, "shop-1")) for _ in range(5)]
        assert await ask(models, "shop-0") == 0.0
        assert models.state("shop-1").phase is Phase.LOADING
        shelf.open.set()
        assert await asyncio.gather(*waiting) == [1.0] * 5
        assert shelf.loads["shop-1"] == 1


async def test_nothing_is_loaded_for_callers_that_have_gone() -> None:
    shelf = Shelf(TEN)
    shelf.open.clear()
    async with kept(shelf, 100) as models:
        first, second = (asyncio.create_task(ask(models, f"shop-{number}")) for number in (0, 1))
        await asyncio.wait([second], timeout=0.05)
        second.cancel()
        await asyncio.wait([second])
        shelf.open.set()
        assert await first == 0.0
        assert await ask(models, "shop-2") == 2.0
        assert "shop-1" not in shelf.loads
        assert models.state("shop-1").phase is Phase.UNLOADED


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ModelLoadError("it needs the Python module 'x'"), "it needs the Python module 'x'"),
        (MemoryError(), "MemoryError"),
        (OSError(5, "Input/output error"), "OSError: [Errno 5] Input/output error"),
    ],
)
async def test_a_model_that_cannot_be_loaded_fails_alone_and_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, error: Exception, words: str
) -> None:
    shelf, tally = Shelf(TEN), Tally()
    shelf.broken["shop-1"] = error
    async with kept(shelf, 100, tally) as models:
        for _ in range(3):
            with pytest.raises(ModelFailureError, match="ModelLoadFailed: model 'shop-1' cannot be loaded") as raised:
                await ask(models, "shop-1")
            assert words in str(raised.value)
            assert await ask(models, "shop-0") == 0.0
        assert shelf.loads["shop-1"] == tally.changes["shop-1", Phase.FAILED] == 1
        assert not models.state("shop-1").ready
        assert words in models.state("shop-1").reason
        assert models.healthy
        later = models._loop.time() + loading.RETRY_SECONDS
        monkeypatch.setattr(models._loop, "time", lambda: later)
        del shelf.broken["shop-1"]
        assert await ask(models, "shop-1") == 1.0
        assert models.state("shop-1").phase is Phase.READY


async def test_a_model_larger_than_the_bound_says_so_and_has_no_other_unloaded() -> None:
    shelf = Shelf({"small": 10, "large": 4096}, expected={"small": 10, "large": 20})
    async with kept(shelf, 100) as models:
        await ask(models, "small")
        with pytest.raises(ModelFailureError, match=r"it takes 4\.0 KiB of memory.*100 B; raise model\.memory"):
            await ask(models, "large")
        assert models.state("small").phase is Phase.READY
        assert (models.taken, shelf.in_memory()) == (10, 10)


async def test_a_model_that_takes_more_than_its_file_is_counted_so_from_then_on() -> None:
    sizes = {"a": 40, "b": 40, "c": 40}
    shelf = Shelf(sizes, expected=dict.fromkeys(sizes, 1))
    async with kept(shelf, 100) as models:
        for name in "abcabc":
            await ask(models, name)
            assert models.taken <= 100
        await ask(models, "a")
        assert shelf.in_memory() <= 80


@pytest.mark.parametrize(("name", "version"), [("shop-11", None), ("", None), ("shop-1", "2")])
async def test_an_unknown_model_is_not_found(name: str, version: str | None) -> None:
    async with kept(Shelf(TEN), 100) as models:
        for refused in (lambda: models.state(name, version), lambda: models.asked(name, version).__aenter__()):
            with pytest.raises(InvalidInputError) as raised:
                await _value(refused())
            assert raised.value.status == 404
        assert models.taken == 0


async def _value(found: Any) -> Any:
    return await found if asyncio.iscoroutine(found) else found


async def test_a_replica_that_stops_finishes_what_is_loaded_and_refuses_the_rest() -> None:
    shelf = Shelf(TEN)
    async with kept(shelf, 100) as models:
        async with models.asked("shop-0"):
            shelf.open.clear()
            waiting = [asyncio.create_task(ask(models, name)) for name in ("shop-1", "shop-2")]
            await asyncio.wait(waiting, timeout=0.05)
            await models.close()
        shelf.open.set()
        for refused in (*waiting, ask(models, "shop-0"), ask(models, "shop-3")):
            with pytest.raises(ServerStoppingError):
                await refused
        assert not models.healthy


async def test_a_server_whose_loading_broke_down_is_not_healthy() -> None:
    class Broken(Tally):
        def gauge(self, models: int, taken: int) -> None:  # noqa: ARG002
            raise RuntimeError("a fault of ours")

    async with kept(Shelf(TEN), 100, Broken()) as models:
        assert models.healthy
        asked = asyncio.create_task(ask(models, "shop-0"))
        await asyncio.wait([models._worker])
        assert not models.healthy
        asked.cancel()
