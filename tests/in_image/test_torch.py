"""Runs where PyTorch is: in the image eagleray/torch, by tests/e2e/test_image_classifier.py."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eagleray_serving.answers import AnsweringModel, Output
from eagleray_serving.errors import InvalidInputError, ModelLoadError
from eagleray_serving.frameworks import Model, ModelClass, load_model
from eagleray_serving.mlflow import read_folder
from eagleray_serving.predictor import predict_all
from eagleray_serving.rows import Rows, parse_rows
from eagleray_serving.signature import parse_signature
from in_image.saving import IMAGES, program, script

torch: Any = pytest.importorskip("torch", reason="PyTorch is in its image only")
save_file: Any = pytest.importorskip("safetensors.torch", exc_type=ImportError).save_file

# PyTorch means to give TorchScript up; as long as it reads it, it is served.
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:FutureWarning")

LINEAR = ModelClass("torch.nn:Linear", {"in_features": 3, "out_features": 2})


def network(classes: int = 4) -> Any:
    torch.manual_seed(3)
    layers = torch.nn.Conv2d(3, 2, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(32, classes)
    return torch.nn.Sequential(*layers)


def answers_of(model: Model, rows: Rows) -> Any:
    return model.predict(rows, ["predict"])["predict"]


def right(module: Any, images: Any = IMAGES) -> Any:
    with torch.no_grad():
        return module(torch.from_numpy(images)).numpy()


@pytest.mark.parametrize(("save", "name"), [(script, "model.pt"), (program, "model.pt2"), (program, "net.pt")])
def test_it_answers_as_the_module_does(tmp_path: Path, save: Callable[[Any, Path], None], name: str) -> None:
    module = network().eval()
    save(module, tmp_path / name)
    model = load_model("torch", tmp_path)
    rows = parse_rows(IMAGES.tolist(), model.signature)
    assert rows.arrays[0].dtype == np.float32
    assert np.allclose(answers_of(model, rows), right(module), atol=1e-5)
    assert np.allclose(answers_of(model, rows[:1]), right(module)[:1], atol=1e-5)
    assert model.classes is None


def test_it_computes_in_as_many_threads_as_the_replica_has_cpus(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = torch.get_num_threads()
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    script(network(), tmp_path / "model.pt")
    load_model("torch", tmp_path)
    assert torch.get_num_threads() == 3
    torch.set_num_threads(before)


def test_an_exported_program_tells_its_shape_and_type(tmp_path: Path) -> None:
    program(network(), tmp_path / "model.pt2")
    model = load_model("torch", tmp_path)
    (taken,) = model.signature.tensors
    assert (taken.dtype.name, taken.shape) == ("float32", (3, 6, 6))
    with pytest.raises(InvalidInputError, match=r"expected numbers of shape \[3, 6, 6\], got shape \[3, 6, 5\]"):
        parse_rows(IMAGES[:, :, :, :5].tolist(), model.signature)


def test_a_program_of_one_batch_size_is_refused(tmp_path: Path) -> None:
    torch.export.save(torch.export.export(network(), (torch.zeros(2, 3, 6, 6),)), str(tmp_path / "model.pt2"))
    with pytest.raises(ModelLoadError, match="holds exactly 2 rows; export it with a first axis of any size"):
        load_model("torch", tmp_path)


def test_weights_fill_their_class(tmp_path: Path) -> None:
    trained = torch.nn.Linear(3, 2)
    torch.save(trained.state_dict(), tmp_path / "weights.pth")
    sizes = {"in_features": 3, "out_features": 2}
    model = load_model("torch", tmp_path, ModelClass("torch.nn:Linear", sizes))
    values = np.ones((2, 3), np.float32)
    assert np.allclose(answers_of(model, Rows((values,))), right(trained, values))
    with pytest.raises(ModelLoadError, match=r"do not fit torch.nn:Linear: .*size mismatch for weight"):
        load_model("torch", tmp_path, ModelClass("torch.nn:Linear", {**sizes, "out_features": 5}))
    with pytest.raises(ModelLoadError, match=r"model.class torch.nn:Linear cannot be made \(TypeError: .*nonsense"):
        load_model("torch", tmp_path, ModelClass("torch.nn:Linear", {"nonsense": 1}))
    with pytest.raises(ModelLoadError, match="No module named 'nowhere'"):
        load_model("torch", tmp_path, ModelClass("nowhere:Net"))
    with pytest.raises(ModelLoadError, match=r"is a OrderedDict, and no torch\.nn\.Module"):
        load_model("torch", tmp_path, ModelClass("collections:OrderedDict"))
    with pytest.raises(ModelLoadError, match="name its class in"):
        load_model("torch", tmp_path)


def wrapped_by_ddp(weights: Any) -> Any:
    return {f"module.{name}": value for name, value in weights.items()}


@pytest.mark.parametrize(
    "wrap",
    [
        wrapped_by_ddp,
        lambda weights: torch.compile(filled(weights)).state_dict(),
        lambda weights: {"epoch": 3, "model_state_dict": weights, "optimizer_state_dict": optimizer(weights)},
        lambda weights: {"state_dict": {f"net.{name}": value for name, value in weights.items()}, "epoch": 1},
    ],
)
def test_weights_as_trainers_keep_them(tmp_path: Path, wrap: Callable[[Any], Any]) -> None:
    trained = torch.nn.Linear(3, 2)
    torch.save(wrap(trained.state_dict()), tmp_path / "weights.ckpt")
    model = load_model("torch", tmp_path, LINEAR)
    values = np.ones((2, 3), np.float32)
    assert np.allclose(answers_of(model, Rows((values,))), right(trained, values))


def filled(weights: Any) -> Any:
    module = torch.nn.Linear(3, 2)
    module.load_state_dict(weights)
    return module


def optimizer(weights: Any) -> Any:
    found = torch.optim.Adam(filled(weights).parameters())
    return found.state_dict()


def test_weights_of_safetensors(tmp_path: Path) -> None:
    trained = torch.nn.Linear(3, 2)
    save_file(wrapped_by_ddp(trained.state_dict()), tmp_path / "model.safetensors")
    (tmp_path / "config.json").touch()
    values = np.ones((2, 3), np.float32)
    assert np.allclose(answers_of(load_model("torch", tmp_path, LINEAR), Rows((values,))), right(trained, values))
    with pytest.raises(ModelLoadError, match=r"model\.safetensors holds weights .*name its class in model\.class"):
        load_model("torch", tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(ModelLoadError, match=r"model\.safetensors is not a model that PyTorch .* can read"):
        load_model("torch", tmp_path, LINEAR)


def test_weights_of_another_class_are_told_apart_by_name(tmp_path: Path) -> None:
    torch.save({"epoch": 1, "model": network().state_dict()}, tmp_path / "weights.pth")
    with pytest.raises(
        ModelLoadError, match=r"weights\.pth does not fit model\.class: its member 'model' .* lacks bias"
    ):
        load_model("torch", tmp_path, LINEAR)


def test_the_folder_that_mlflow_writes(tmp_path: Path) -> None:
    (tmp_path / "MLmodel").write_text("flavors: {pytorch: {model_data: data}, python_function: {data: data}}")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "pickle_module_info.txt").write_text("mlflow.pytorch.pickle_module")
    module = network().eval()
    program(module, tmp_path / "data" / "model.pt2")
    folder = read_folder(tmp_path)
    assert folder is not None
    model = load_model("torch", folder.model("torch"))
    assert np.allclose(answers_of(model, Rows((IMAGES,))), right(module), atol=1e-5)


def test_a_module_pickled_as_a_whole_is_refused_in_plain_words(tmp_path: Path) -> None:
    torch.save(network(), tmp_path / "model.pth")
    with pytest.raises(ModelLoadError) as caught:
        load_model("torch", tmp_path, LINEAR)
    assert "can read without running code (it is damaged, or holds more than weights)" in str(caught.value)
    assert "\x1b" not in str(caught.value)
    assert "weights_only" not in str(caught.value)


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return print, ("code of the file runs",)


def test_weights_run_no_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"weight": Evil()}, tmp_path / "weights.pt")
    with pytest.raises(ModelLoadError, match=r"is not a model that PyTorch .* can read"):
        load_model("torch", tmp_path, ModelClass("torch.nn:Linear", {"in_features": 3, "out_features": 2}))
    assert "code of the file runs" not in capsys.readouterr().out


@pytest.mark.parametrize(("save", "name"), [(script, "model.pt"), (program, "model.pt2")])
def test_half_a_file_is_named(tmp_path: Path, save: Callable[[Any, Path], None], name: str) -> None:
    save(network(), tmp_path / name)
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelLoadError, match=name):
        load_model("torch", tmp_path)


def test_a_row_that_no_layer_takes_is_refused_alone(tmp_path: Path) -> None:
    script(network(), tmp_path / "model.pt")
    model = AnsweringModel(load_model("torch", tmp_path), Output.LABELS)
    good, bad = Rows((IMAGES[:2],)), Rows((IMAGES[:1, :2],))
    answer, refusal = predict_all(model, [good]) + predict_all(model, [bad])
    assert isinstance(answer, dict)
    assert isinstance(refusal, InvalidInputError)
    assert "to have 3 channels, but got 2" in refusal.message


def test_a_signature_gives_script_its_type(tmp_path: Path) -> None:
    script(torch.nn.Embedding(10, 3), tmp_path / "model.pt")
    signature = parse_signature({"inputs": [{"name": "words", "datatype": "INT64", "shape": [-1, 4]}]})
    model = AnsweringModel(load_model("torch", tmp_path), Output.LABELS, signature)
    rows = parse_rows([[1, 2, 3, 4], [0, 0, 0, 9]], model.signature)
    assert model.answer(rows)["predict"].shape == (2, 4, 3)
    with pytest.raises(InvalidInputError, match="expected whole numbers") as caught:
        parse_rows([[1, 2, 3, 4], [0, 0.5, 0, 9]], model.signature)
    assert (caught.value.field, caught.value.row) == ("words", 1)
