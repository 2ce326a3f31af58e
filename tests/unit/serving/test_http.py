import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import numpy as np
import pytest
import pytest_asyncio

from eagleray_serving import bodies
from eagleray_serving.answers import AnsweringModel, Output
from eagleray_serving.columns import Column, Kind
from eagleray_serving.frameworks import load_model
from eagleray_serving.http import build_http
from eagleray_serving.outputs import Answer, outputs_of
from eagleray_serving.rows import Rows, Signature
from eagleray_serving.service import Batching, Service
from eagleray_serving.tensors import Tensor

GOOD = {
    "tenure_months": 2,
    "monthly_charges": 95.5,
    "support_calls": 4,
    "contract": "month-to-month",
    "payment": "check",
    "internet": "fiber",
}
PREDICT = "/v1/models/churn:predict"
INFER = "/v2/models/churn/infer"


@pytest_asyncio.fixture
async def client(churn_file: Path) -> AsyncIterator[httpx.AsyncClient]:
    service = Service(
        "churn", "sklearn", AnsweringModel(load_model("sklearn", churn_file), Output.LABELS), Batching(32, 0.05)
    )
    async with client_of(service) as opened:
        yield opened
    await service.close()


def client_of(service: Service) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(build_http(service), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://model")


class Failing:
    signature = Signature((Column("0", Kind.NUMBER),))
    classes = None
    own_names: Mapping[str, str] = {}
    outputs = outputs_of(None)

    def predict(self, rows: Rows, outputs: Sequence[str]) -> Answer:
        if rows.arrays[0][0, 0] == 1:
            raise RuntimeError("a secret of the model")
        return dict.fromkeys(outputs, np.array([np.nan, 1.5], dtype=np.float32)[: len(rows)])


async def test_predictions_equal_the_estimators_in_real_batches(
    client: httpx.AsyncClient, churn: Any, churn_example: ModuleType
) -> None:
    customers = churn_example.make_customers(200, seed=5)
    expected = churn.predict(customers).tolist()
    rows = churn_example.to_rows(customers)
    singles = await asyncio.gather(*(client.post(PREDICT, json={"instances": [row]}) for row in rows[:100]))
    assert [single.json()["predictions"][0] for single in singles] == expected[:100]
    sizes = [int(single.headers["x-eagleray-batch-size"]) for single in singles]
    assert 1 < max(sizes) <= 32
    many = await client.post(PREDICT, json={"instances": rows})
    assert many.json() == {"predictions": expected}
    assert many.headers["x-eagleray-batch-size"] == "32"


async def test_bad_requests_among_good_ones(client: httpx.AsyncClient) -> None:
    bodies = [{"instances": [GOOD if number % 3 else {**GOOD, "contract": number}]} for number in range(60)]
    answers = await asyncio.gather(*(client.post(PREDICT, json=body) for body in bodies))
    assert [answer.status_code for answer in answers] == [200 if number % 3 else 422 for number in range(60)]


@pytest.mark.parametrize(
    ("content", "status", "answer"),
    [
        (b"", 400, {"error": "the body is not JSON"}),
        (b'{"instances": [NaN]}', 400, {"error": "the body is not JSON"}),
        (b"\xff", 400, {"error": "the body is not JSON"}),
        (b"[1]", 400, {"error": "the body must be a JSON object, got a list"}),
        (b"{}", 422, {"field": "instances"}),
        (b'{"instances": [], "x": 1}', 422, {"field": "x"}),
        (b'{"instances": []}', 422, {"field": "instances"}),
        (b'{"inputs": {}}', 422, {"field": "inputs"}),
        (b'{"instances": [], "inputs": []}', 422, {"field": "inputs"}),
        (b'{"instances": [], "parameters": {"k": 3}}', 422, {"field": "parameters"}),
        (json.dumps({"instances": [GOOD, {**GOOD, "payment": 1}]}).encode(), 422, {"row": 1, "field": "payment"}),
        (json.dumps({"instances": [[1, 2]]}).encode(), 422, {"row": 0, "error": "row 0: expected 6 values, got 2"}),
    ],
)
async def test_a_malformed_predict_request(
    client: httpx.AsyncClient, content: bytes, status: int, answer: dict[str, Any]
) -> None:
    response = await client.post(PREDICT, content=content)
    assert response.status_code == status
    body = response.json()
    assert body["error"].startswith(answer.pop("error", ""))
    assert {key: body[key] for key in answer} == answer


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("GET", "/v1/models", 200),
        ("GET", "/v1/models/churn", 200),
        ("GET", "/v1/models/churn/versions/1", 200),
        ("GET", "/v1/models/churn/versions/2", 404),
        ("GET", "/v2/models/churn/versions/1", 200),
        ("GET", "/v2/models/churn/versions/1/ready", 200),
        ("GET", "/v2/models/churn/versions/2/ready", 404),
        ("POST", "/v1/models/churn/versions/2:predict", 404),
        ("POST", "/v2/models/churn/versions/2/infer", 404),
        ("GET", PREDICT, 405),
        ("POST", "/v1/models/other:predict", 404),
        ("POST", "/v1/models/churn:classify", 405),
        ("GET", "/v1/models/churn:explain", 405),
        ("POST", "/v1/models/other:explain", 404),
        ("GET", "/v2", 200),
        ("GET", "/v2/health/live", 200),
        ("GET", "/v2/health/ready", 200),
        ("GET", "/v2/models/churn", 200),
        ("GET", "/v2/models/churn/ready", 200),
        ("GET", "/v2/models/other/ready", 404),
        ("GET", INFER, 405),
        ("POST", "/v2/models/other/infer", 404),
        ("GET", "/nothing", 404),
    ],
)
async def test_paths(client: httpx.AsyncClient, method: str, path: str, status: int) -> None:
    response = await client.request(method, path)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/json"
    assert status == 200 or response.json()["error"]


