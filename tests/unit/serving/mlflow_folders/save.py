"""Saves models as users of MLflow do, a folder each. Runs where MLflow is, and without this project.

Beside each folder is ``<name>.json``: rows as the v1 protocol has them, and what MLflow itself answers for them.
"""

import json
import sys
from pathlib import Path
from typing import Any

import lightgbm
import mlflow
import numpy as np
import pandas as pd
import xgboost
from mlflow.models import infer_signature
from skl2onnx import to_onnx
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

NUMBERS = pd.DataFrame(np.random.default_rng(1).normal(size=(60, 3)), columns=["amount", "age", "visits"])
LABELS = (NUMBERS["amount"] + NUMBERS["age"] > 0).astype(int) + (NUMBERS["visits"] > 1).astype(int)
VALUES = NUMBERS["amount"] * 2 - NUMBERS["age"]
TYPES = pd.DataFrame(
    {
        "amount": np.linspace(0, 1, 60),
        "hour": np.arange(60) % 24,
        "small": np.arange(60, dtype=np.int32),
        "home": np.arange(60) % 3 == 0,
        "plan": ["basic", "plus", "pro"] * 20,
        "at": pd.date_range("2026-01-01", periods=60, freq="7h"),
    }
)
"""A column of each type that a signature tells."""


class Twice(mlflow.pyfunc.PythonModel):  # type: ignore[misc]  # MLflow is not installed where types are checked
    """Code of a user's own."""

    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:  # noqa: ARG002
        return model_input["amount"].to_numpy() * 2


def main(root: Path) -> None:
    quiet = {"n_estimators": 5, "verbose": -1}
    flavors: Any = mlflow
    table = make_pipeline(StandardScaler(), LogisticRegression()).fit(NUMBERS, LABELS)
    save(root / "sklearn", flavors.sklearn, table, NUMBERS)
    save(root / "cloudpickle", flavors.sklearn, table, NUMBERS, serialization_format="cloudpickle")
    save(root / "types", flavors.sklearn, of_types(), TYPES, serialization_format="cloudpickle")
    estimator = lightgbm.LGBMClassifier(**quiet).fit(NUMBERS, LABELS)
    save(root / "lightgbm", flavors.lightgbm, estimator, NUMBERS)
    booster = lightgbm.train({"objective": "regression", "verbose": -1}, lightgbm.Dataset(NUMBERS, VALUES), 5)
    save(root / "lightgbm_booster", flavors.lightgbm, booster, NUMBERS)
    save(root / "xgboost", flavors.xgboost, xgboost.XGBClassifier(n_estimators=5).fit(NUMBERS, LABELS), NUMBERS)
    trees = xgboost.train({"objective": "reg:squarederror"}, xgboost.DMatrix(NUMBERS, VALUES), 5)
    save(root / "xgboost_booster", flavors.xgboost, trees, NUMBERS)
    pipeline = make_pipeline(StandardScaler(), lightgbm.LGBMRegressor(**quiet)).fit(NUMBERS, VALUES)
    save(root / "lightgbm_in_sklearn", flavors.sklearn, pipeline, NUMBERS, serialization_format="cloudpickle")
    tensor = NUMBERS.to_numpy(np.float32)
    linear = LinearRegression().fit(tensor, VALUES)
    save(root / "onnx", flavors.onnx, to_onnx(linear, tensor[:1]), tensor)
    save(root / "code", flavors.pyfunc, None, TYPES, python_model=Twice())


def of_types() -> Any:
    encoded = make_column_transformer((OneHotEncoder(), ["plan", "home"]), ("passthrough", ["amount", "hour"]))
    return make_pipeline(encoded, LinearRegression()).fit(TYPES, np.arange(60.0))


def save(folder: Path, flavor: Any, model: Any, given: Any, **options: Any) -> None:
    """One model, with the signature and the example that MLflow is told, and what it answers for the example."""
    example = given[:3]
    told = {"signature": infer_signature(given, np.zeros(1)), "input_example": example, "pip_requirements": []}
    if model is None:
        flavor.save_model(folder, **told, **options)
    else:
        flavor.save_model(model, folder, **told, **options)
    answer = mlflow.pyfunc.load_model(str(folder)).predict(example)
    values = next(iter(answer.values())) if isinstance(answer, dict) else answer
    tensor = isinstance(example, np.ndarray)
    rows = example.tolist() if tensor else json.loads(example.to_json(orient="records", date_format="iso"))
    kept = {"rows": rows, "answers": np.asarray(values).tolist()}
    (folder.parent / f"{folder.name}.json").write_text(json.dumps(kept))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
