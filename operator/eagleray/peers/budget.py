"""What one object may cost at a time."""

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Self


@dataclass(slots=True)
class _Share:
    """One object's.

    Attributes:
        free: what is left of it.
        users: those who have a part of it or wait for one.
    """

    free: asyncio.Semaphore
    users: int = 0


class Budget:
    """So many questions at once for each object, whatever the others do; who waits costs nobody else anything.

    Args:
        at_once: how many.
    """

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._shares: dict[Hashable, _Share] = {}

    def __len__(self) -> int:
        """How many objects have questions."""
        return len(self._shares)

    @asynccontextmanager
    async def of(self, owner: Hashable) -> AsyncIterator[None]:
        """Take one of the questions of `owner`, as soon as it has one left, while the block runs."""
        share = self._shares.setdefault(owner, _Share(asyncio.Semaphore(self._at_once)))
        share.users += 1
        try:
            async with share.free:
                yield
        finally:
            share.users -= 1
            if not share.users:
                del self._shares[owner]


class Room:
    """Room for something large: taken when it is seen to be large, and kept until the block ends.

    Args:
        parts: what is to be had for it, in this order.
    """

    def __init__(self, *parts: AbstractAsyncContextManager[None]) -> None:
        self._parts = parts
        self._taken = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Take nothing yet."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Give back what was taken."""
        await self._taken.aclose()

    async def take(self) -> None:
        """Take it, as soon as there is some; once is enough."""
        parts, self._parts = self._parts, ()
        for part in parts:
            await self._taken.enter_async_context(part)
