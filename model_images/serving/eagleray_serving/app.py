"""The Serve application that the operator deploys: ``eagleray_serving.app:build``."""

import asyncio
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ray import serve
from ray.serve.metrics import Counter, Gauge, Histogram
from ray.serve.schema import LoggingConfig
from starlette.applications import Starlette

from eagleray_serving.answers import AnsweringModel, Output
from eagleray_serving.cache import AnswerCache, Caching, bytes_of
from eagleray_serving.errors import ModelLoadError
from eagleray_serving.frameworks import Model, ModelClass, check_framework, load_code, load_model
from eagleray_serving.frameworks.pickle_versions import told_of_versions
from eagleray_serving.http import build_http
from eagleray_serving.loading import LoadedModels
from eagleray_serving.mlflow import Folder, read_folder
from eagleray_serving.rows import Signature
from eagleray_serving.service import Batching, Models, Prediction, Runner, Service
from eagleray_serving.several import Meters, SavedModels, Several, parse_several
from eagleray_serving.signature import parse_signature, refined
from eagleray_serving.transform import TransformedModel, load_transform
from eagleray_serving.trial import try_out

DEPLOYMENT = "Model"
"""Name of the Serve deployment."""

_BOUNDARIES = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024]

# Serve makes a record of every request, which takes as long as parsing one; the router's access log has them all.
_LOGGING = LoggingConfig(log_level="WARNING", enable_access_log=False)

logger = logging.getLogger("ray.serve.eagleray")
logger.setLevel(logging.INFO)


@dataclass(frozen=True, slots=True)
class Saved:
    """The model that a replica serves.

    Args:
        framework: A key of ``frameworks.FRAMEWORKS``.
        name: Its name in paths.
        path: Where the init container put it.
        output: What a classifier answers with.
        model_class: Its class, where the file holds weights alone.
        signature: What it takes, where the user tells.
        warmup: Rows that it is asked before it is ready, as requests have them; None has some made up.
        transform: The function around it, as ``module:function``; the signature is that of its rows then.
    """

    framework: str
    name: str
    path: Path
    output: Output = Output.LABELS
    model_class: ModelClass | None = None
    signature: Signature | None = None
    warmup: list[Any] | None = None
    transform: str | None = None

    def load(self) -> AnsweringModel:
        """Load it, and have it answer once.

        Raises:
            ModelLoadError: With one sentence that says why it cannot be served.
        """
        check_framework(self.framework)
        try:
            folder = read_folder(self.path)
            model = self._answering(folder)
            example = folder.example if folder and not self.transform else None
            try_out(model, self.warmup or example)
        except ModelLoadError as error:
            raise ModelLoadError(told_of_versions(self.path, error)) from None
        return model

    def _answering(self, folder: Folder | None) -> AnsweringModel:
        model = self._model(folder)
        told = folder.signature if folder else None
        found = refined(model.signature, told, only_unknown=True) if told else None
        if self.transform is None:
            return AnsweringModel(model, self.output, self.signature or found)
        transform = load_transform(self.transform, self.path)
        takes = found or model.signature
        return AnsweringModel(TransformedModel(model, transform, self.transform, takes, self.signature), self.output)

    def _model(self, folder: Folder | None) -> Model:
        if folder is None:
            return load_model(self.framework, self.path, self.model_class)
        if folder.is_code:
            return load_code(folder.path)
        return load_model(self.framework, folder.model(self.framework), self.model_class)


class ModelServer:
    """A replica: loads the model when it starts, then answers over HTTP.

    Args:
        saved: The model; where there are several, what they have in common, and the folder that they are in.
        batching: How requests are put together.
        caching: What answers are kept; None for none.
        several: Which models there are, where there are several; they are loaded when they are asked.
    """

    async def __init__(  # type: ignore[misc]  # Serve awaits it
        self, saved: Saved, batching: Batching, caching: Caching | None, several: Several | None
    ) -> None:
        # In a thread: Serve asks a replica that is starting for its health too.
        try:
            self._models = await _models(saved, batching, caching, several)
        except ModelLoadError as error:
            raise error.with_traceback(None) from None  # its message says it all, and is what the operator shows
        what = f"model '{saved.name}' is" if several is None else f"{len(several.names)} models can be"
        logger.info("%s loaded from %s; %s", what, saved.path, batching)

    def __serve_build_asgi_app__(self) -> Starlette:
        """Called by Serve after the constructor."""
        return build_http(self._models)

    async def check_health(self) -> None:
        """Called by Serve; raising means that the replica is replaced."""
        if not self._models.healthy:
            raise RuntimeError("the batcher, or what loads models, has stopped")


def _cache_metrics() -> Callable[[bool, int], None]:
    asked = Counter("eagleray_cache_requests", "Requests, by whether their answer was kept.", tag_keys=("result",))
    held = Gauge("eagleray_cache_bytes", "Bytes of the answers that are kept, with their keys.")

    def observe(hit: bool, size: int) -> None:  # noqa: FBT001 - it is what a cache tells
        asked.inc(tags={"result": "hit" if hit else "miss"})
        held.set(size)

    return observe


