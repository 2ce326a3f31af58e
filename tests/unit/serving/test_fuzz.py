"""Whatever is sent, the answer is right or a 4xx that says why: never a 5xx, and the next request is answered."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import joblib
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline

from eagleray_serving.answers import AnsweringModel, Output
from eagleray_serving.frameworks import load_model
from eagleray_serving.http import build_http
from eagleray_serving.service import Batching, Service
from unit.serving.graphs import two_of_each
from unit.serving.test_http import GOOD

PREDICT, INFER = "/v1/models/m:predict", "/v2/models/m/infer"
SEVERAL = {"image": [[0.5, 1], [2, 3]], "bias": 1.5}
ROWS: dict[str, Any] = {"columns": GOOD, "numbers": [1.5, 2, 3], "text": "fast and friendly", "tensors": SEVERAL}
"""A row that each model takes."""

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.just(10**400), st.just("fiber")
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
sizes = st.one_of(st.integers(-2, 5), st.integers(), scalars)
tensors = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["x", "image", "bias", "contract", ""]) | scalars,
        "datatype": st.sampled_from(["FP16", "FP32", "FP64", "INT8", "INT64", "UINT64", "BOOL", "BYTES", "TEXT"])
        | scalars,
        "shape": st.lists(sizes, max_size=5) | scalars,
        "data": st.lists(scalars, max_size=12) | values,
        "parameters": st.fixed_dictionaries({}, optional={"binary_data_size": sizes, "binary_data": scalars}) | scalars,
    },
)
outputs = st.lists(
    st.fixed_dictionaries({}, optional={"name": st.just("predict") | scalars, "parameters": values}) | scalars
)
infers = st.fixed_dictionaries(
    {},
    optional={
        "inputs": st.lists(tensors, max_size=3) | values,
        "outputs": outputs | values,
        "id": scalars,
        "parameters": values,
    },
)
fuzzed = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module", params=ROWS)
def served(
    request: pytest.FixtureRequest, churn_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Any, Any]:
    """A model, and a row that it takes."""
    folder = tmp_path_factory.mktemp("model")
    framework, path = "sklearn", folder / "model.joblib"
    if request.param == "columns":
        path = churn_file
    elif request.param == "tensors":
        framework, path = "onnx", folder / "model.onnx"
        path.write_bytes(two_of_each().SerializeToString())
    elif request.param == "numbers":
        joblib.dump(LinearRegression().fit(np.eye(3), [1, 2, 3]), path)
    else:
        joblib.dump(make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(["good", "bad"], [1, 0]), path)
    return AnsweringModel(load_model(framework, path), Output.LABELS), ROWS[request.param]


def check(served: tuple[Any, Any], path: str, body: bytes, headers: dict[str, str] | None = None) -> None:
    model, row = served

    async def ask() -> tuple[httpx.Response, httpx.Response]:
        service = Service("m", "any", model, Batching(8, 0.001))
        transport = httpx.ASGITransport(build_http(service))
        async with httpx.AsyncClient(transport=transport, base_url="http://model") as client:
            answers = await asyncio.gather(
                client.post(path, content=body, headers=headers), client.post(PREDICT, json={"instances": [row]})
            )
        await service.close()
        return answers

    answer, good = asyncio.run(ask())
    assert good.status_code == 200, good.text
    assert answer.status_code in {200, 400, 404, 413, 422}, answer.text
    assert answer.status_code == 200 or answer.json()["error"]


def sent(value: object) -> bytes:
    return json.dumps(value).encode("utf-8", "surrogatepass")


@fuzzed
@given(body=st.binary(max_size=60) | values.map(sent), path=st.sampled_from([PREDICT, INFER]))
def test_any_bytes(served: tuple[Any, Any], body: bytes, path: str) -> None:
    check(served, path, body)


@fuzzed
@given(data=st.data())
def test_rows_with_anything_in_them(served: tuple[Any, Any], data: st.DataObject) -> None:
    """A row that the model takes, something of which is something else."""
    row = json.loads(json.dumps(served[1]))
    if isinstance(row, str):
        row = data.draw(values)
    else:
        place = data.draw(st.sampled_from(list(row) if isinstance(row, dict) else range(len(row))))
        row[place] = data.draw(values)
    others = data.draw(st.lists(st.just(served[1]) | values, max_size=3))
    check(served, PREDICT, sent({"instances": [row, *others]}))


@fuzzed
@given(
    request=infers,
    tail=st.binary(max_size=40),
    head=st.one_of(st.none(), st.integers(-5, 300), st.text("0x9 ", max_size=4)),
)
def test_infer_requests_with_anything_in_them(
    served: tuple[Any, Any], request: dict[str, Any], tail: bytes, head: int | str | None
) -> None:
    body = sent(request)
    exact = (
        {}
        if head is None
        else {"inference-header-content-length": str(head if isinstance(head, str) else len(body) + min(head, 0))}
    )
    check(served, INFER, body + tail if exact else body, exact)
