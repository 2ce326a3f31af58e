import asyncio
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Self

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eagleray_serving.batching import Batcher
from eagleray_serving.errors import InvalidInputError, ServerStoppingError


@dataclass(frozen=True)
class Item:
    values: tuple[int, ...]
    layout: Hashable = "same"

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, rows: slice) -> Self:
        return type(self)(self.values[rows], self.layout)


class Recorder:
    """A model that doubles, and remembers what it was given."""

    def __init__(self) -> None:
        self.batches: list[list[Item]] = []
        self.started = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    @property
    def sizes(self) -> list[int]:
        return [sum(len(item) for item in batch) for batch in self.batches]

    async def __call__(self, items: Sequence[Item]) -> Sequence[list[int] | Exception]:
        self.batches.append(list(items))
        self.started.set()
        await asyncio.sleep(0)
        await self.gate.wait()
        return [
            ValueError(f"bad {item.values}") if any(v < 0 for v in item.values) else [v * 2 for v in item.values]
            for item in items
        ]


requests = st.lists(
    st.tuples(st.lists(st.integers(-1, 9), min_size=1, max_size=12), st.sampled_from("ab"), st.integers(0, 3)),
    max_size=30,
)


@given(requests=requests, max_rows=st.one_of(st.none(), st.integers(1, 8)))
def test_nothing_is_lost_doubled_or_reordered_and_the_bound_holds(
    requests: list[tuple[list[int], str, int]], max_rows: int | None
) -> None:
    async def scenario() -> None:
        model = Recorder()
        batcher: Batcher[Item, list[int]] = Batcher(model, max_rows=max_rows, max_wait=0.001)

        async def ask(values: list[int], layout: str, turns: int) -> None:
            for _ in range(turns):
                await asyncio.sleep(0)
            item = Item(tuple(values), layout)
            if any(value < 0 for value in values):
                with pytest.raises(ValueError, match="bad"):
                    await batcher.submit(item)
                return
            served = await batcher.submit(item)
            assert [value for part in served.parts for value in part] == [value * 2 for value in values]
            if max_rows is not None:
                assert served.batch_rows <= max_rows

        await asyncio.gather(*(ask(*request) for request in requests))
        await batcher.close()
        total = sum(len(values) for values, _, _ in requests)
        failed = any(value < 0 for values, _, _ in requests for value in values)
        assert sum(model.sizes) <= total if failed else sum(model.sizes) == total
        for batch, size in zip(model.batches, model.sizes, strict=True):
            assert len({item.layout for item in batch}) == 1
            assert len(batch) == 1 if max_rows is None else size <= max_rows

    asyncio.run(scenario())


async def test_requests_that_queue_behind_a_running_batch_share_the_next() -> None:
    model = Recorder()
    model.gate.clear()
    batcher: Batcher[Item, list[int]] = Batcher(model, max_rows=8, max_wait=0)
    first = asyncio.create_task(batcher.submit(Item((0,))))
    await model.started.wait()
    others = [asyncio.create_task(batcher.submit(Item((value,)))) for value in range(1, 13)]
    await asyncio.sleep(0)
    model.gate.set()
    assert (await first).batch_rows == 1
    await asyncio.gather(*others)
    assert model.sizes == [1, 8, 4]
    await batcher.close()


async def test_a_lone_caller_never_waits() -> None:
    model = Recorder()
    batcher: Batcher[Item, list[int]] = Batcher(model, max_rows=8, max_wait=3600)
    async with asyncio.timeout(30):
        for value in range(20):
            assert (await batcher.submit(Item((value,)))).batch_rows == 1
    await batcher.close()


async def test_callers_in_step_are_waited_for() -> None:
    model = Recorder()
    batcher: Batcher[Item, list[int]] = Batcher(model, max_rows=8, max_wait=3600)
    await batcher.submit(Item((1, 2)))
    early = asyncio.create_task(batcher.submit(Item((3,))))
    for _ in range(10):
        await asyncio.sleep(0)
    assert not early.done()
    await batcher.submit(Item((4,)))
    await early
    assert model.sizes == [2, 2]
    await batcher.close()


async def test_the_wait_for_company_ends() -> None:
    model = Recorder()
    batcher: Batcher[Item, list[int]] = Batcher(model, max_rows=8, max_wait=0.01)
    await batcher.submit(Item((1, 2, 3)))
    assert (await batcher.submit(Item((4,)))).batch_rows == 1
    await batcher.close()


