"""Models of every framework that needs no code, each answering as it does on the machine where it was trained."""

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import onnx
import onnxruntime
import pytest
import xgboost
from onnx import TensorProto, helper, numpy_helper
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from e2e.client import Client
from e2e.cluster import REPO, Manifest
from e2e.deployment import ModelDeployment
from e2e.given import API_VERSION, CHURN_NAMESPACE, CLAIM, Given, example
from e2e.then import Then
from e2e.when import When

RNG = np.random.default_rng(5)
ROWS = RNG.normal(size=(64, 3)).round(3)
IMAGES = RNG.normal(size=(4, 3, 6, 6)).astype(np.float32).round(3)
BURST = 512


@dataclass(frozen=True, slots=True)
class Models:
    """What is on the claim, and the client beside it.

    Attributes:
        client: the client.
        payments: rows for the fraud model, and their probabilities.
        network: the network over images.
    """

    client: Client
    payments: dict[str, Any]
    network: bytes

    def ask(self, md: ModelDeployment, path: str, body: Any) -> Any:
        """Ask one of those that serve them."""
        answer = self.client.ask("POST", f"{md.url}{path}", body)
        return answer.json() | {"status": answer.status}


def manifest(name: str, framework: str, **spec: Any) -> Manifest:
    return {
        "apiVersion": API_VERSION,
        "kind": "ModelDeployment",
        "metadata": {"name": name, "namespace": CHURN_NAMESPACE},
        "spec": {
            "model": {"framework": framework, "uri": f"pvc://{CLAIM}/{name}", **spec},
            "replicas": 1,
            "resources": {"requests": {"cpu": "100m", "memory": "512Mi"}},
            "batching": {"maxSize": 32},
        },
    }


def fraud_trained(folder: Path) -> dict[str, Any]:
    train = REPO / "examples" / "fraud" / "train.py"
    command = [sys.executable, str(train), "--out", str(folder), "--check", "-", "--check-rows", "200"]
    check: dict[str, Any] = json.loads(subprocess.check_output(command, text=True, timeout=120).splitlines()[-1])
    return check


def boosted() -> Any:
    labels = (ROWS[:, 0] > 0).astype(int) + (ROWS[:, 2] > 1)
    return xgboost.train(
        {"objective": "multi:softprob", "num_class": 3, "nthread": 1}, xgboost.DMatrix(ROWS, labels), 5
    )


def convolution() -> bytes:
    """A convolution over images, and a row of eight values from each, as a small network is exported."""
    weights = numpy_helper.from_array(RNG.normal(size=(2, 3, 5, 5)).astype(np.float32), "w")
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, 6, 6])
    flat = helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", 8])
    nodes = [helper.make_node("Conv", ["image", "w"], ["c"]), helper.make_node("Flatten", ["c"], ["scores"])]
    graph = helper.make_graph(nodes, "g", [image], [flat], [weights])
    whole: onnx.ModelProto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    return bytes(whole.SerializeToString())


def mute() -> bytes:
    """A pipeline that loads and answers nothing: its steps were not fitted together."""
    features = make_pipeline(StandardScaler(), LogisticRegression()).fit(ROWS, ROWS[:, 0] > 0)
    features.steps[0] = ("standardscaler", StandardScaler().fit(ROWS[:, :2]))
    file = io.BytesIO()
    joblib.dump(features, file)
    return file.getvalue()


@pytest.fixture(scope="module")
def models(given: Given, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Models]:
    """The claim with a model of each. They are served one by one: a start takes both cores of a small machine."""
    given.operator()
    client = given.model_claim()
    folder = tmp_path_factory.mktemp("models")
    models = Models(client, fraud_trained(folder), convolution())
    boosted().save_model(folder / "model.ubj")
    client.put("fraud/1/model.txt", (folder / "model.txt").read_bytes())
    client.put("boosted/model.ubj", (folder / "model.ubj").read_bytes())
    client.put("images/network.onnx", models.network)
    client.put("mute/model.joblib", mute())
    yield models
    for name in ("fraud", "boosted", "images", "odd", "mute"):
        given.cluster.delete("md", name, CHURN_NAMESPACE)


