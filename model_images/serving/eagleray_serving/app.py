"""The Serve application that the operator deploys: ``eagleray_serving.app:build``."""

import asyncio
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ray import serve
from ray.serve.metrics import Histogram
from starlette.applications import Starlette

from eagleray_serving.answers import AnsweringModel, Output
from eagleray_serving.errors import ModelLoadError
from eagleray_serving.frameworks import Model, ModelClass, check_framework, load_code, load_model
from eagleray_serving.frameworks.pickle_versions import told_of_versions
from eagleray_serving.http import build_http
from eagleray_serving.mlflow import Folder, read_folder
from eagleray_serving.rows import Signature
from eagleray_serving.service import Batching, Service
from eagleray_serving.signature import parse_signature, refined
from eagleray_serving.trial import try_out

DEPLOYMENT = "Model"
"""Name of the Serve deployment."""

_BOUNDARIES = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024]

logger = logging.getLogger("ray.serve.eagleray")


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
    """

    framework: str
    name: str
    path: Path
    output: Output = Output.LABELS
    model_class: ModelClass | None = None
    signature: Signature | None = None
    warmup: list[Any] | None = None

    def load(self) -> AnsweringModel:
        """Load it, and have it answer once.

        Raises:
            ModelLoadError: With one sentence that says why it cannot be served.
        """
        check_framework(self.framework)
        try:
            folder = read_folder(self.path)
            model = self._answering(folder)
            try_out(model, self.warmup or (folder.example if folder else None))
        except ModelLoadError as error:
            raise ModelLoadError(told_of_versions(self.path, error)) from None
        return model

    def _answering(self, folder: Folder | None) -> AnsweringModel:
        model = self._model(folder)
        told = folder.signature if folder else None
        found = refined(model.signature, told, only_unknown=True) if told else None
        return AnsweringModel(model, self.output, self.signature or found)

    def _model(self, folder: Folder | None) -> Model:
        if folder is None:
            return load_model(self.framework, self.path, self.model_class)
        if folder.is_code:
            return load_code(folder.path)
        return load_model(self.framework, folder.model(self.framework), self.model_class)


class ModelServer:
    """A replica: loads the model when it starts, then answers over HTTP.

    Args:
        saved: The model.
        batching: How requests are put together.
    """

    async def __init__(self, saved: Saved, batching: Batching) -> None:  # type: ignore[misc]  # Serve awaits it
        # In a thread: Serve asks a replica that is starting for its health too.
        try:
            model = await asyncio.to_thread(saved.load)
        except ModelLoadError as error:
            raise error.with_traceback(None) from None  # its message says it all, and is what the operator shows
        histogram = Histogram("eagleray_batch_size", "Rows in each batch that the model was given.", _BOUNDARIES)
        self._service = Service(saved.name, saved.framework, model, batching, histogram.observe)
        logger.info("model '%s' is loaded from %s; %s", saved.name, saved.path, batching)

    def __serve_build_asgi_app__(self) -> Starlette:
        """Called by Serve after the constructor."""
        return build_http(self._service)

    async def check_health(self) -> None:
        """Called by Serve; raising means that the replica is replaced."""
        if not self._service.healthy:
            raise RuntimeError("the batcher has stopped")


def build(args: dict[str, Any]) -> serve.Application:
    """Build the application.

    Args:
        args: ``framework``, ``name``, ``path``, ``output`` (labels unless told), ``class`` and ``args`` of weights,
            ``signature``, ``warmup`` (rows as in ``instances``) and ``batching`` (``{"maxSize", "maxWaitSeconds"}`` or
            None).

    Raises:
        ModelLoadError: The arguments name a framework that is not there, or lack something.
    """
    saved = parse_saved(args)
    batching = parse_batching(args.get("batching"))
    ingress = serve.ingress()(ModelServer)
    # Serve's default of 5 requests at a time would bound the batch; the operator overrides it by concurrency.max.
    deployment = serve.deployment(name=DEPLOYMENT, max_ongoing_requests=max(100, 4 * (batching.max_rows or 1)))(ingress)
    app: serve.Application = deployment.bind(saved, batching)
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
    )


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
