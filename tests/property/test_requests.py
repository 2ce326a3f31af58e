"""Whatever a caller sends, the model server answers what is wrong with it, and goes on."""

import asyncio
import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import httpx
import numpy as np
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eagleray_serving.answers import AnsweringModel, Output
from eagleray_serving.columns import Column, Kind
from eagleray_serving.http import build_http
from eagleray_serving.outputs import Answer, outputs_of
from eagleray_serving.rows import Rows, Signature
from eagleray_serving.service import Batching, Service
from eagleray_serving.tensors import Array, Tensor
from unit.serving.asking import SEVERAL

REFUSALS = {400, 404, 405, 413, 415, 422}
COLUMNS = (Column("age", Kind.NUMBER), Column("plan", Kind.STRING, frozenset({"a", "b"})))
SIGNATURES = {
    "named": Signature(COLUMNS, named=True),
    "numbers": Signature((Column("0", Kind.NUMBER), Column("1", Kind.NUMBER))),
    "unknown": Signature(None),
    "text": Signature(None, text=True),
    "tensor": Signature(None, tensors=(Tensor("image", np.dtype(np.uint8), (2, None)),)),
    "several": SEVERAL,
    "shapeless": Signature(None, tensors=(Tensor("input", np.dtype(np.float32), None),)),
}
ROWS: dict[str, list[Any]] = {
    "named": [{"age": 3, "plan": "a"}, {"age": None, "plan": "b"}],
    "numbers": [[1, 2.5], [3, None]],
    "unknown": [[1, "a"], [2, "b"]],
    "text": ["one", "two"],
    "tensor": [[[1, 2, 3], [4, 5, 6]]],
    "several": [{"ids": [1, 2], "age": 3.5}, {"ids": [3, 4], "age": 4}],
    "shapeless": [[[1.5]], [[2]]],
}
TENSORS: dict[str, list[dict[str, Any]]] = {
    "named": [
        {"name": "age", "datatype": "FP64", "shape": [2], "data": [3, 4]},
        {"name": "plan", "datatype": "BYTES", "shape": [2, 1], "data": ["a", "b"]},
    ],
    "numbers": [{"name": "x", "datatype": "FP32", "shape": [2, 2], "data": [1, 2, 3, 4]}],
    "unknown": [{"name": "x", "datatype": "BYTES", "shape": [1, 2], "data": ["p", "q"]}],
    "text": [{"name": "text", "datatype": "BYTES", "shape": [2], "data": ["p", "q"]}],
    "tensor": [{"name": "image", "datatype": "UINT8", "shape": [1, 2, 2], "data": [[[1, 2], [3, 4]]]}],
    "several": [
        {"name": "age", "datatype": "FP32", "shape": [2], "data": [3.5, 4]},
        {"name": "ids", "datatype": "INT64", "shape": [2, 2], "data": [1, 2, 3, 4]},
    ],
    "shapeless": [{"name": "x", "datatype": "INT64", "shape": [1, 1, 2], "data": [1, 2]}],
}


class Echo:
    """Answers how long each row is as a text."""

    classes: Array | None = None
    outputs = outputs_of(None)
    own_names: Mapping[str, str] = MappingProxyType({})

    def __init__(self, signature: Signature) -> None:
        self.signature = signature

    def predict(self, rows: Rows, outputs: Sequence[str]) -> Answer:
        return dict.fromkeys(outputs, np.array([float(len(str(row))) for row in zip(*rows.arrays, strict=True)]))


@dataclass
class Server:
    """The server, on a loop of its own, as Hypothesis knows none."""

    loop: asyncio.AbstractEventLoop
    client: httpx.AsyncClient

    def post(self, path: str, content: bytes) -> httpx.Response:
        return self.loop.run_until_complete(self.client.post(path, content=content))


@pytest.fixture(params=SIGNATURES, scope="module")
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def server(kind: str) -> Iterator[Server]:
    loop = asyncio.new_event_loop()

    async def start() -> Service:
        model = AnsweringModel(Echo(SIGNATURES[kind]), Output.LABELS)
        return Service("m", "echo", model, Batching(4, 0.0))

    service = loop.run_until_complete(start())
    transport = httpx.ASGITransport(build_http(service), raise_app_exceptions=False)
    client = httpx.AsyncClient(transport=transport, base_url="http://model")
    yield Server(loop, client)
    loop.run_until_complete(client.aclose())
    loop.run_until_complete(service.close())
    loop.close()


NAMES = ("name", "datatype", "shape", "data", "inputs", "outputs", "instances", "id", "parameters", "age", "x")
ATOMS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53), 2**53),
    st.sampled_from([2**63, 2**64 - 1, -1, 0, 255, 256, 1e308, -0.0, "", "FP32", "BYTES", "age", "\x00", "\ud7ff"]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=5),
)
JSON = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.one_of(st.sampled_from(NAMES), st.text(max_size=3)), inner)
    ),
    max_leaves=12,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a JSON value."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*path, key))


def changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """A copy with another value at a place."""
    if not path:
        return new
    found = copy.deepcopy(value)
    parent = found
    for key in path[:-1]:
        parent = parent[key]
    parent[path[-1]] = new
    return found


def requests(kind: str) -> list[tuple[str, Any]]:
    return [("/v1/models/m:predict", {"instances": ROWS[kind]}), ("/v2/models/m/infer", {"inputs": TENSORS[kind]})]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_request_with_anything_in_any_place(server: Server, kind: str, data: st.DataObject) -> None:
    path, body = data.draw(st.sampled_from(requests(kind)))
    for _ in range(data.draw(st.integers(1, 3))):
        body = changed(body, data.draw(st.sampled_from(list(places(body)))), data.draw(JSON))
    answer = server.post(path, orjson.dumps(body))
    assert answer.status_code == 200 or answer.status_code in REFUSALS, answer.text
    if answer.status_code != 200:
        assert answer.json()["error"]
        assert "Traceback" not in answer.text
    path, good = requests(kind)[0]
    assert server.post(path, orjson.dumps(good)).status_code == 200


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=40))
def test_bytes_that_are_no_json(server: Server, content: bytes) -> None:
    for path in ("/v1/models/m:predict", "/v2/models/m/infer"):
        answer = server.post(path, content)
        assert answer.status_code in REFUSALS
        assert answer.json()["error"]
