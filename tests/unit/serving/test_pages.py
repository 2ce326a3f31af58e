"""What the how-tos about the model server say is done as it is written."""

import json
from pathlib import Path

import joblib
import pandas as pd
import yaml
from sklearn.linear_model import LogisticRegression

from eagleray.api.spec import ModelDeployment
from eagleray_serving.app import Saved
from eagleray_serving.outputs import PREDICT
from eagleray_serving.rows import parse_rows
from eagleray_serving.signature import parse_signature
from unit.serving.asking import blocks


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
