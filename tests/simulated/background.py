"""Work of the cluster's own: it goes on when an operator is killed, though an operator may have caused it."""

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context


def spawn(work: Coroutine[None, None, None]) -> asyncio.Task[None]:
    """Start work that belongs to no operator."""
    return asyncio.get_running_loop().create_task(work, context=Context())


def later(seconds: float, what: Callable[[], object]) -> asyncio.TimerHandle:
    """Do something in so many seconds that belongs to no operator."""
    return asyncio.get_running_loop().call_later(seconds, what, context=Context())


def time() -> float:
    return asyncio.get_running_loop().time()
