"""Work of the cluster's own: it goes on when an operator is killed, though an operator may have caused it."""

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context


def spawn(work: Coroutine[None, None, None]) -> asyncio.Task[None]:
    """Start work that belongs to no operator."""
    task = asyncio.get_running_loop().create_task(work, context=Context())
    task.add_done_callback(_told, context=Context())
    return task


def _told(task: asyncio.Task[None]) -> None:
    """A defect of the cluster itself must not be kept by a task that nobody waits for."""
    if not task.cancelled() and (error := task.exception()) is not None:
        context = {"message": f"{task.get_coro()} has crashed", "exception": error}
        task.get_loop().call_exception_handler(context)


def later(seconds: float, what: Callable[[], object]) -> asyncio.TimerHandle:
    """Do something in so many seconds that belongs to no operator."""
    return asyncio.get_running_loop().call_later(seconds, what, context=Context())


def time() -> float:
    return asyncio.get_running_loop().time()
