"""Section 8.1: a scikit-learn model from a volume, answering exactly as the estimator itself does."""

import json
from typing import Any

import pytest

from e2e.client import MODELS
from e2e.given import CHECK_ROWS, MODEL, Given, Served

REPLICAS = 4
MAX_BATCH = 32


@pytest.fixture(scope="module")
def churn(given: Given) -> Served:
    given.operator()
    return given.churn(replicas=REPLICAS)


@pytest.fixture(scope="module")
def comparison(given: Given, churn: Served) -> dict[str, Any]:
    rows = json.dumps(given.trained_churn())
    text = churn.client.python("churn.py", churn.url, f"{MODELS}/{MODEL}/model.joblib", stdin=rows, timeout=180)
    found: dict[str, Any] = json.loads(text)
    assert found["rows"] == CHECK_ROWS
    return found


@pytest.mark.parametrize("how", ["single", "batched"])
def test_predictions_equal_the_estimators(comparison: dict[str, Any], how: str) -> None:
    assert comparison[how]["different"] == 0, comparison


def test_single_requests_share_batches(comparison: dict[str, Any]) -> None:
    sizes = {int(size) for size in comparison["single"]["batch_sizes"]}
    assert max(sizes) > 1, f"no batch had more than one row: {sizes}"


@pytest.mark.parametrize("how", ["single", "batched"])
def test_no_batch_is_larger_than_max_size(comparison: dict[str, Any], how: str) -> None:
    sizes = {int(size) for size in comparison[how]["batch_sizes"]}
    assert max(sizes) <= MAX_BATCH


@pytest.mark.parametrize(
    ("body", "status", "named"),
    [
        ({"instances": [[1.0]]}, 422, "expected 6 values, got 1"),
        ({"instances": []}, 422, "instances"),
        ({"instances": [{"tenure_months": "old"}]}, 422, "tenure_months"),
        ({"rows": [[1.0]]}, 422, "instances"),
        ("{not json", 400, "json"),
    ],
)  # fmt: skip
def test_wrong_input_is_the_clients_fault(churn: Served, body: object, status: int, named: str) -> None:
    answer = churn.client.ask("POST", churn.url, body)
    assert answer.status in {400, 422}, answer
    assert answer.status == status, answer
    assert named in answer.body.lower(), answer
    assert "traceback" not in answer.body.lower(), answer


def test_a_column_that_is_not_there_is_named(given: Given, churn: Served) -> None:
    row = dict(given.trained_churn()["instances"][0], shoe_size=43)
    answer = churn.client.ask("POST", churn.url, {"instances": [row]})
    assert answer.status == 422, answer
    assert "shoe_size" in answer.body


def test_open_inference_protocol(given: Given, churn: Served) -> None:
    check = given.trained_churn()
    row = check["instances"][0]
    tensors = [
        {"name": name, "shape": [1], "datatype": "BYTES" if isinstance(value, str) else "FP64", "data": [value]}
        for name, value in row.items()
    ]
    ready = churn.client.ask("GET", f"{churn.md.url}/v2/health/ready")
    answer = churn.client.ask("POST", f"{churn.md.url}/v2/models/churn/infer", {"id": "a1", "inputs": tensors})
    assert ready.status == 200, ready
    assert answer.status == 200, answer
    assert answer.json()["id"] == "a1"
    assert answer.json()["outputs"][0]["data"] == check["predictions"][:1]


def test_open_inference_protocol_over_grpc(given: Given, churn: Served) -> None:
    check = given.trained_churn()
    address = f"{churn.md.name}.{churn.md.namespace}:80"
    answer = json.loads(churn.client.python("call.py", address, "churn", stdin=json.dumps(check)))
    assert answer["id"] == "a1"
    assert answer["predictions"] == check["predictions"]
    assert answer["refused"] == {"status": "NOT_FOUND", "message": "model 'other' is not here; this is 'churn'"}


def test_status_tells_the_truth(churn: Served) -> None:
    manifest = churn.md.manifest()
    status = manifest["status"]
    columns = churn.md.cluster.kubectl("get", "md", churn.md.name, "-n", churn.md.namespace, "--no-headers").split()
    assert status["url"] == churn.md.url
    assert (status["replicas"], status["readyReplicas"]) == (REPLICAS, REPLICAS)
    assert status["observedGeneration"] == manifest["metadata"]["generation"]
    assert columns[:3] == ["churn", "True", f"{REPLICAS}/{REPLICAS}"], columns


def test_the_scale_subresource_selects_the_workers(churn: Served) -> None:
    selector = churn.md.status()["selector"]
    chosen = churn.md.cluster.list("pods", churn.md.namespace, selector)
    assert len(chosen) == REPLICAS