async def test_small_requests_pass_between_the_parts_of_a_large_one() -> None:
    model = Recorder()
    batcher: Batcher[Item, list[int]] = Batcher(model, max_rows=32, max_wait=0.05)
    ended: list[str] = []

    async def ask(name: str, rows: int) -> None:
        await batcher.submit(Item((1,) * rows))
        ended.append(name)

    large = asyncio.create_task(ask("640 rows", 640))
    await model.started.wait()
    await asyncio.gather(*(ask("one row", 1) for _ in range(3)))
    await large
    assert ended == [*["one row"] * 3, "640 rows"]
    assert model.sizes == [32, 3, *[32] * 19], "the small ones are in the second batch"
    await batcher.close()


async def test_large_requests_take_turns() -> None:
    model = Recorder()
    batcher: Batcher[Item, list[int]] = Batcher(model, max_rows=2, max_wait=0)
    await asyncio.gather(*(batcher.submit(Item((value,) * 6)) for value in (1, 2)))
    assert [item.values[0] for batch in model.batches for item in batch] == [1, 2] * 3
    await batcher.close()


async def test_an_error_counts_rows_as_the_request_does() -> None:
    async def refusing(items: Sequence[Item]) -> Sequence[int | Exception]:
        places = [next((row for row, value in enumerate(item.values) if value < 0), None) for item in items]
        return [1 if row is None else InvalidInputError("negative", field="a", row=row) for row in places]

    batcher: Batcher[Item, int] = Batcher(refusing, max_rows=64, max_wait=0)
    with pytest.raises(InvalidInputError) as caught:
        await batcher.submit(Item((*[1] * 70, -1, *[1] * 59)))
    assert str(caught.value) == "row 70, field 'a': negative"
    with pytest.raises(InvalidInputError) as caught:
        await batcher.submit(Item((1, -1)))
    assert caught.value.row == 1
    await batcher.close()


async def test_one_bad_request_fails_alone() -> None:
    model = Recorder()
    batcher: Batcher[Item, list[int]] = Batcher(model, max_rows=8, max_wait=0)
    good, bad = await asyncio.gather(batcher.submit(Item((1,))), batcher.submit(Item((-1,))), return_exceptions=True)
    assert isinstance(bad, ValueError)
    assert not isinstance(good, BaseException)
    await batcher.close()


async def test_a_caller_that_left_is_not_predicted_for() -> None:
    model = Recorder()
    model.gate.clear()
    batcher: Batcher[Item, list[int]] = Batcher(model, max_rows=2, max_wait=0)
    first = asyncio.create_task(batcher.submit(Item((0,))))
    await model.started.wait()
    leaver = asyncio.create_task(batcher.submit(Item((1, 2, 3))))
    last = asyncio.create_task(batcher.submit(Item((4,))))
    await asyncio.sleep(0)
    leaver.cancel()
    await asyncio.sleep(0)
    model.gate.set()
    await asyncio.gather(first, last)
    assert [item.values for batch in model.batches for item in batch] == [(0,), (4,)]
    await batcher.close()


async def test_a_failing_runner_fails_its_requests_and_nothing_else() -> None:
    async def broken(_items: Sequence[Item]) -> Sequence[int | Exception]:
        raise RuntimeError("broken")

    batcher: Batcher[Item, int] = Batcher(broken, max_rows=2, max_wait=0)
    with pytest.raises(RuntimeError, match="broken"):
        await batcher.submit(Item((1, 2, 3, 4)))
    assert batcher.alive
    await batcher.close()


async def test_closing_finishes_the_queue_and_refuses_more() -> None:
    model = Recorder()
    batcher: Batcher[Item, list[int]] = Batcher(model, max_rows=2, max_wait=3600)
    waiting = [asyncio.create_task(batcher.submit(Item((value,)))) for value in range(5)]
    cut = asyncio.create_task(batcher.submit(Item((1,) * 7)))
    await asyncio.sleep(0)
    await batcher.close()
    assert [(await task).parts for task in waiting] == [([value * 2],) for value in range(5)]
    assert [len(part) for part in (await cut).parts] == [2, 2, 2, 1]
    with pytest.raises(ServerStoppingError):
        await batcher.submit(Item((1,)))
