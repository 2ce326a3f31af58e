"""Runs where PyTorch is: in the image eagleray/torch, by tests/e2e/test_image_classifier.py."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from eagleray_serving.answers import AnsweringModel, Output
from eagleray_serving.errors import InvalidInputError, ModelFailureError, ModelLoadError
from eagleray_serving.frameworks import Model, ModelClass, load_model
from eagleray_serving.mlflow import read_folder
from eagleray_serving.predictor import predict_all
from eagleray_serving.rows import Rows, parse_rows
from eagleray_serving.signature import parse_signature

torch: Any = pytest.importorskip("torch", reason="PyTorch is in its image only")
save_file: Any = pytest.importorskip("safetensors.torch", exc_type=ImportError).save_file

# PyTorch means to give TorchScript up; as long as it reads it, it is served.
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:FutureWarning")

LINEAR = ModelClass("torch.nn:Linear", {"in_features": 3, "out_features": 2})
IMAGES = np.random.default_rng(1).normal(size=(5, 3, 6, 6)).astype(np.float32)


def network(classes: int = 4) -> Any:
    torch.manual_seed(3)
    layers = torch.nn.Conv2d(3, 2, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(32, classes)
    return torch.nn.Sequential(*layers)


def script(module: Any, file: Path) -> None:
    torch.jit.save(torch.jit.script(module), str(file))


def program(module: Any, file: Path) -> None:
    dynamic = ({0: torch.export.Dim("rows")},)
    torch.export.save(torch.export.export(module, (torch.zeros(2, 3, 6, 6),), dynamic_shapes=dynamic), str(file))


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


class Both(torch.nn.Module):  # type: ignore[misc]  # PyTorch is not installed where types are checked
    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return images * 2, images.flatten(1).argmax(1)


class Named(torch.nn.Module):  # type: ignore[misc]  # PyTorch is not installed where types are checked
    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"twice": images * 2, "best": images.flatten(1).argmax(1)}


@pytest.mark.parametrize(
    ("module", "save", "names"),
    [
        (Both(), script, ("output_0", "output_1")),
        (Both(), program, ("output_0", "output_1")),
        (Named(), program, ("twice", "best")),
    ],
)
def test_several_outputs(
    tmp_path: Path, module: Any, save: Callable[[Any, Path], None], names: tuple[str, str]
) -> None:
    save(module, tmp_path / "model.pt")
    model = AnsweringModel(load_model("torch", tmp_path), Output.LABELS)
    assert model.names == names
    answer = model.answer(Rows((IMAGES,)))
    assert np.array_equal(answer[names[0]], IMAGES * 2)
    assert np.array_equal(answer[names[1]], IMAGES.reshape(5, -1).argmax(1))
    if save is program:
        assert [(told.dtype.name, told.shape) for told in model.outputs] == [("float32", (3, 6, 6)), ("int64", ())]


class TwiceAndBest(NamedTuple):
    twice: torch.Tensor
    best: torch.Tensor


class Fielded(Both):
    def forward(self, images: torch.Tensor) -> TwiceAndBest:
        return TwiceAndBest(*super().forward(images))


class Unknown(Both):
    def forward(self, images: torch.Tensor) -> "Nowhere":  # type: ignore[name-defined]  # noqa: F821 - as from TYPE_CHECKING
        return images * 2


@pytest.mark.parametrize(
    ("module", "names"),
    [(Both, ("output_0", "output_1")), (Fielded, ("twice", "best")), (Unknown, ("predict",)), (Named, ("predict",))],
)
def test_outputs_of_a_class_are_those_that_it_is_annotated_with(
    tmp_path: Path, module: type[Any], names: tuple[str, ...]
) -> None:
    torch.save(module().state_dict(), tmp_path / "weights.pt")
    loaded = load_model("torch", tmp_path, ModelClass(f"{__name__}:{module.__name__}"))
    model = AnsweringModel(loaded, Output.LABELS)
    assert model.names == names
    if module is Named:
        with pytest.raises(ModelFailureError, match="answers a dict, and not one tensor"):
            loaded.predict(Rows((IMAGES,)), names)
    else:
        assert np.array_equal(model.answer(Rows((IMAGES,)))[names[0]], IMAGES * 2)


class Nested(torch.nn.Module):  # type: ignore[misc]  # PyTorch is not installed where types are checked
    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        return images * 2, {"best": images.flatten(1).argmax(1)}


def test_a_program_that_answers_more_than_tensors_is_refused(tmp_path: Path) -> None:
    program(Nested(), tmp_path / "model.pt2")
    with pytest.raises(ModelLoadError, match=r"model\.pt2 answers more than tensors; export one whose forward"):
        load_model("torch", tmp_path)


class Many(torch.nn.Module):  # type: ignore[misc]  # PyTorch is not installed where types are checked
    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        return [images, images]


def test_what_is_no_tensor_is_no_answer(tmp_path: Path) -> None:
    script(Many(), tmp_path / "model.pt")
    (found,) = predict_all(AnsweringModel(load_model("torch", tmp_path), Output.LABELS), [Rows((IMAGES[:, 0],))])
    assert isinstance(found, ModelFailureError)
    assert "answers a list, and not one tensor" in str(found)


class Ranker(torch.nn.Module):  # type: ignore[misc]  # PyTorch is not installed where types are checked
    def forward(self, ids: torch.Tensor, age: torch.Tensor) -> torch.Tensor:
        return ids.float() * age.unsqueeze(1)


def exported(file: Path) -> None:
    rows = torch.export.Dim("rows")
    given = torch.zeros(2, 3, dtype=torch.int64), torch.zeros(2)
    torch.export.save(torch.export.export(Ranker(), given, dynamic_shapes=({0: rows}, {0: rows})), str(file))


def scripted(file: Path) -> None:
    torch.jit.save(torch.jit.script(Ranker()), str(file))


@pytest.mark.parametrize(("save", "name"), [(exported, "model.pt2"), (scripted, "model.pt")])
def test_a_module_of_several_tensors(tmp_path: Path, save: Callable[[Path], None], name: str) -> None:
    save(tmp_path / name)
    ids = {"name": "ids", "datatype": "INT64", "shape": [-1, 3]}
    signature = parse_signature({"inputs": [ids, {"name": "age", "datatype": "FP32", "shape": [-1]}]})
    model = AnsweringModel(load_model("torch", tmp_path), Output.LABELS, None if save is exported else signature)
    assert model.signature == signature
    rows = parse_rows([{"age": 2, "ids": [1, 2, 3]}, {"ids": [4, 5, 6], "age": 0.5}], model.signature)
    assert model.answer(rows)["predict"].tolist() == [[2, 4, 6], [2, 2.5, 3]]
