"""Answers that are kept for requests of the same content.

A cache is of the models of one revision, each of which answers with the same outputs whatever a request picks from
them: so its name and the rows are what an answer is kept by.
"""

import asyncio
import hashlib
import json
import math
import sys
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from eagleray_serving.outputs import Answer
from eagleray_serving.rows import Rows
from eagleray_serving.tensors import Array

SMALL_BYTES = 256 * 2**10
"""Rows of numbers of at most so many bytes are hashed by the event loop: a fraction of a millisecond."""

# A key, its entry and the answer's own objects; and the object of each array. Both are rounded up.
_ENTRY_BYTES = 768
_ARRAY_BYTES = 256

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Caching:
    """What is kept.

    Args:
        max_bytes: The most bytes that keys and answers take.
        ttl: How long an answer is given again, in seconds.
    """

    max_bytes: int
    ttl: float = math.inf


@dataclass(frozen=True, slots=True)
class _Entry(Generic[Value]):
    value: Value
    size: int
    until: float


@dataclass(slots=True)
class _Run(Generic[Value]):
    task: asyncio.Task[Value]
    waiting: int = 0


class AnswerCache(Generic[Value]):
    """Keeps what was used last, and computes the same once where it is asked for several times meanwhile.

    Args:
        caching: What is kept.
        size_of: Bytes of a value.
        observe: Called for every question with whether it was answered by what is kept or computed for another, and
            with the bytes that are kept.
        now: The time in seconds.
    """

    def __init__(
        self,
        caching: Caching,
        size_of: Callable[[Value], int],
        observe: Callable[[bool, int], None] = lambda _hit, _bytes: None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._caching = caching
        self._size_of = size_of
        self._observe = observe
        self._now = now
        self._kept: OrderedDict[bytes, _Entry[Value]] = OrderedDict()
        self._running: dict[bytes, _Run[Value]] = {}
        self._bytes = 0

    async def get(self, key: bytes, compute: Callable[[], Awaitable[Value]]) -> tuple[Value, bool]:
        """The value of a key, and whether it was kept or computed for another.

        Args:
            key: What it is kept by.
            compute: Computes it. It is cancelled when all who wait for it have gone.

        Raises:
            Exception: What ``compute`` raises, which is not kept.
        """
        entry = self._kept.get(key)
        fresh = entry is not None and entry.until > self._now()
        self._observe(fresh or key in self._running, self._bytes)
        if entry is not None and fresh:
            self._kept.move_to_end(key)
            return entry.value, True
        return await self._computed(key, compute)

    async def _computed(self, key: bytes, compute: Callable[[], Awaitable[Value]]) -> tuple[Value, bool]:
        run = self._running.get(key)
        joined = run is not None
        if run is None:
            run = self._running[key] = _Run(asyncio.ensure_future(self._keeping(key, compute)))
        run.waiting += 1
        try:
            return await asyncio.shield(run.task), joined
        finally:
            run.waiting -= 1
            if not run.waiting:
                del self._running[key]
                run.task.cancel()

    async def _keeping(self, key: bytes, compute: Callable[[], Awaitable[Value]]) -> Value:
        value = await compute()
        self._keep(key, _Entry(value, self._size_of(value), self._now() + self._caching.ttl))
        return value

    def _keep(self, key: bytes, entry: _Entry[Value]) -> None:
        if (old := self._kept.pop(key, None)) is not None:
            self._bytes -= old.size
        if entry.size > self._caching.max_bytes:
            return
        self._kept[key] = entry
        self._bytes += entry.size
        while self._bytes > self._caching.max_bytes:
            self._bytes -= self._kept.popitem(last=False)[1].size


async def key_of(model: str, rows: Rows) -> bytes:
    """What rows of the same types and values for one model have in common, and no others."""
    numbers = all(not array.dtype.hasobject for array in rows.arrays)
    if numbers and sum(array.nbytes for array in rows.arrays) <= SMALL_BYTES:
        return _digest(model, rows)
    return await asyncio.to_thread(_digest, model, rows)


def own_answer(answer: Answer) -> Answer:
    """An answer that can be kept: without the rest of the batch that it was computed in, and not to be changed."""
    found = {name: values.copy() for name, values in answer.items()}
    for values in found.values():
        values.flags.writeable = False
    return found


def bytes_of(answer: Answer) -> int:
    """The bytes that an answer takes with its key, rounded up."""
    return _ENTRY_BYTES + sum(map(_bytes_of_array, answer.values()))


def _bytes_of_array(values: Array) -> int:
    held = sum(map(sys.getsizeof, values.reshape(-1))) if values.dtype.hasobject else 0
    return _ARRAY_BYTES + values.nbytes + held


def _digest(model: str, rows: Rows) -> bytes:
    # Nobody can find other rows of the same digest, as they might by hash(): callers are strangers to each other.
    digest = hashlib.blake2b(digest_size=32)
    layout = [(array.dtype.str, array.shape) for array in rows.arrays]
    digest.update(json.dumps([model, rows.named, [column.name for column in rows.columns], layout]).encode())
    for array in rows.arrays:
        if array.dtype.hasobject:
            digest.update(json.dumps(array.tolist(), sort_keys=True).encode())
        else:
            digest.update(np.ascontiguousarray(array).tobytes())
    return digest.digest()
