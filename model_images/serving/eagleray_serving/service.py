"""One model behind a batcher: rows in, predictions out. Knows nothing of HTTP or Ray."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, Protocol

import numpy as np

from eagleray_serving.answers import AnsweringModel
from eagleray_serving.batching import Batcher
from eagleray_serving.cache import AnswerCache, key_of, own_answer
from eagleray_serving.errors import InvalidInputError, ServerStoppingError
from eagleray_serving.explanations import Explanation
from eagleray_serving.model_state import ModelState, Phase, check_version
from eagleray_serving.outputs import Answer
from eagleray_serving.predictor import explain_alone, predict_all
from eagleray_serving.rows import Rows, Signature
from eagleray_serving.tensors import Array, Tensor

MOST_EXPLAINED: Final = 256
"""The most rows of a request to explain, which takes a hundred times as long as a prediction."""
_EXPLAINED_TOGETHER = 8
"""Rows that the model's thread explains before predictions have it again."""


@dataclass(frozen=True, slots=True)
class Batching:
    """How requests are put together.

    Args:
        max_rows: The largest batch, in rows; None runs every request alone.
        max_wait: The longest that a request waits for company, in seconds.
    """

    max_rows: int | None = None
    max_wait: float = 0.0


@dataclass(frozen=True, slots=True)
class Prediction:
    """The answer to one request.

    Args:
        outputs: What the model answered, one entry per row in each output.
        batch_rows: Rows in the largest batch that served the request; None where the model was not asked for it.
        cached: Whether it was kept, or computed for another; None where answers are not kept.
    """

    outputs: Answer
    batch_rows: int | None
    cached: bool | None = None


class Runner:
    """The one thread that a replica asks its models in, so that its loop stays free and models need not be thread-safe.

    Args:
        observe: Called with the rows of every batch.
    """

    def __init__(self, observe: Callable[[int], None] = lambda _rows: None) -> None:
        self.observe = observe
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="model")

    async def run(self, model: AnsweringModel, requests: Sequence[Rows]) -> Sequence[Answer | Exception]:
        """Ask a model, as `predict_all` does."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, predict_all, model, requests)

    async def explain(self, model: AnsweringModel, rows: Rows) -> tuple[Answer, Explanation]:
        """Have a model's answers explained, as `explain_alone` does."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, explain_alone, model, rows)


class Service:
    """Serves one model, and is the `Models` of a server that has no other.

    Must be made inside a running event loop.

    Args:
        name: Name of the model in paths.
        platform: Name of the framework.
        model: The loaded model, and what it answers with.
        batching: How requests are put together.
        runner: What asks the model; its own, where it shares none with other models.

    Attributes:
        cache: Where answers are kept, which models may share; None where they are not.
    """

    cache: AnswerCache[Prediction] | None = None

    def __init__(
        self, name: str, platform: str, model: AnsweringModel, batching: Batching, runner: Runner | None = None
    ) -> None:
        self.name = name
        self.platform = platform
        self._model = model
        self._runner = runner = runner or Runner()
        self._explaining = asyncio.Lock()
        self._batcher: Batcher[Rows, Answer] = Batcher(
            partial(runner.run, model), max_rows=batching.max_rows, max_wait=batching.max_wait, observe=runner.observe
        )

    @property
    def signature(self) -> Signature:
        """What the model takes."""
        return self._model.signature

    @property
    def outputs(self) -> tuple[Tensor, ...]:
        """What it answers with."""
        return self._model.outputs

    @property
    def output_names(self) -> tuple[str, ...]:
        """The names of these."""
        return self._model.names

    @property
    def own_names(self) -> Mapping[str, str]:
        """Those that the model has for some of them, and what each is called here."""
        return self._model.own_names

    @property
    def classes(self) -> Array | None:
        """The labels of a classifier, in the order of its probabilities."""
        return self._model.classes

    @property
    def healthy(self) -> bool:
        """Whether requests are being answered."""
        return self._batcher.alive

    @property
    def names(self) -> tuple[str, ...]:
        """The model's name."""
        return (self.name,)

    def asked(self, name: str, version: str | None = None) -> AbstractAsyncContextManager["Service"]:
        """This service, for a request that is for its model; see `Models`."""
        self._check(name, version)
        return nullcontext(self)

    def state(self, name: str, version: str | None = None) -> ModelState:
        """Where the model is; see `Models`."""
        self._check(name, version)
        if self.healthy:
            return ModelState(name, Phase.READY)
        return ModelState(name, Phase.FAILED, "the batcher has stopped")

    async def predict(self, rows: Rows) -> Prediction:
        """Predict the rows of one request, together with those of others.

        Raises:
            InvalidInputError: The model refuses the rows.
            ModelFailureError: The model failed on them.
            ServerStoppingError: The replica is stopping.
        """
        if self.cache is None:
            return await self._predicted(rows)
        prediction, hit = await self.cache.get(await key_of(self.name, rows), lambda: self._kept(rows))
        return replace(prediction, batch_rows=None if hit else prediction.batch_rows, cached=hit)

    async def explain(self, rows: Rows) -> AsyncIterator[tuple[Answer, Explanation]]:
        """Predict and explain the rows of one request, a few at a time, so that predictions pass between.

        Raises:
            InvalidInputError: There are too many rows, the model refuses some, or it is not explained.
            ModelFailureError: The model failed on them.
            ServerStoppingError: The replica is stopping.
        """
        if len(rows) > MOST_EXPLAINED:
            message = f"at most {MOST_EXPLAINED} rows are explained at once, got {len(rows)}; send fewer"
            raise InvalidInputError(message)
        async with self._explaining:
            for start in range(0, len(rows), _EXPLAINED_TOGETHER):
                if not self.healthy:
                    raise ServerStoppingError("this replica is stopping; send the request again")
                part = rows[start : start + _EXPLAINED_TOGETHER]
                try:
                    yield await self._runner.explain(self._model, part)
                except InvalidInputError as error:
                    raise error.moved(start) from None

    async def _kept(self, rows: Rows) -> Prediction:
        prediction = await self._predicted(rows)
        return replace(prediction, outputs=own_answer(prediction.outputs))

    async def _predicted(self, rows: Rows) -> Prediction:
        served = await self._batcher.submit(rows)
        first, *more = served.parts
        if more:
            first = {name: np.concatenate([part[name] for part in served.parts]) for name in first}
        return Prediction(first, served.batch_rows)

    async def close(self) -> None:
        """Finish what is queued, then stop."""
        await self._batcher.close()

    def _check(self, name: str, version: str | None) -> None:
        if name != self.name:
            raise InvalidInputError(f"model '{name}' is not here; this is '{self.name}'", status=404)
        check_version(name, version)


class Models(Protocol):
    """The models of a server."""

    @property
    def names(self) -> tuple[str, ...]:
        """Their names in paths."""

    @property
    def healthy(self) -> bool:
        """Whether requests are being answered."""

    def asked(self, name: str, version: str | None = None) -> AbstractAsyncContextManager[Service]:
        """The model that a request is for, which stays loaded until the request has its answer.

        Args:
            name: The name of the model.
            version: Its version; None or empty for any.

        Raises:
            InvalidInputError: There is no such model, or no such version of it.
            ModelFailureError: It cannot be loaded.
            ServerStoppingError: The replica is stopping.
        """

    def state(self, name: str, version: str | None = None) -> ModelState:
        """Where a model is; asking loads nothing.

        Raises:
            InvalidInputError: As `asked`.
        """

    async def close(self) -> None:
        """Finish what is queued, then stop."""