async def test_what_clients_of_kserve_ask_first(client: httpx.AsyncClient) -> None:
    assert (await client.get("/")).json() == {"status": "alive"}
    assert (await client.get("/v1/models")).json() == {"models": ["churn"]}


@pytest.mark.parametrize(
    ("path", "members"),
    [
        (PREDICT, {"inputs": [GOOD]}),
        (PREDICT, {"instances": [GOOD], "id": "7", "parameters": {}}),
        (PREDICT, {"instances": [GOOD], "parameters": None, "signature_name": "serving_default"}),
        ("/v1/models/churn/versions/1:predict", {"instances": [GOOD]}),
    ],
)
async def test_predict_requests_of_clients_of_other_servers(
    client: httpx.AsyncClient, path: str, members: dict[str, Any]
) -> None:
    assert (await client.post(path, json=members)).json() == {"predictions": ["churn"]}


async def test_infer_takes_a_tensor_per_column(client: httpx.AsyncClient) -> None:
    inputs = [tensor(name, [value, value]) for name, value in GOOD.items()]
    response = await client.post(INFER, json={"id": "seven", "inputs": inputs, "outputs": [{"name": "predict"}]})
    assert response.json() == {
        "id": "seven",
        "model_name": "churn",
        "outputs": [{"name": "predict", "shape": [2], "datatype": "BYTES", "data": ["churn", "churn"]}],
    }
    assert response.headers["x-eagleray-batch-size"] == "2"


def tensor(name: str, data: list[Any]) -> dict[str, Any]:
    return {
        "name": name,
        "shape": [len(data)],
        "datatype": "BYTES" if isinstance(data[0], str) else "FP64",
        "data": data,
    }


async def test_labels_and_probabilities_at_once(churn: Any, churn_file: Path, churn_example: ModuleType) -> None:
    customers = churn_example.make_customers(40, seed=5)
    rows = churn_example.to_rows(customers)
    model = AnsweringModel(load_model("sklearn", churn_file), Output.BOTH)
    service = Service("churn", "sklearn", model, Batching(32, 0))
    async with client_of(service) as client:
        v1 = (await client.post(PREDICT, json={"instances": rows})).json()
        assert v1["predictions"] == churn.predict(customers).tolist()
        assert v1["probabilities"] == churn.predict_proba(customers).tolist()
        assert (await client.get("/v1/models/churn")).json()["classes"] == ["churn", "stay"]
        lone = [{"name": name, "shape": [1], "datatype": "BYTES", "data": [value]} for name, value in GOOD.items()]
        for tensor in lone[:3]:
            tensor["datatype"] = "FP64"
        v2 = (await client.post(INFER, json={"inputs": lone})).json()
        assert [(output["name"], output["shape"]) for output in v2["outputs"]] == [
            ("predict", [1]),
            ("predict_proba", [1, 2]),
        ]
        one = (await client.post(INFER, json={"inputs": lone, "outputs": [{"name": "predict_proba"}]})).json()
        assert one["outputs"] == v2["outputs"][1:]
        told = (await client.get("/v2/models/churn")).json()["outputs"]
        assert [output["name"] for output in told] == ["predict", "predict_proba"]
    await service.close()


