"""Twenty models in one replica, whose memory holds five of them."""

from collections.abc import Iterator
from typing import Any

import pytest

from e2e.client import MODELS, Client
from e2e.cluster import Manifest
from e2e.deployment import ModelDeployment
from e2e.given import API_VERSION, CHURN_NAMESPACE, CLAIM, Given
from e2e.then import Then
from e2e.when import When

NAMES = [f"shop-{number}" for number in range(20)]
ROW = {"instances": [[0.0]]}
# Each answers its number, and takes 4 MiB.
TRAIN = f"""
import pathlib, sys
import joblib, numpy
from sklearn.dummy import DummyRegressor
for number, name in enumerate(sys.argv[1:]):
    model = DummyRegressor().fit([[0.0]], [float(number)])
    model.ballast_ = numpy.arange(2 ** 19, dtype=float)
    folder = pathlib.Path("{MODELS}/shops") / name
    folder.mkdir(parents=True, exist_ok=True)
    joblib.dump(model, folder / "model.joblib")
(pathlib.Path("{MODELS}/shops") / "broken").mkdir(exist_ok=True)
(pathlib.Path("{MODELS}/shops") / "broken" / "model.joblib").write_bytes(b"no pickle")
"""


def manifest(*names: str, called: str = "shops") -> Manifest:
    models = [{"name": name, "uri": f"pvc://{CLAIM}/shops/{name}"} for name in names]
    return {
        "apiVersion": API_VERSION,
        "kind": "ModelDeployment",
        "metadata": {"name": called, "namespace": CHURN_NAMESPACE},
        "spec": {
            "model": {"framework": "sklearn", "models": models, "memory": "24Mi"},
            "replicas": 1,
            "resources": {"requests": {"cpu": "100m", "memory": "512Mi"}},
        },
    }


@pytest.fixture(scope="module")
def client(given: Given) -> Iterator[Client]:
    given.operator()
    client = given.model_claim()
    client.run_source(TRAIN, *NAMES)
    yield client
    for name in ("shops", "broken"):
        given.cluster.delete("md", name, CHURN_NAMESPACE)


@pytest.fixture
def shops(client: Client, given: Given) -> ModelDeployment:  # noqa: ARG001 - the models are there
    return given.settled(manifest(*NAMES, "broken"))


def ask(client: Client, md: ModelDeployment, name: str) -> Any:
    return client.ask("POST", f"{md.url}/v1/models/{name}:predict", ROW).json()


def loaded(client: Client, md: ModelDeployment) -> list[str]:
    index = client.ask("POST", f"{md.url}/v2/repository/index", {"ready": True}).json()
    return [model["name"] for model in index]


def test_each_answers_for_itself_and_five_are_loaded(client: Client, shops: ModelDeployment) -> None:
    for _ in range(2):
        for number, name in enumerate(NAMES):
            assert ask(client, shops, name) == {"predictions": [float(number)]}
            assert 1 <= len(loaded(client, shops)) <= 5
    found = loaded(client, shops)
    assert found == NAMES[-len(found) :]
    assert len(found) >= 4, "each takes little more than its file"


def test_one_that_is_broken_fails_alone(client: Client, shops: ModelDeployment) -> None:
    answer = client.ask("POST", f"{shops.url}/v1/models/broken:predict", ROW)
    assert answer.status == 500
    assert "ModelLoadFailed: model 'broken' cannot be loaded: model.joblib is not a model" in answer.json()["error"]
    assert client.ask("GET", f"{shops.url}/v2/models/broken/ready", None).status == 503
    assert ask(client, shops, NAMES[0]) == {"predictions": [0.0]}
    assert client.ask("POST", f"{shops.url}/v1/models/unknown:predict", ROW).status == 404


@pytest.mark.usefixtures("client")
def test_a_list_whose_first_model_is_broken_never_becomes_ready(when: When, then: Then) -> None:
    md = when.applied(manifest("broken", *NAMES, called="broken"))
    then.condition(md, "Degraded", "True", reasons={"ModelLoadFailed"}, saying="model 'broken'", within=120)
