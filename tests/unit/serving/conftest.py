import importlib.util
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import joblib
import pytest

from eagleray_serving.fetch import retry
from unit.serving.fetch_rig import Run, Site

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Ray's own, at its import
    import ray.serve  # noqa: F401

EXAMPLES = Path(__file__).parents[3] / "examples"


def load_example(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(Path(path).stem, EXAMPLES / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def churn_example() -> ModuleType:
    return load_example("churn/train.py")


@pytest.fixture(scope="session")
def square_example() -> ModuleType:
    return load_example("square/square.py")


@pytest.fixture(scope="session")
def churn(churn_example: ModuleType) -> Any:
    """The churn pipeline, trained on fewer customers."""
    customers = churn_example.make_customers(800, seed=7)
    return churn_example.make_pipeline().fit(customers, churn_example.make_labels(customers, seed=8))


@pytest.fixture(scope="session")
def churn_file(churn: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("churn") / "model.joblib"
    joblib.dump(churn, path)
    return path


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(retry, "_FIRST_PAUSE", 0.0)
    opened = Site()
    yield opened
    opened.close()


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)
