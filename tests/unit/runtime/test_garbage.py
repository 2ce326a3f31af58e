"""What survives is gone through once, is garbage all the same when it is, and what it took is given back."""

import asyncio
import gc
import resource
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from eagleray.runtime import garbage
from eagleray.runtime.garbage import by_the_clock, tidy


class Node:
    def __init__(self) -> None:
        self.other: Node | None = None


@pytest.fixture(autouse=True)
def clock() -> Iterator[None]:
    before = gc.get_threshold()
    with by_the_clock():
        yield
    assert (gc.get_threshold(), gc.get_freeze_count()) == (before, 0)


@contextmanager
def tidied(many: int) -> Iterator[None]:
    task = asyncio.create_task(tidy(0.001, many))
    yield
    task.cancel()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - neither the collector nor the kernel tells
            await asyncio.sleep(0.01)


async def test_no_full_collection_comes_by_itself() -> None:
    collected: list[int] = []

    def note(phase: str, info: dict[str, int]) -> None:
        if phase == "stop":
            collected.append(info["generation"])

    gc.callbacks.append(note)
    kept = [[Node()] for _ in range(200_000)]
    gc.callbacks.remove(note)
    assert len(kept) == 200_000
    assert set(collected) == {0, 1}


@pytest.mark.parametrize("many", [0, 2**31])
async def test_what_survives_is_set_aside_when_it_is_much(many: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(garbage, "EVERYTHING_ROUNDS", 2**31)
    kept, cycle = Node(), Node()
    cycle.other = cycle
    gone = weakref.ref(cycle)
    del cycle
    with tidied(many):
        await until(lambda: gone() is None)
    assert any(each is kept for each in gc.get_objects()) == bool(many)
    left = weakref.ref(kept)
    del kept
    assert left() is None, "what nobody refers to goes at once"


async def test_a_cycle_goes_when_everything_is_gone_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(garbage, "EVERYTHING_ROUNDS", 3)
    first, second = Node(), Node()
    first.other, second.other = second, first
    reference = weakref.ref(first)
    gc.freeze()
    del first, second
    gc.collect()
    assert reference() is not None, "it was set aside"
    with tidied(many=2**31):
        await until(lambda: reference() is None)
    assert gc.get_freeze_count() > 0, "what survives is set aside again"


async def test_freed_memory_is_given_back() -> None:
    """Every second piece is freed, so that what is left would hold all of it."""
    pieces = [b"x" * (20_000 + i) for i in range(2_000)]
    held = resident()
    del pieces[::2]
    with tidied(many=0):
        await until(lambda: resident() < held - 10 * 2**20)


def resident() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
