"""Models that load without a file, and what counts those that are in memory."""

import threading
import weakref
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from types import MappingProxyType

import numpy as np

from eagleray_serving.answers import AnsweringModel, Output
from eagleray_serving.columns import Column, Kind
from eagleray_serving.loading import LoadedModels
from eagleray_serving.model_state import Phase
from eagleray_serving.outputs import PREDICT, Answer, outputs_of
from eagleray_serving.predictor import predict_all
from eagleray_serving.rows import Rows, Signature, parse_rows
from eagleray_serving.service import Batching, Models, Runner, Service
from eagleray_serving.tensors import Array, Tensor


class Constant:
    """Answers one number to every row."""

    signature = Signature((Column("0", Kind.NUMBER),))
    classes: Array | None = None
    outputs: tuple[Tensor, ...] = outputs_of(None)
    own_names: Mapping[str, str] = MappingProxyType({})

    def __init__(self, value: float) -> None:
        self.value = value

    def predict(self, rows: Rows, outputs: Sequence[str]) -> Answer:
        return dict.fromkeys(outputs, np.full(len(rows), self.value))


class Shelf:
    """Loads models that answer their place among the names.

    Args:
        sizes: The bytes that each takes.
        expected: Those that are expected, where they are others.

    Attributes:
        loads: how often each was loaded, or was tried to.
        broken: what is raised where a model is loaded.
        open: unset, it keeps what is being loaded waiting.
        most: the most that models took that were in memory at once, in bytes, before another was loaded.
    """

    def __init__(self, sizes: Mapping[str, int], expected: Mapping[str, int] | None = None) -> None:
        self.names = tuple(sizes)
        self.loads: Counter[str] = Counter()
        self.broken: dict[str, Exception] = {}
        self.open = threading.Event()
        self.open.set()
        self.most = 0
        self._sizes = sizes
        self._expected = sizes if expected is None else expected
        self._alive: list[tuple[str, weakref.ref[Constant]]] = []

    def expected(self, name: str) -> int:
        return self._expected[name]

    def load(self, name: str) -> tuple[AnsweringModel, int]:
        self.loads[name] += 1
        assert self.open.wait(10)
        if name in self.broken:
            raise self.broken[name]
        model = Constant(float(self.names.index(name)))
        self.most = max(self.most, self.in_memory() + self._expected[name])
        self._alive.append((name, weakref.ref(model)))
        return AnsweringModel(model, Output.LABELS), self._sizes[name]

    def in_memory(self) -> int:
        """Bytes of the models that something still refers to."""
        return sum(self._sizes[name] for name, model in self._alive if model() is not None)


class Tally:
    """Counts what happens to models."""

    def __init__(self) -> None:
        self.changes: Counter[tuple[str, Phase]] = Counter()
        self.told = (0, 0)

    def count(self, name: str, phase: Phase) -> None:
        self.changes[name, phase] += 1

    def gauge(self, models: int, taken: int) -> None:
        self.told = (models, taken)


class InLoop(Runner):
    """Asks models in the loop: a thread refers to a model for a moment after its answer."""

    async def run(self, model: AnsweringModel, requests: Sequence[Rows]) -> Sequence[Answer | Exception]:
        return predict_all(model, requests)


@asynccontextmanager
async def kept(shelf: Shelf, max_bytes: int, tally: Tally | None = None) -> AsyncIterator[LoadedModels]:
    """The models of a shelf, within a bound."""
    runner = InLoop()

    def service(name: str, model: AnsweringModel) -> Service:
        return Service(name, "constant", model, Batching(4, 0.0), runner)

    models = LoadedModels(shelf, service, max_bytes, tally or Tally())
    try:
        yield models
    finally:
        await models.close()


async def ask(models: Models, name: str) -> float:
    """What a model answers to a row."""
    async with models.asked(name) as service:
        prediction = await service.predict(parse_rows([[1.0]], service.signature))
    return float(prediction.outputs[PREDICT][0])
