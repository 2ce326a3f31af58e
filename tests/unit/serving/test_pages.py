"""What the how-tos about the model server say is done as it is written."""

import json
from pathlib import Path

import joblib
import pandas as pd
import pytest
import yaml
from sklearn.linear_model import LinearRegression, LogisticRegression

from eagleray.api.spec import ModelDeployment
from eagleray_serving.answers import AnsweringModel, Output
from eagleray_serving.app import Saved
from eagleray_serving.frameworks.sklearn import SklearnModel
from eagleray_serving.outputs import PREDICT
from eagleray_serving.rows import parse_rows
from eagleray_serving.service import Batching, Service
from eagleray_serving.signature import parse_signature
from unit.serving.asking import blocks
from unit.serving.test_http import client_of


def test_a_transform(tmp_path: Path) -> None:
    code, manifest, asked, answer = blocks("how-to/transform-rows.md", "python", "yaml", "sh", "json")
    model = ModelDeployment.model_validate(yaml.safe_load(manifest)).spec.model
    assert model is not None
    assert model.signature is not None
    (tmp_path / "features.py").write_text(code)
    frame = pd.DataFrame({"log_amount": [1.0, 2, 8, 9], "weekend": [0, 1, 0, 1]})
    joblib.dump(LogisticRegression().fit(frame, [0, 0, 1, 1]), tmp_path / "model.joblib")
    signature = parse_signature(model.signature.model_dump(by_alias=True))
    served = Saved("sklearn", "m", tmp_path, transform=model.transform, signature=signature).load()
    instances = json.loads(asked.split("'")[1])["instances"]
    found = served.answer(parse_rows(instances, served.signature))
    assert found[PREDICT].tolist() == json.loads(answer)["predictions"]


def test_a_cache() -> None:
    (manifest,) = blocks("how-to/cache-answers.md", "yaml")
    template = ModelDeployment.model_validate(yaml.safe_load(manifest)).spec
    assert template.answers is not None
    assert template.answers.cache is not None
    assert (template.answers.cache.max_bytes, template.answers.cache.ttl) == ("64Mi", "10m")


async def test_an_explanation() -> None:
    asked, answer = blocks("how-to/explain-answers.md", "sh", "json")
    frame = pd.DataFrame({"age": [0.0, 1, 0, 3], "debt": [0.0, 0, 1, 2]})
    model = AnsweringModel(
        SklearnModel(LinearRegression().fit(frame, 2 + 2 * frame["age"] - frame["debt"])), Output.LABELS
    )
    service = Service("risk", "sklearn", model, Batching())
    async with client_of(service) as client:
        found = await client.post("/v1/models/risk:explain", content=asked.split("'")[1])
    await service.close()
    (first,), (second,) = (each["explanations"][0] for each in (found.json(), json.loads(answer)))
    assert found.json().keys() == json.loads(answer).keys()
    assert first.pop("contributions") == pytest.approx(second.pop("contributions"))
    assert first.pop("output") == second.pop("output")
    assert first == pytest.approx(second)
