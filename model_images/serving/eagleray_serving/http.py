"""The HTTP face of the models, which gRPC calls come through too.

Starlette rather than FastAPI: bodies are read with orjson and checked against the model, so a second schema over
each row would only cost time.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import MappingProxyType
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from eagleray_serving import __version__, calls
from eagleray_serving.bodies import Bodies
from eagleray_serving.calls import Calls
from eagleray_serving.errors import InvalidInputError, ModelFailureError, ServerStoppingError
from eagleray_serving.protocols import binary, jsonable, repository, v1, v2
from eagleray_serving.rows import Rows
from eagleray_serving.service import Models, Prediction, Service

BATCH_SIZE_HEADER = "x-eagleray-batch-size"
"""Response header: rows in the largest batch that served the request."""
CACHE_HEADER = "x-eagleray-cache"
"""Response header where answers are kept: ``hit`` where one was, or was computed for another, else ``miss``."""
_EXTENSIONS = ["binary_tensor_data", "model_repository"]


def build_http(models: Models) -> Starlette:
    """The ASGI application of a server's models: a service, or several. Its shutdown finishes what is queued."""

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        await models.close()

    handlers = _Handlers(models)
    return Starlette(
        # Serve and Starlette try them in this order, for every request.
        routes=[
            *handlers.of_model("/v1/models/{model}", "/v2/models/{model}"),
            Route(f"{calls.SERVICE}/{{method}}", handlers.call, methods=["POST"]),
            *handlers.of_model("/v1/models/{model}/versions/{version}", "/v2/models/{model}/versions/{version}"),
            Route("/", handlers.alive),
            Route("/v1/models", handlers.models),
            Route("/v2", handlers.server),
            Route("/v2/health/live", handlers.live),
            Route("/v2/health/ready", handlers.ready),
            Route("/v2/repository/index", handlers.index, methods=["POST"]),
        ],
        lifespan=lifespan,
        exception_handlers={
            InvalidInputError: _invalid,
            ModelFailureError: _failed,
            ServerStoppingError: _stopping,
            HTTPException: _http_error,
            ClientDisconnect: _gone,
            Exception: _unexpected,
        },
    )


class _Handlers:
    def __init__(self, models: Models) -> None:
        self._models = models
        self._bodies = Bodies()
        self._calls = Calls(models, self._bodies)

    def of_model(self, v1: str, v2: str) -> list[Route]:
        """The routes of a model, which each protocol has below a path of its own."""
        return [
            Route(f"{v1}:predict", self.predict, methods=["POST"]),
            Route(f"{v2}/infer", self.infer, methods=["POST"]),
            Route(f"{v1}:predict", self.only_post),
            Route(f"{v1}:explain", self.explain, methods=["POST"]),
            Route(f"{v1}:explain", self.only_post),
            Route(v1, self.model_v1),
            Route(v2, self.model_v2),
            Route(f"{v2}/ready", self.model_ready),
        ]

    async def predict(self, request: Request) -> Response:
        body = await self._read(request)
        async with self._asked(request) as service:
            prediction = await service.predict(await self._instances(body, service))
        outputs, headers = prediction.outputs, _headers(prediction)
        return await self._bodies.written(outputs, lambda: _json(v1.predict_response(outputs), headers=headers))

    async def explain(self, request: Request) -> Response:
        body = await self._read(request)
        async with self._asked(request) as service:
            parts = [part async for part in service.explain(await self._instances(body, service))]
        return _json(await asyncio.to_thread(v1.explain_response, parts))

    async def infer(self, request: Request) -> Response:
        json_bytes = request.headers.get(binary.HEADER)  # counted before the body was packed
        body = await self._read(request)
        async with self._asked(request) as service:
            told = (service.signature, service.output_names, json_bytes, service.own_names)
            asked = await self._bodies.aside(len(body), lambda: v2.parse_infer(body, *told))
            prediction = await service.predict(asked.rows)

        def write() -> Response:
            answer, blobs = v2.infer_response(service.name, prediction.outputs, asked)
            return _json(answer, headers=_headers(prediction), blobs=blobs)

        return await self._bodies.written(prediction.outputs, write)

    async def call(self, request: Request) -> Response:
        body, prediction = await self._calls.answer(request.path_params["method"], request)
        return Response(body, headers=_headers(prediction), media_type=calls.CONTENT_TYPE)

    async def only_post(self, _request: Request) -> Response:
        raise HTTPException(405, "Method Not Allowed", {"allow": "POST"})

    async def alive(self, _request: Request) -> Response:
        return _json({"status": "alive"})

    async def models(self, _request: Request) -> Response:
        return _json({"models": self._models.names})

    async def index(self, request: Request) -> Response:
        only_ready = await self._bodies.parsed(request, repository.parse_index)
        states = [self._models.state(name) for name in self._models.names]
        return _json(repository.index(states, only_ready=only_ready))

    async def model_v1(self, request: Request) -> Response:
        async with self._asked(request) as service:
            classes = service.classes
            told = {} if classes is None or not len(classes) else {"classes": jsonable(classes)}
            return _json({"name": service.name, "ready": service.healthy, **told})

    async def server(self, _request: Request) -> Response:
        return _json({"name": "eagleray", "version": __version__, "extensions": _EXTENSIONS})

    async def live(self, _request: Request) -> Response:
        return _json({"live": True})

    async def ready(self, _request: Request) -> Response:
        ready = self._models.healthy
        return _json({"ready": ready}, status=200 if ready else 503)

    async def model_v2(self, request: Request) -> Response:
        async with self._asked(request) as service:
            return _json(v2.metadata(service.name, service.platform, service.signature, service.outputs))

    async def model_ready(self, request: Request) -> Response:
        path = request.path_params
        state = self._models.state(path["model"], path.get("version"))
        told = {"error": state.reason} if state.reason else {}
        return _json({"name": state.name, "ready": state.ready, **told}, status=200 if state.ready else 503)

    async def _read(self, request: Request) -> bytes:
        """The body of a request for a model that there is. It is read before, so that slow senders keep none loaded."""
        self._models.state(request.path_params["model"], request.path_params.get("version"))
        return await self._bodies.parsed(request, bytes)

    async def _instances(self, body: bytes, service: Service) -> Rows:
        """The rows of a request of the v1 protocol."""
        return await self._bodies.aside(len(body), lambda: v1.parse_predict(body, service.signature))

    def _asked(self, request: Request) -> AbstractAsyncContextManager[Service]:
        path = request.path_params
        return self._models.asked(path["model"], path.get("version"))


