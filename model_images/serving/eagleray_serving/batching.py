"""Dynamic batching: requests that arrive together go through the model together.

Own code instead of ``@serve.batch``, which counts requests rather than rows, makes a lone request wait the
whole timeout, and fails every request of a batch when one fails.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, Self, TypeVar

from eagleray_serving.errors import InvalidInputError, ServerStoppingError


class Batchable(Protocol):
    """Rows that can be counted, cut, and told apart by the batches they fit into."""

    @property
    def layout(self) -> Hashable:
        """Only items of equal layout share a batch."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: slice, /) -> Self: ...


Item = TypeVar("Item", bound=Batchable)
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Served(Generic[Result]):
    """What one request got back.

    Args:
        parts: The results in row order; more than one when the request was larger than a batch.
        batch_rows: Rows in the largest batch that served the request.
    """

    parts: tuple[Result, ...]
    batch_rows: int


@dataclass(frozen=True, slots=True)
class _Entry(Generic[Item, Result]):
    item: Item
    start: int  # its first row in the request
    future: asyncio.Future[tuple[Result, int]]
    since: float


class Batcher(Generic[Item, Result]):
    """Forms batches of at most ``max_rows`` rows and runs one at a time, in order of arrival.

    A batch starts at once unless company is expected: the batch before it ended less than ``max_wait`` ago and
    was larger than what is queued now. Then it waits until as many rows are there, or until its first request has
    waited ``max_wait``. So a lone caller never waits, and callers that ask in step are served in step. A request
    larger than ``max_rows`` is cut into parts, of which one is queued at a time, so that others come between; other
    requests are never cut.

    Args:
        run: Answers each item of a batch, in order, with its result or its exception. An exception that it raises
            itself goes to every request of the batch.
        max_rows: The largest batch; None runs every request alone and uncut.
        max_wait: The longest that a request waits for company, in seconds.
        observe: Called with the number of rows of every batch.
    """

    def __init__(
        self,
        run: Callable[[Sequence[Item]], Awaitable[Sequence[Result | Exception]]],
        *,
        max_rows: int | None,
        max_wait: float,
        observe: Callable[[int], None] = lambda _rows: None,
    ) -> None:
        self._run = run
        self._max_rows = max_rows
        self._max_wait = max_wait
        self._observe = observe
        self._queue: deque[_Entry[Item, Result]] = deque()
        self._changed = asyncio.Event()
        self._closing = False
        self._unanswered = 0  # requests, whose next parts may not be queued yet
        self._last_rows = 0
        self._last_end = float("-inf")
        self._loop = asyncio.get_running_loop()
        self._worker = self._loop.create_task(self._serve(), name="batcher")

    @property
    def alive(self) -> bool:
        """Whether batches are still being formed."""
        return not self._worker.done()

    async def submit(self, item: Item) -> Served[Result]:
        """Answer the rows of one request.

        Raises:
            ServerStoppingError: After ``close``.
            Exception: What the model answered for these rows; an InvalidInputError counts them as the request does.
        """
        if self._closing or not self.alive:
            raise ServerStoppingError("this replica is stopping; send the request again")
        since = self._loop.time()
        size = self._max_rows or len(item)
        self._unanswered += 1
        try:
            answers = [await self._ask(item, start, size, since) for start in range(0, len(item), size)]
        finally:
            self._unanswered -= 1
            self._changed.set()
        return Served(tuple(result for result, _ in answers), max(rows for _, rows in answers))

    async def close(self) -> None:
        """Refuse new requests and finish those that are queued."""
        self._closing = True
        self._changed.set()
        await self._worker

    async def _ask(self, item: Item, start: int, size: int, since: float) -> tuple[Result, int]:
        part = item if len(item) <= size else item[start : start + size]
        entry = _Entry(part, start, self._loop.create_future(), since)
        self._queue.append(entry)
        self._changed.set()
        return await entry.future

    async def _serve(self) -> None:
        while await self._next():
            batch = self._take()
            if batch:
                await self._answer(batch)

    async def _next(self) -> bool:
        """Return when a batch should start; False when there will be none."""
        while not self._queue:
            if self._closing and not self._unanswered:
                return False
            self._changed.clear()
            await self._changed.wait()
        deadline = self._queue[0].since + self._max_wait
        while self._expects_company():
            self._changed.clear()
            try:
                async with asyncio.timeout_at(deadline):
                    await self._changed.wait()
            except TimeoutError:
                break
        return True

    def _expects_company(self) -> bool:
        if self._max_rows is None or self._closing:
            return False
        queued = sum(len(entry.item) for entry in self._queue if not entry.future.done())
        recent = self._loop.time() - self._last_end < self._max_wait
        return recent and queued < min(self._max_rows, self._last_rows)

    def _take(self) -> list[_Entry[Item, Result]]:
        batch: list[_Entry[Item, Result]] = []
        rows = 0
        while self._queue:
            entry = self._queue[0]
            if entry.future.done():  # the caller has gone
                self._queue.popleft()
                continue
            if batch and not self._fits(entry.item, batch[0].item, rows):
                break
            batch.append(self._queue.popleft())
            rows += len(entry.item)
        return batch

    def _fits(self, item: Item, first: Item, rows: int) -> bool:
        return self._max_rows is not None and rows + len(item) <= self._max_rows and item.layout == first.layout

    async def _answer(self, batch: list[_Entry[Item, Result]]) -> None:
        rows = sum(len(entry.item) for entry in batch)
        answers: Sequence[Result | Exception]
        try:
            answers = await self._run([entry.item for entry in batch])
        except Exception as error:  # noqa: BLE001 - it belongs to the callers, who raise it
            answers = [error] * len(batch)
        self._last_rows, self._last_end = rows, self._loop.time()
        for entry, answer in zip(batch, answers, strict=True):
            if entry.future.done():
                continue
            if isinstance(answer, Exception):
                entry.future.set_exception(
                    answer.moved(entry.start) if isinstance(answer, InvalidInputError) else answer
                )
            else:
                entry.future.set_result((answer, rows))
        self._observe(rows)
