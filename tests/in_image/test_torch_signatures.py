"""What PyTorch's models take and answer beside one tensor; runs as test_torch.py does."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from eagleray_serving.answers import AnsweringModel, Output
from eagleray_serving.errors import ModelFailureError, ModelLoadError
from eagleray_serving.frameworks import ModelClass, load_model
from eagleray_serving.predictor import predict_all
from eagleray_serving.rows import Rows, parse_rows
from eagleray_serving.signature import parse_signature
from in_image.saving import IMAGES, program, script

torch: Any = pytest.importorskip("torch", reason="PyTorch is in its image only")

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:FutureWarning")


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


def test_a_program_is_called_as_it_was_exported(tmp_path: Path) -> None:
    """By keyword, in another order than `forward()` has them."""
    rows = torch.export.Dim("rows")
    by_name = {"age": torch.zeros(2), "ids": torch.zeros(2, 3, dtype=torch.int64)}
    shapes = {"age": {0: rows}, "ids": {0: rows}}
    torch.export.save(
        torch.export.export(Ranker(), (), kwargs=by_name, dynamic_shapes=shapes), str(tmp_path / "model.pt2")
    )
    model = AnsweringModel(load_model("torch", tmp_path), Output.LABELS)
    given = parse_rows([{"age": 2, "ids": [1, 2, 3]}, {"ids": [4, 5, 6], "age": 0.5}], model.signature)
    assert model.answer(given)["predict"].tolist() == [[2, 4, 6], [2, 2.5, 3]]


def test_a_script_that_answers_a_dict_is_refused_before_it_is_asked(tmp_path: Path) -> None:
    script(Named(), tmp_path / "model.pt")
    with pytest.raises(ModelLoadError, match="the script answers a dict, and does not tell its keys"):
        load_model("torch", tmp_path)


def test_a_script_takes_what_its_weights_are_as_precise_as(tmp_path: Path) -> None:
    module = torch.nn.Linear(3, 2).double()
    script(module, tmp_path / "model.pt")
    model = AnsweringModel(load_model("torch", tmp_path), Output.LABELS)
    values = [[0.1, 0.2, 0.3]]
    with torch.no_grad():
        right = module(torch.tensor(values, dtype=torch.float64)).numpy()
    assert np.array_equal(model.answer(parse_rows(values, model.signature))["predict"], right)
