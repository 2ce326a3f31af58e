"""What survives a full collection is gone through no more, and is garbage all the same when it is."""

import asyncio
import gc
import resource
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest

from eagleray.runtime.garbage import collect_everything, give_back, set_aside


class Node:
    def __init__(self) -> None:
        self.other: Node | None = None


@pytest.fixture
def aside() -> Iterator[None]:
    with set_aside():
        yield
    assert gc.get_freeze_count() == 0


@pytest.mark.usefixtures("aside")
def test_what_survives_is_set_aside() -> None:
    kept = Node()
    gc.collect(1)
    assert gc.get_freeze_count() == 0
    gc.collect()
    assert gc.get_freeze_count() > 0
    assert not any(each is kept for each in gc.get_objects())


@pytest.mark.usefixtures("aside")
def test_without_references_it_goes_at_once() -> None:
    kept = Node()
    gone = weakref.ref(kept)
    gc.collect()
    del kept
    assert gone() is None


@pytest.mark.usefixtures("aside")
async def test_a_cycle_goes_when_everything_is_gone_through() -> None:
    first, second = Node(), Node()
    first.other, second.other = second, first
    gone = asyncio.Event()
    reference = weakref.ref(first, lambda _: gone.set())
    gc.collect()
    del first, second
    gc.collect()
    assert reference() is not None, "it was set aside"
    task = asyncio.create_task(collect_everything(period=0.001))
    await asyncio.wait_for(gone.wait(), 5)
    assert gc.get_freeze_count() > 0, "what survives is set aside again"
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_freed_memory_is_given_back() -> None:
    """Every second piece is freed, so that what is left would hold all of it."""
    pieces = [b"x" * (20_000 + i) for i in range(2_000)]
    held = resident()
    del pieces[::2]
    task = asyncio.create_task(give_back(period=0.001))
    async with asyncio.timeout(20):
        while resident() > held - 10 * 2**20:  # noqa: ASYNC110 - the kernel tells nobody
            await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def resident() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