async def test_a_large_body_is_refused(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "MAX_BODY_BYTES", 10)
    refused = await client.post(PREDICT, json={"instances": [GOOD]})
    assert refused.status_code == 413
    assert "more than 10 bytes; send fewer rows, or raise spec.router.maxRequestBytes" in refused.json()["error"]


@pytest.mark.parametrize(
    ("said", "status"), [("1000", 200), ("10", 413), ("", 413), ("many", 413), ("9" * 16, 413), ("-1", 413)]
)
async def test_how_large_a_body_may_be_is_what_the_router_says(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, said: str, status: int
) -> None:
    monkeypatch.setattr(bodies, "MAX_BODY_BYTES", 9)
    answer = await client.post(PREDICT, json={"instances": [GOOD]}, headers={bodies.MAX_BODY_HEADER: said})
    assert answer.status_code == status


async def test_a_failure_of_the_model_shows_no_traceback(caplog: pytest.LogCaptureFixture) -> None:
    service = Service("m", "sklearn", AnsweringModel(Failing(), Output.LABELS), Batching(8, 0))
    async with client_of(service) as client:
        bad, good = await asyncio.gather(
            client.post("/v1/models/m:predict", json={"instances": [[1]]}),
            client.post("/v1/models/m:predict", json={"instances": [[2], [3]]}),
        )
        assert (bad.status_code, good.status_code) == (500, 200)
        assert good.json() == {"predictions": [None, 1.5]}
        assert "RuntimeError" in bad.json()["error"]
        assert "secret" not in bad.text
        assert "a secret of the model" in caplog.text
        await service.close()
        stopping = await client.post("/v1/models/m:predict", json={"instances": [[2]]})
        assert (stopping.status_code, stopping.headers["retry-after"]) == (503, "1")
        assert (await client.get("/v2/health/ready")).status_code == 503


async def test_an_unexpected_error_is_json_too(monkeypatch: pytest.MonkeyPatch) -> None:
    service = Service("m", "sklearn", AnsweringModel(Failing(), Output.LABELS), Batching())

    async def broken(_rows: Rows) -> None:
        raise ZeroDivisionError("a secret of the server")

    monkeypatch.setattr(service, "predict", broken)
    async with client_of(service) as client:
        response = await client.post("/v1/models/m:predict", json={"instances": [[2]]})
    assert response.status_code == 500
    assert "secret" not in response.json()["error"]
    await service.close()


class Detector:
    signature = Signature(None, tensors=(Tensor("image", np.dtype(np.float32), (2,)),))
    classes = None
    own_names: Mapping[str, str] = {}
    outputs = (Tensor("boxes", np.dtype(np.float32), (4,)), Tensor("label", np.dtype(object), ()))

    def predict(self, rows: Rows, outputs: Sequence[str]) -> Answer:
        whole = {"boxes": np.tile(rows.arrays[0], 2), "label": np.array(["cat", "dog"], dtype=object)[: len(rows)]}
        return {name: whole[name] for name in outputs}


async def test_several_outputs_are_an_object_a_row_and_tensors_by_name() -> None:
    service = Service("detector", "onnx", AnsweringModel(Detector(), Output.LABELS), Batching())
    async with client_of(service) as client:
        told = (await client.get("/v2/models/detector")).json()["outputs"]
        assert told == [
            {"name": "boxes", "datatype": "FP32", "shape": [-1, 4]},
            {"name": "label", "datatype": "BYTES", "shape": [-1]},
        ]
        v1 = await client.post("/v1/models/detector:predict", json={"instances": [[1, 2], [3, 4]]})
        assert v1.json()["predictions"] == [
            {"boxes": [1, 2, 1, 2], "label": "cat"},
            {"boxes": [3, 4, 3, 4], "label": "dog"},
        ]
        image = {"name": "image", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]}
        v2 = await client.post("/v2/models/detector/infer", json={"inputs": [image], "outputs": [{"name": "boxes"}]})
        assert v2.json()["outputs"] == [{"name": "boxes", "datatype": "FP32", "shape": [1, 4], "data": [1, 2, 1, 2]}]
    await service.close()
