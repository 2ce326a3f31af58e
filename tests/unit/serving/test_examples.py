from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from eagleray_serving.app import DEPLOYMENT, build, parse_batching
from eagleray_serving.errors import ModelLoadError
from eagleray_serving.service import Batching


@pytest.mark.parametrize(
    ("content", "status", "answer"),
    [
        (b'{"num": 7}', 200, {"result": 49}),
        (b'{"num": -1.5}', 200, {"result": 2.25}),
        (b"seven", 400, {"error": "the body is not JSON"}),
        (b"\xff", 400, {"error": "the body is not JSON"}),
        (b"[7]", 422, {"error": "num must be a number", "field": "num"}),
        (b'{"num": "7"}', 422, {"error": "num must be a number", "field": "num"}),
        (b'{"num": true}', 422, {"error": "num must be a number", "field": "num"}),
    ],
)
async def test_square(square_example: ModuleType, content: bytes, status: int, answer: dict[str, Any]) -> None:
    square = square_example.Square.func_or_class()
    app = Starlette(routes=[Route("/", square.__call__, methods=["POST"])])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://square") as client:
        response = await client.post("/", content=content)
    assert (response.status_code, response.json()) == (status, answer)


def test_churn_is_always_the_same(churn_example: ModuleType) -> None:
    first, second = (churn_example.make_customers(50, seed=1) for _ in range(2))
    assert first.equals(second)
    assert (churn_example.make_labels(first, seed=2) == churn_example.make_labels(second, seed=2)).all()


def test_churn_trains_from_the_command_line(
    churn_example: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    check = tmp_path / "check.json"
    monkeypatch.setattr("sys.argv", ["train.py", "--out", str(tmp_path), "--check", str(check), "--check-rows", "5"])
    churn_example.main()
    assert (tmp_path / "model.joblib").exists()
    assert "accuracy" in capsys.readouterr().out
    assert check.read_text().startswith('{"instances": [{"tenure_months":')


ARGS = {
    "framework": "sklearn",
    "name": "churn",
    "path": "/model/model",
    "batching": {"maxSize": 32, "maxWaitSeconds": 0.05},
}


def test_the_application_has_one_deployment() -> None:
    deployment = build(ARGS)._bound_deployment
    assert deployment.name == DEPLOYMENT
    assert deployment.max_ongoing_requests == 128


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"framework": "fortran"}, "it serves: lightgbm, onnx, sklearn, torch, xgboost"),
        ({"name": None}, "lack name"),
        ({"batching": {"maxSize": 0}}, "maxSize >= 1"),
        ({"batching": {"maxSize": 1, "maxWaitSeconds": "50ms"}}, "maxWaitSeconds >= 0"),
        ({"cache": {"maxBytes": 0}}, "cache needs maxBytes >= 1"),
    ],
)
def test_wrong_args(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ModelLoadError, match=words):
        build({**ARGS, **change})


def test_no_batching() -> None:
    assert parse_batching(None) == Batching(None, 0)
    assert parse_batching({"maxSize": 4}) == Batching(4, 0.0)
