"""Several models in one replica: loaded when they are asked, unloaded by last use where memory is short.

Own code instead of ``@serve.multiplexed``, which counts models rather than bytes, and unloads one that is answering.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, Protocol

from eagleray_serving.answers import AnsweringModel
from eagleray_serving.errors import (
    InvalidInputError,
    ModelFailureError,
    ModelLoadError,
    ServerStoppingError,
    ServingError,
    first_line,
)
from eagleray_serving.fetch.progress import size
from eagleray_serving.model_state import ModelState, Phase, check_version
from eagleray_serving.service import Service

RETRY_SECONDS: Final = 60.0
"""How long a model that could not be loaded is left alone; its callers are told why meanwhile."""

logger = logging.getLogger("ray.serve.eagleray")


class Loader(Protocol):
    """Loads models by their names."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names that it knows."""

    def expected(self, name: str) -> int:
        """Bytes of memory that a model is expected to take."""

    def load(self, name: str) -> tuple[AnsweringModel, int]:
        """A model that has answered once, and the bytes of memory that it takes. Called in a thread.

        Raises:
            ModelLoadError: It cannot be served.
        """


class Meter(Protocol):
    """Counts what happens to models."""

    def count(self, name: str, phase: Phase) -> None:
        """Count that a model is loaded, could not be, or was unloaded."""

    def gauge(self, models: int, taken: int) -> None:
        """Tell how many are loaded, and the bytes that they take."""


@dataclass(eq=False, slots=True)
class _Entry:
    """A model that is loaded, or waits to be.

    Args:
        name: Its name.
        service: What answers for it, from when it is loaded until it is unloaded.
        taken: Bytes of memory that it takes.
        failure: Why it could not be loaded.
        settled: Set once it is loaded, or could not be.
        users: Requests that ask it.
        idle: Set while there are none.
    """

    name: str
    service: Service | None = None
    taken: int = 0
    failure: ServingError | None = None
    settled: asyncio.Event = field(default_factory=asyncio.Event)
    users: int = 0
    idle: asyncio.Event = field(default_factory=asyncio.Event)

    def settle(self, failure: ServingError | None = None) -> None:
        self.failure = failure
        self.settled.set()


@dataclass(frozen=True, slots=True)
class _Failure:
    error: ServingError
    until: float


