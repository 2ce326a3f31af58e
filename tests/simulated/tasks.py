"""Which tasks are an operator's: when its process dies, they are no more."""

import asyncio
from collections.abc import Coroutine, Generator
from contextvars import Context, ContextVar, copy_context
from typing import Any, TypeVar

OPERATOR: ContextVar[str] = ContextVar("operator", default="")
T = TypeVar("T")


class Tasks:
    """Every task of a loop, by the operator that it belongs to; that of others is ""."""

    def __init__(self) -> None:
        self._tasks: dict[asyncio.Task[Any], str] = {}

    def install(self) -> None:
        """Note every task that is made from now on."""
        asyncio.get_running_loop().set_task_factory(self._make)

    def _make(
        self,
        loop: asyncio.AbstractEventLoop,
        work: Coroutine[Any, Any, T] | Generator[Any, None, T],
        *,
        context: Context | None = None,
        **options: Any,
    ) -> asyncio.Task[T]:
        task: asyncio.Task[T] = asyncio.Task(work, loop=loop, context=context, **options)
        self._tasks[task] = (copy_context() if context is None else context).get(OPERATOR, "")
        task.add_done_callback(self._done, context=Context())
        return task

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.pop(task, None)

    def of(self, operator: str) -> list[asyncio.Task[Any]]:
        """An operator's tasks that have not ended."""
        return [task for task, own in self._tasks.items() if own == operator]
