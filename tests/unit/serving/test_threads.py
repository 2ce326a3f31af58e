"""Models compute in as many threads as the replica has CPUs, whatever the node has."""

from pathlib import Path
from typing import Any

import joblib
import lightgbm
import numpy as np
import pytest
import xgboost
from sklearn.linear_model import LinearRegression

from eagleray_serving.errors import ModelLoadError
from eagleray_serving.frameworks import load_model
from eagleray_serving.frameworks.device import THREADS, threads
from eagleray_serving.frameworks.onnx import OnnxModel
from eagleray_serving.outputs import PREDICT
from eagleray_serving.rows import parse_rows
from unit.serving.graphs import two_of_each

VALUES = np.random.default_rng(5).normal(size=(50, 2))
TARGET = VALUES.sum(axis=1)


@pytest.fixture(autouse=True)
def seven_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(THREADS, "7")
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "")  # so that what a load writes there is taken back after the test
    monkeypatch.delenv("LOKY_MAX_CPU_COUNT")


def test_onnx(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(two_of_each().SerializeToString())
    model = load_model("onnx", tmp_path)
    assert isinstance(model, OnnxModel)
    assert model._session.get_session_options().intra_op_num_threads == 7


def test_xgboost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: dict[str, Any] = {}
    monkeypatch.setattr(xgboost.Booster, "set_param", lambda _booster, params: told.update(params))
    xgboost.train({}, xgboost.DMatrix(VALUES, TARGET), 2).save_model(tmp_path / "model.json")
    load_model("xgboost", tmp_path)
    assert told["nthread"] == 7


def test_lightgbm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    booster = lightgbm.train({"verbose": -1}, lightgbm.Dataset(VALUES, TARGET), 2)
    booster.save_model(tmp_path / "model.txt")
    told: dict[str, Any] = {}
    predict = lightgbm.Booster.predict

    def recorded(booster: Any, *given: Any, **options: Any) -> Any:
        told.update(options)
        return predict(booster, *given, **options)

    monkeypatch.setattr(lightgbm.Booster, "predict", recorded)
    model = load_model("lightgbm", tmp_path)
    model.predict(parse_rows(VALUES.tolist(), model.signature), [PREDICT])
    assert told["num_threads"] == 7


def test_scikit_learn_by_joblib(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(THREADS, "1")
    joblib.dump(LinearRegression().fit(VALUES, TARGET), tmp_path / "model.joblib")
    load_model("sklearn", tmp_path)
    assert joblib.cpu_count() == 1


@pytest.mark.parametrize("told", ["0", "-1", "many"])
def test_what_is_no_number_is_named(monkeypatch: pytest.MonkeyPatch, told: str) -> None:
    monkeypatch.setenv(THREADS, told)
    with pytest.raises(ModelLoadError, match=f"OMP_NUM_THREADS is '{told}'; write a number of threads"):
        threads()


def test_the_outermost_level_of_openmp_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(THREADS, "2,4")
    assert threads() == 2


def test_without_the_variable_it_is_all_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(THREADS)
    assert threads() >= 1