def _json(
    body: dict[str, Any] | list[Any],
    *,
    status: int = 200,
    headers: Mapping[str, str] = MappingProxyType({}),
    blobs: Sequence[bytes] = (),
) -> Response:
    content = orjson.dumps(body, default=str, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS)
    if not blobs:
        return Response(content, status_code=status, headers=headers, media_type="application/json")
    headers = {**headers, binary.HEADER: str(len(content))}
    whole = b"".join([content, *blobs])
    return Response(whole, status_code=status, headers=headers, media_type="application/octet-stream")


def _headers(prediction: Prediction | None) -> dict[str, str]:
    headers = {}
    if prediction is not None and prediction.batch_rows is not None:
        headers[BATCH_SIZE_HEADER] = str(prediction.batch_rows)
    if prediction is not None and prediction.cached is not None:
        headers[CACHE_HEADER] = "hit" if prediction.cached else "miss"
    return headers


def _refusal(request: Request, status: int, message: str, **more: str | int | None) -> Response:
    """What is answered where there is no answer, as the request's protocol has it."""
    if calls.is_call(request):
        return calls.refusal(status, message)
    told = {"error": message, **more}
    return _json({key: value for key, value in told.items() if value is not None}, status=status)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, InvalidInputError)  # noqa: S101 - what Starlette registered it for
    return _refusal(request, error.status, str(error), field=error.field, row=error.row)


async def _failed(request: Request, error: Exception) -> Response:
    return _refusal(request, 500, str(error))


async def _stopping(request: Request, error: Exception) -> Response:
    response = _refusal(request, 503, str(error))
    response.headers["retry-after"] = "1"
    return response


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - what Starlette registered it for
    detail, status = error.detail, error.status_code
    if detail == "Not Found":
        detail = f"no such path: {request.url.path}; try POST /v1/models/<name>:predict or GET /v2"
        status = 501 if calls.is_call(request) else status
    response = _refusal(request, status, detail)
    response.headers.update(error.headers or {})
    return response


async def _unexpected(request: Request, _error: Exception) -> Response:
    # Starlette raises the error again after this answer, so Serve logs the traceback.
    return _refusal(request, 500, "the server failed on this request; the log of the replica has the details")


async def _gone(_request: Request, _error: Exception) -> Response:
    return Response(status_code=499)
