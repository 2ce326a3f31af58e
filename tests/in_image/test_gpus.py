"""Images for GPUs and for CPUs where there is no GPU: what they answer, and what they say of one that is missing.

Each test runs in the images that have its framework.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from eagleray_serving.errors import ModelLoadError
from eagleray_serving.frameworks import load_model
from eagleray_serving.rows import parse_rows

# PyTorch means to give TorchScript up; as long as it reads it, it is served.
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:FutureWarning")

ROWS = np.random.default_rng(1).normal(size=(20, 3)).astype(np.float32)


def torch_model(folder: Path) -> list[float]:
    torch = pytest.importorskip("torch")
    module = torch.nn.Sequential(torch.nn.Linear(3, 1), torch.nn.Flatten(0)).eval()
    torch.jit.save(torch.jit.script(module), str(folder / "model.pt"))
    with torch.no_grad():
        return list(module(torch.from_numpy(ROWS)).tolist())


def onnx_model(folder: Path) -> list[float]:
    onnx = pytest.importorskip("onnx")
    kind, helper = onnx.TensorProto.FLOAT, onnx.helper
    weights = onnx.numpy_helper.from_array(np.ones((3, 1), np.float32), "weights")
    node = helper.make_node("MatMul", ["rows", "weights"], ["sums"])
    ends = (helper.make_tensor_value_info(name, kind, [None, size]) for name, size in (("rows", 3), ("sums", 1)))
    taken, given = ends
    graph = helper.make_graph([node], "sums", [taken], [given], [weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, str(folder / "model.onnx"))
    return list(ROWS.sum(axis=1).tolist())


def xgboost_model(folder: Path) -> list[float]:
    xgboost = pytest.importorskip("xgboost")
    trained = xgboost.train({"nthread": 1}, xgboost.DMatrix(ROWS, ROWS.sum(axis=1)), num_boost_round=3)
    trained.save_model(folder / "model.json")
    return list(trained.predict(xgboost.DMatrix(ROWS)).tolist())


MODELS = {"torch": torch_model, "onnx": onnx_model, "xgboost": xgboost_model}


def answers(framework: str, folder: Path) -> list[float]:
    model = load_model(framework, folder)
    found = model.predict(parse_rows(ROWS.tolist(), model.signature), ["predict"])["predict"]
    return [float(value) for value in np.asarray(found).reshape(-1)]


@pytest.mark.parametrize(("framework", "save"), MODELS.items(), ids=MODELS)
def test_without_a_gpu_it_computes_on_cpus(framework: str, save: Callable[[Path], list[float]], tmp_path: Path) -> None:
    expected = save(tmp_path)
    assert answers(framework, tmp_path) == pytest.approx(expected, abs=1e-5)


@pytest.mark.filterwarnings(r"ignore:[\s\S]* to CPU:UserWarning")
@pytest.mark.parametrize("framework", MODELS)
def test_a_gpu_that_cannot_be_used_stops_the_start(
    framework: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = MODELS[framework](tmp_path)
    monkeypatch.setenv("EAGLERAY_DEVICE", "gpu")
    with pytest.raises(ModelLoadError, match=rf"cannot use \(.*\): use an image for GPUs \(eagleray/{framework}-gpu\)"):
        load_model(framework, tmp_path)
    monkeypatch.setenv("EAGLERAY_DEVICE", "cpu")
    assert answers(framework, tmp_path) == pytest.approx(expected, abs=1e-5)