def build(args: dict[str, Any]) -> serve.Application:
    """Build the application.

    Args:
        args: ``framework``, ``name``, ``path``, ``output`` (labels unless told), ``class`` and ``args`` of weights,
            ``signature``, ``warmup`` (rows as in ``instances``), ``transform``, ``batching`` (``{"maxSize",
            "maxWaitSeconds"}`` or None), ``cache`` (``{"maxBytes", "ttlSeconds"}``), and ``several`` (``{"names",
            "maxBytes"}``), which are in folders of these names at ``path``.

    Raises:
        ModelLoadError: The arguments name a framework that is not there, or lack something.
    """
    saved = parse_saved(args)
    batching = parse_batching(args.get("batching"))
    ingress = serve.ingress()(ModelServer)
    # Serve's default of 5 requests at a time would bound the batch; the operator overrides it by concurrency.max.
    ongoing = max(100, 4 * (batching.max_rows or 1))
    deployment = serve.deployment(name=DEPLOYMENT, max_ongoing_requests=ongoing, logging_config=_LOGGING)(ingress)
    app: serve.Application = deployment.bind(
        saved, batching, parse_caching(args.get("cache")), parse_several(args.get("several"))
    )
    return app


def parse_saved(args: dict[str, Any]) -> Saved:
    """The model of the args of `build`.

    Raises:
        ModelLoadError: They name a framework that is not there, or lack something.
    """
    missing = [key for key in ("framework", "name", "path") if not isinstance(args.get(key), str)]
    if missing:
        raise ModelLoadError(f"the application's args lack {', '.join(missing)}")
    check_framework(args["framework"])
    return Saved(
        framework=args["framework"],
        name=args["name"],
        path=Path(args["path"]),
        output=parse_output(args.get("output")),
        model_class=ModelClass(args["class"], args.get("args") or {}) if args.get("class") else None,
        signature=parse_signature(args.get("signature")),
        warmup=parse_warmup(args.get("warmup")),
        transform=args.get("transform"),
    )


async def _models(saved: Saved, batching: Batching, caching: Caching | None, several: Several | None) -> Models:
    runner = Runner(
        Histogram("eagleray_batch_size", "Rows in each batch that the model was given.", _BOUNDARIES).observe
    )

    cache = AnswerCache[Prediction](caching, lambda kept: bytes_of(kept.outputs), _cache_metrics()) if caching else None

    def service(name: str, model: AnsweringModel) -> Service:
        served = Service(name, saved.framework, model, batching, runner)
        served.cache = cache
        return served

    if several is None:
        return service(saved.name, await asyncio.to_thread(saved.load))
    named = {name: replace(saved, name=name, path=saved.path / name / "model") for name in several.names}
    loader = await asyncio.to_thread(SavedModels, named)
    await asyncio.to_thread(loader.check, several.max_bytes)
    return LoadedModels(loader, service, several.max_bytes, Meters())


def parse_output(value: object) -> Output:
    """What the args say a classifier is to answer with.

    Raises:
        ModelLoadError: There is no such output.
    """
    try:
        return Output.LABELS if value is None else Output(str(value))
    except ValueError:
        raise ModelLoadError(f"output is one of {', '.join(Output)}, got {value!r}") from None


def parse_warmup(value: object) -> list[Any] | None:
    """The rows that the args give for the first answers.

    Raises:
        ModelLoadError: They are no list of rows.
    """
    if value is None or (isinstance(value, list) and value):
        return value
    raise ModelLoadError(f"warmup is a list of rows, as in the instances of a request, got {value!r}")


def parse_batching(value: dict[str, Any] | None) -> Batching:
    """The batching of the args; none means that every request runs alone.

    Raises:
        ModelLoadError: A number is missing or not positive.
    """
    if value is None:
        return Batching()
    size, wait = value.get("maxSize"), value.get("maxWaitSeconds", 0.0)
    if not isinstance(size, int) or size < 1 or not isinstance(wait, int | float) or wait < 0:
        raise ModelLoadError(f"batching needs maxSize >= 1 and maxWaitSeconds >= 0, got {value}")
    return Batching(size, float(wait))


def parse_caching(value: dict[str, Any] | None) -> Caching | None:
    """What the args say of answers that are kept.

    Raises:
        ModelLoadError: A number is missing or not positive.
    """
    if value is None:
        return None
    size, ttl = value.get("maxBytes"), value.get("ttlSeconds", math.inf)
    if not isinstance(size, int) or size < 1 or not isinstance(ttl, int | float) or ttl <= 0:
        raise ModelLoadError(f"cache needs maxBytes >= 1 and ttlSeconds > 0, got {value}")
    return Caching(size, float(ttl))