def test_fraud_answers_a_burst_with_the_right_probabilities(models: Models, given: Given) -> None:
    md = given.settled(example("fraud", CHURN_NAMESPACE))
    check = models.payments
    answered = models.ask(md, "/v1/models/fraud:predict", {"instances": check["instances"]})
    assert np.allclose(answered["probabilities"], check["probabilities"], atol=1e-9)
    url = f"{md.url}/v1/models/fraud:predict"
    burst = models.client.count(url, BURST, at_once=64, body={"instances": check["instances"][:1]})
    assert burst.statuses == {"200": BURST}
    bad = {"instances": [check["instances"][0], {**check["instances"][1], "amount": "much"}]}
    refused = models.ask(md, "/v1/models/fraud:predict", bad)
    assert (refused["status"], refused["field"], refused["row"]) == (422, "amount", 1)


def test_xgboost_answers_labels_and_probabilities(models: Models, given: Given) -> None:
    """And tells what each column adds to them, and keeps them."""
    applied = manifest("boosted", "xgboost", output="Both")
    applied["spec"]["answers"] = {"cache": {"maxBytes": "1Mi"}}
    md = given.settled(applied)
    matrix, rows = xgboost.DMatrix(ROWS), {"instances": ROWS.tolist()}
    url = f"{md.url}/v1/models/boosted:predict"
    expected = boosted().predict(matrix)
    for kept in ("miss", "hit"):
        answer = models.client.ask("POST", url, rows)
        assert answer.headers["x-eagleray-cache"] == kept
        assert answer.json()["predictions"] == expected.argmax(axis=1).tolist()
        assert np.allclose(answer.json()["probabilities"], expected, atol=1e-6)
    explained = models.ask(md, "/v1/models/boosted:explain", rows)["explanations"]
    sums = [[one["base"] + sum(one["contributions"].values()) for one in row] for row in explained]
    assert np.allclose(sums, boosted().predict(matrix, output_margin=True), atol=1e-4)


def test_onnx_takes_images_as_tensors(models: Models, given: Given) -> None:
    md = given.settled(manifest("images", "onnx"))
    tensor = {"name": "image", "shape": list(IMAGES.shape), "datatype": "FP32", "data": IMAGES.ravel().tolist()}
    found = models.ask(md, "/v2/models/images/infer", {"inputs": [tensor]})["outputs"][0]
    session = onnxruntime.InferenceSession(models.network, providers=["CPUExecutionProvider"])
    expected = session.run(None, {"image": IMAGES})[0]
    assert (found["datatype"], found["shape"]) == ("FP32", [4, 8])
    assert np.allclose(found["data"], expected.ravel(), atol=1e-4)
    small = models.ask(md, "/v1/models/images:predict", {"instances": IMAGES[:, :, :5].tolist()})
    assert (small["status"], small["row"]) == (422, 0)
    assert "expected numbers of shape [3, 6, 6], got shape [3, 5, 6]" in small["error"]


@pytest.mark.parametrize(
    ("name", "framework", "file", "saying"),
    [
        ("odd", "xgboost", "fraud/1/model.txt", "not a model that XGBoost"),
        ("mute", "sklearn", "mute/model.joblib", "expecting 3 features"),
    ],
)
@pytest.mark.usefixtures("models")
def test_what_cannot_answer_never_becomes_ready(
    then: Then, when: When, name: str, framework: str, file: str, saying: str
) -> None:
    md = when.applied(manifest(name, framework, uri=f"pvc://{CLAIM}/{file}"))
    then.condition(md, "Degraded", "True", reasons={"ModelLoadFailed"}, saying=saying, within=120)
    then.condition(md, "Ready", "False", reasons={"ModelLoadFailed"}, saying=saying, within=5)