class LoadedModels:
    """Keeps the models that were asked last, within a bound of memory.

    They are loaded one after the other, in a thread beside the loop, in the order in which they were first asked. Room
    is made before: the model that was asked the longest time ago goes first, one that nobody asks just then before one
    that is answering, which finishes first. So models take more than the bound only while one is loaded for the first
    time that is larger in memory than was expected.

    Must be made inside a running event loop.

    Args:
        loader: Loads them.
        serve: Makes the service of a loaded model.
        max_bytes: The most that all may take.
        meter: Is told what happens.
    """

    def __init__(
        self, loader: Loader, serve: Callable[[str, AnsweringModel], Service], max_bytes: int, meter: Meter
    ) -> None:
        self._loader = loader
        self._service_of = serve
        self._max_bytes = max_bytes
        self._meter = meter
        self._entries: OrderedDict[str, _Entry] = OrderedDict()  # the one that was asked last is the last
        self._failures: dict[str, _Failure] = {}
        self._taken: dict[str, int] = {}  # what each took when it was loaded last
        self._queue: asyncio.Queue[_Entry] = asyncio.Queue()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="loader")
        self._loop = asyncio.get_running_loop()
        self._closing = False
        self._worker = self._loop.create_task(self._work(), name="loader")
        self.taken = 0
        """Bytes that the loaded models take."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all models, loaded or not."""
        return self._loader.names

    @property
    def healthy(self) -> bool:
        """Whether models are being loaded, and those that are loaded answer."""
        services = [entry.service for entry in self._entries.values() if entry.service]
        return not self._worker.done() and all(service.healthy for service in services)

    @asynccontextmanager
    async def asked(self, name: str, version: str | None = None) -> AsyncIterator[Service]:
        """The model that a request is for, loaded; see `Models`."""
        self._check(name, version)
        entry = self._entry(name)
        entry.users += 1
        entry.idle.clear()
        try:
            await entry.settled.wait()
            if entry.service is None:
                raise entry.failure or ServerStoppingError("this replica is stopping; send the request again")
            yield entry.service
        finally:
            entry.users -= 1
            if not entry.users:
                entry.idle.set()

    def state(self, name: str, version: str | None = None) -> ModelState:
        """Where a model is; see `Models`."""
        self._check(name, version)
        if entry := self._entries.get(name):
            return ModelState(name, Phase.READY if entry.service else Phase.LOADING)
        if failure := self._failures.get(name):
            return ModelState(name, Phase.FAILED, str(failure.error))
        return ModelState(name, Phase.UNLOADED)

    async def close(self) -> None:
        """Refuse what is not loaded, and finish what is queued at what is."""
        self._closing = True
        self._worker.cancel()
        await asyncio.wait([self._worker])
        for entry in self._entries.values():
            if entry.service:
                await entry.service.close()
            entry.settled.set()
        self._thread.shutdown(wait=False)

    def _check(self, name: str, version: str | None) -> None:
        if name not in self._loader.names:
            raise InvalidInputError(f"model '{name}' is not here; GET /v1/models lists those that are", status=404)
        check_version(name, version)

    def _entry(self, name: str) -> _Entry:
        """The entry of a model, which is now the one that was asked last."""
        entry = self._entries.get(name)
        if entry is None:
            failure = self._failures.get(name)
            if failure and failure.until > self._loop.time():
                raise failure.error
            if self._closing:
                raise ServerStoppingError("this replica is stopping; send the request again")
            entry = self._entries[name] = _Entry(name)
            self._queue.put_nowait(entry)
        self._entries.move_to_end(name)
        return entry

    async def _work(self) -> None:
        while True:
            # In no variable of this frame, which would keep the last model in memory after it was unloaded.
            await self._load(await self._queue.get())

    async def _load(self, entry: _Entry) -> None:
        name = entry.name
        if not entry.users:  # all who asked have gone
            del self._entries[name]
            return
        try:
            await self._make_room(self._taken.get(name, self._loader.expected(name)))
            begun = self._loop.time()
            model, taken = await self._loop.run_in_executor(self._thread, self._loader.load, name)
            self._check_fits(taken)
            await self._make_room(taken)
        except Exception as error:  # noqa: BLE001 - a file can make its reader raise anything; it concerns this model alone
            self._fail(entry, error)
            return
        self._failures.pop(name, None)
        entry.service, entry.taken = self._service_of(name, model), taken
        self.taken += taken
        self._taken[name] = taken
        self._tell(name, Phase.READY)
        logger.info("model '%s' is loaded in %.2f s: %s", name, self._loop.time() - begun, size(taken))
        entry.settle()

    def _check_fits(self, taken: int) -> None:
        if taken > self._max_bytes:
            raise ModelLoadError(
                f"it takes {size(taken)} of memory, and all loaded models may take {size(self._max_bytes)}; "
                "raise model.memory"
            )

    async def _make_room(self, wanted: int) -> None:
        while self.taken + wanted > self._max_bytes and (entry := self._least_used()):
            await self._unload(entry)

    def _least_used(self) -> _Entry | None:
        loaded = [entry for entry in self._entries.values() if entry.service]
        return next((entry for entry in loaded if not entry.users), loaded[0] if loaded else None)

    async def _unload(self, entry: _Entry) -> None:
        del self._entries[entry.name]  # who asks from now on has it loaded anew
        await entry.idle.wait()
        if entry.service:
            await entry.service.close()
        entry.service = None
        self.taken -= entry.taken
        self._tell(entry.name, Phase.UNLOADED)
        logger.info("model '%s' is unloaded: %s are free of %s", entry.name, size(entry.taken), size(self._max_bytes))

    def _fail(self, entry: _Entry, error: Exception) -> None:
        told = str(error) if isinstance(error, ModelLoadError) else f"{type(error).__name__}: {first_line(error)}"
        again = f"it is tried again {RETRY_SECONDS:g} s later"
        failure = ModelFailureError(f"ModelLoadFailed: model '{entry.name}' cannot be loaded: {told} ({again})")
        logger.error("%s", failure, exc_info=None if isinstance(error, ModelLoadError) else error)
        self._failures[entry.name] = _Failure(failure, self._loop.time() + RETRY_SECONDS)
        del self._entries[entry.name]
        self._tell(entry.name, Phase.FAILED)
        entry.settle(failure)

    def _tell(self, name: str, phase: Phase) -> None:
        self._meter.count(name, phase)
        self._meter.gauge(sum(entry.service is not None for entry in self._entries.values()), self.taken)
