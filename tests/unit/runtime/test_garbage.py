"""What survives a full collection is gone through no more, and is garbage all the same when it is."""

import asyncio
import gc
import weakref
from collections.abc import Iterator

import pytest

from eagleray.runtime.garbage import collect_everything, set_aside


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
