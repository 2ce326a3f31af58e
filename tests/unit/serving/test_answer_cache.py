"""Answers that are kept: the same as computed ones, within their bytes, computed once, and never those that failed."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import pytest_asyncio
from hypothesis import given, settings
from hypothesis import strategies as st

from eagleray_serving.answers import AnsweringModel, Output
from eagleray_serving.app import parse_caching
from eagleray_serving.cache import SMALL_BYTES, AnswerCache, Caching, bytes_of, key_of, own_answer
from eagleray_serving.errors import ModelLoadError
from eagleray_serving.frameworks import load_model
from eagleray_serving.rows import Rows, Signature, parse_rows
from eagleray_serving.service import Batching, Service
from unit.serving.test_http import GOOD, INFER, PREDICT, client_of

ANY = Signature(None)


class Counted:
    """Computes a value when it is let, and counts how often it was asked."""

    def __init__(self, value: Any = 1, *, open: bool = True) -> None:  # noqa: A002 - as an event is
        self.value, self.asked, self.cancelled = value, 0, 0
        self.gate = asyncio.Event()
        if open:
            self.gate.set()

    async def __call__(self) -> Any:
        self.asked += 1
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if isinstance(self.value, Exception):
            raise self.value
        return self.value


def cache_of(max_bytes: int = 100, ttl: float = 10, **more: Any) -> AnswerCache[Any]:
    return AnswerCache(Caching(max_bytes, ttl), int, **more)


@settings(max_examples=200, deadline=None)
@given(asked=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3)), max_size=60))
async def test_it_holds_the_bytes_that_it_may_of_what_was_used_last(asked: list[tuple[int, int]]) -> None:
    """Against a list of what was used, and the clock."""
    clock, told = [0.0], []
    cache = cache_of(30, 5, now=lambda: clock[0], observe=lambda *seen: told.append(seen))
    used: list[tuple[int, float]] = []  # what and until when, the last one last
    for key, pause in asked:
        clock[0] += pause
        size = 7 * key % 40
        kept = next((each for each in used if each[0] == key), None)
        fresh = kept is not None and kept[1] > clock[0]
        compute = Counted(size)
        assert await cache.get(str(key).encode(), compute) == (size, fresh)
        assert compute.asked == (not fresh)
        assert told[-1] == (fresh, sum(7 * each % 40 for each, _ in used))
        used = [each for each in used if each[0] != key]
        if fresh or size <= 30:
            used.append(kept if fresh and kept else (key, clock[0] + 5))
        while sum(7 * each % 40 for each, _ in used) > 30:
            used.pop(0)


async def test_what_is_asked_for_meanwhile_is_computed_once_and_a_failure_is_not_kept() -> None:
    cache, compute = cache_of(), Counted(open=False)
    asked = [asyncio.create_task(cache.get(b"k", compute)) for _ in range(5)]
    await asyncio.sleep(0)
    compute.gate.set()
    assert sorted(await asyncio.gather(*asked)) == [(1, False), *[(1, True)] * 4]
    assert compute.asked == 1
    failing = Counted(ValueError("no"))
    for _ in range(2):
        answers = await asyncio.gather(*(cache.get(b"f", failing) for _ in range(3)), return_exceptions=True)
        assert [str(answer) for answer in answers] == ["no"] * 3
    assert failing.asked == 2
    assert await cache.get(b"f", Counted(3)) == (3, False)


async def test_it_goes_on_for_those_who_wait_and_stops_when_nobody_does() -> None:
    cache, compute = cache_of(), Counted(open=False)
    first, second = (asyncio.create_task(cache.get(b"k", compute)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    compute.gate.set()
    assert await second == (1, True)
    left, again = Counted(open=False), Counted(2)
    gone = asyncio.create_task(cache.get(b"g", left))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    gone.cancel()
    joined = asyncio.create_task(cache.get(b"g", again))  # before the cancelled one has ended
    assert await joined == (2, False)
    assert (left.asked, left.cancelled) == (1, 1)


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.sampled_from([1.0, 0.5, 2**60, "1", "true", "é", ""])
)
TABLES = st.lists(st.lists(VALUES, min_size=2, max_size=2), min_size=1, max_size=3)


def alike(first: Rows, second: Rows) -> bool:
    """Whether a model is given the same."""
    told = [
        (each.named, [column.name for column in each.columns], [repr(array) for array in each.arrays])
        for each in (first, second)
    ]
    return told[0] == told[1]


@settings(max_examples=300, deadline=None)
@given(first=TABLES, second=TABLES, names=st.lists(st.sampled_from(["ab", "ba"]), min_size=2, max_size=2))
async def test_rows_have_one_key_if_they_are_the_same(first: Any, second: Any, names: list[str]) -> None:
    rows = [parse_rows(table, ANY) for table in (first, second)]
    named = [
        parse_rows([dict(zip(name, row, strict=True)) for row in table], ANY)
        for table, name in zip((first, second), names, strict=True)
    ]
    for one, other in (rows, named, (rows[0], named[0])):
        assert (await key_of("m", one) == await key_of("m", other)) == alike(one, other)


async def test_the_order_of_members_and_how_a_number_is_sent_make_no_key() -> None:
    objects = Signature(None, objects=True)
    first, second = ([{"a": 1, "b": None}], [{"b": None, "a": 1}])
    assert await key_of("m", parse_rows(first, objects)) == await key_of("m", parse_rows(second, objects))
    large = Rows((np.zeros((SMALL_BYTES, 2)),))
    assert await key_of("m", large) == await key_of("m", Rows((large.arrays[0].copy(),)))
    assert await key_of("m", large) != await key_of("m", Rows((large.arrays[0].astype(np.float32),)))
    assert await key_of("m", large) != await key_of("m", Rows((large.arrays[0].reshape(2, -1),)))


def test_the_bytes_of_an_answer_are_no_fewer_than_it_takes() -> None:
    texts = np.array(["a" * 1000, "b"], dtype=object)
    assert bytes_of({"a": np.zeros(100)}) > 800
    assert bytes_of({"a": texts}) > 1000
    batch = np.arange(1000.0)
    (kept,) = own_answer({"a": batch[:2]}).values()
    assert kept.base is None
    with pytest.raises(ValueError, match="read-only"):
        kept[0] = 1


@pytest_asyncio.fixture
async def both(churn_file: Path) -> AsyncIterator[tuple[httpx.AsyncClient, httpx.AsyncClient]]:
    """A server that keeps answers, and one that does not."""
    services = [
        Service("churn", "sklearn", AnsweringModel(load_model("sklearn", churn_file), Output.BOTH), Batching(2, 0))
        for _ in range(2)
    ]
    services[0].cache = AnswerCache(Caching(2**20), lambda kept: bytes_of(kept.outputs))
    async with client_of(services[0]) as keeping, client_of(services[1]) as computing:
        yield keeping, computing
    for service in services:
        await service.close()


async def test_over_http_it_is_told_and_answers_alike(both: tuple[httpx.AsyncClient, httpx.AsyncClient]) -> None:
    keeping, computing = both
    other = {name: GOOD[name] for name in reversed(GOOD)}
    inputs = [
        {"name": n, "shape": [1], "datatype": "BYTES" if isinstance(v, str) else "FP64", "data": [v]}
        for n, v in GOOD.items()
    ]
    asked = [
        (PREDICT, {"instances": [GOOD]}, "miss"),
        (PREDICT, {"inputs": [other]}, "hit"),
        (INFER, {"inputs": inputs}, "hit"),
        (INFER, {"inputs": inputs, "outputs": [{"name": "predict"}]}, "hit"),
        (INFER, {"inputs": inputs, "parameters": {"binary_data_output": True}}, "hit"),
        (PREDICT, {"instances": [GOOD] * 5}, "miss"),  # in parts
        (PREDICT, {"instances": [GOOD] * 5}, "hit"),
        (PREDICT, {"instances": [{**GOOD, "payment": 1}]}, None),
        (PREDICT, {"instances": [{**GOOD, "payment": 1}]}, None),
    ]
    for path, body, told in asked:
        kept, computed = await keeping.post(path, json=body), await computing.post(path, json=body)
        assert kept.headers.get("x-eagleray-cache") == told
        assert ("x-eagleray-batch-size" in kept.headers) == (told == "miss")
        assert "x-eagleray-cache" not in computed.headers
        assert (kept.status_code, kept.content) == (computed.status_code, computed.content)


async def test_many_at_once_in_batches_answer_as_they_do_alone(
    both: tuple[httpx.AsyncClient, httpx.AsyncClient],
) -> None:
    keeping, computing = both
    bodies = [{"instances": [{**GOOD, "support_calls": number % 7}] * (number % 3 + 1)} for number in range(42)]
    answers = await asyncio.gather(*(keeping.post(PREDICT, json=body) for body in bodies))
    assert [each.headers["x-eagleray-cache"] for each in answers].count("miss") == 21
    for body, answer in zip(bodies, answers, strict=True):
        computed = (await computing.post(PREDICT, json=body)).json()
        assert answer.json()["predictions"] == computed["predictions"]
        assert np.array(answer.json()["probabilities"]) == pytest.approx(np.array(computed["probabilities"]))


@pytest.mark.parametrize("value", [{}, {"maxBytes": 0}, {"maxBytes": 9, "ttlSeconds": 0}, {"maxBytes": "1Mi"}])
def test_arguments_that_make_no_sense_are_refused(value: dict[str, Any]) -> None:
    with pytest.raises(ModelLoadError, match="cache needs maxBytes >= 1 and ttlSeconds > 0"):
        parse_caching(value)
    assert parse_caching(None) is None
    assert parse_caching({"maxBytes": 9, "ttlSeconds": 2}) == Caching(9, 2.0)
