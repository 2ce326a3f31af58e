# ruff: noqa: ANN401 - PyTorch is not installed where types are checked
"""PyTorch: TorchScript (``torch.jit.save``), an exported program (``torch.export.save``), or weights of a class."""

import importlib
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from eagleray_serving.errors import ModelFailureError, ModelLoadError, first_line, last_line
from eagleray_serving.frameworks import ModelClass, find_model_file
from eagleray_serving.outputs import PREDICT, Answer
from eagleray_serving.rows import Rows, Signature
from eagleray_serving.tensors import Array, Tensor

SUFFIXES = (".pt2", ".pt", ".pth")

_ANY = Signature(columns=None, tensors=(Tensor("input", np.dtype(np.float32), None),))
_DTYPES = {
    torch.float16: np.float16,
    torch.float32: np.float32,
    torch.float64: np.float64,
    torch.bool: np.bool_,
    torch.uint8: np.uint8,
    **{getattr(torch, name): getattr(np, name) for name in ("int8", "int16", "int32", "int64")},
}


class TorchModel:
    """A module that takes tensors, in the order of its signature, and answers one, the rows first in all of them.

    Args:
        module: What is called with the tensors of a batch.
        device: Where it computes.
        signature: What it takes.
    """

    classes: Array | None = None
    outputs: tuple[Tensor, ...] = (Tensor(PREDICT, np.dtype(np.float32), None),)

    def __init__(self, module: Callable[[Any], Any], device: Any, signature: Signature) -> None:
        self.signature = signature
        self._module = module
        self._device = device

    def predict(self, rows: Rows, outputs: Sequence[str]) -> Answer:
        """What the module answers for each row."""
        with torch.inference_mode():
            try:
                answer = self._module(*(torch.from_numpy(each).to(self._device) for each in rows.tensors))
            except torch.OutOfMemoryError:
                raise
            except RuntimeError as error:  # a shape that does not fit a layer, and the like
                raise ValueError(last_line(error)) from error
        if not isinstance(answer, torch.Tensor):
            raise ModelFailureError(
                f"the model answers a {type(answer).__name__}; save one whose forward() answers one tensor"
            )
        answer = answer.detach().cpu()
        values = np.asarray((answer.float() if answer.dtype not in _DTYPES else answer).numpy())
        return dict.fromkeys(outputs, values)


def load(path: Path, model_class: ModelClass | None = None) -> TorchModel:
    """Load a module, onto a GPU where the replica has one.

    PyTorch unpickles what an exported program holds: serve only those that you trust. Weights alone run no code.

    Args:
        path: A ``.pt2``, ``.pt`` or ``.pth`` file, or a folder with one.
        model_class: Whose weights the file holds; None where it holds code as well.

    Raises:
        ModelLoadError: The file is missing or damaged, holds something else, or does not fit the class.
    """
    file = find_model_file(path, SUFFIXES)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if model_class is not None:
        return TorchModel(_weighted(file, model_class).to(device).eval(), device, _ANY)
    kind = _kind(file)
    if kind == "script":
        return TorchModel(_read(file, torch.jit.load, map_location=device).eval(), device, _ANY)
    if kind == "program":
        return _exported(file, device)
    raise ModelLoadError(
        f"{file.name} holds weights or a pickled module, and no code of it; name its class in model.class "
        "(module:Class, from your image), or save it with torch.jit.save() or torch.export.save()"
    )


def _kind(file: Path) -> str:
    """`script`, `program`, or nothing: told by the names inside the archive, as suffixes are used for all of them."""
    if not zipfile.is_zipfile(file):
        return ""
    with zipfile.ZipFile(file) as archive:
        names = {name.rpartition("/")[2] for name in archive.namelist()}
    if names & {"serialized_exported_program.json", "archive_format"}:
        return "program"
    return "script" if "constants.pkl" in names else ""


def _read(file: Path, how: Callable[..., Any], **options: Any) -> Any:
    try:
        return how(str(file), **options)
    except PermissionError:
        raise ModelLoadError(
            f"{file.name} cannot be read: permission denied; make it readable for the user of the Pod"
        ) from None
    except Exception as error:  # noqa: BLE001 - a damaged file makes its readers raise anything
        raise ModelLoadError(
            f"{file.name} is not a model that PyTorch {torch.__version__} can read ({first_line(error)})"
        ) from None


def _exported(file: Path, device: Any) -> TorchModel:
    program = _read(file, torch.export.load)
    taken = {node.name: node.meta.get("val") for node in program.graph.nodes}
    tensors = tuple(_input(str(name), taken.get(name), file) for name in program.graph_signature.user_inputs)
    if device.type != "cpu":
        program = torch.export.passes.move_to_device_pass(program, device)
    return TorchModel(program.module(), device, Signature(columns=None, tensors=tensors))


def _input(name: str, taken: Any, file: Path) -> Tensor:
    if not isinstance(taken, torch.Tensor) or taken.dtype not in _DTYPES or not taken.ndim:
        raise ModelLoadError(f"the input '{name}' of {file.name} is no tensor of numbers")
    rows, *sizes = (size if isinstance(size, int) else None for size in taken.shape)
    if rows is not None:
        raise ModelLoadError(
            f"the input '{name}' of {file.name} holds exactly {rows} rows; export it with a first axis of any "
            'size (dynamic_shapes={0: torch.export.Dim("rows")})'
        )
    return Tensor(name, np.dtype(_DTYPES[taken.dtype]), tuple(sizes))


def _weighted(file: Path, model_class: ModelClass) -> Any:
    weights = _read(file, torch.load, map_location="cpu", weights_only=True)
    if not isinstance(weights, dict):
        raise ModelLoadError(f"{file.name} holds a {type(weights).__name__}; save model.state_dict()")
    module = _made(model_class)
    try:
        module.load_state_dict(weights)
    except RuntimeError as error:
        told = " ".join(line.strip() for line in str(error).splitlines())[:500]
        raise ModelLoadError(f"the weights of {file.name} do not fit {model_class.path}: {told}") from None
    return module


def _made(model_class: ModelClass) -> Any:
    module, _, name = model_class.path.partition(":")
    try:
        made = getattr(importlib.import_module(module), name)(**model_class.args)
    except Exception as error:  # noqa: BLE001 - it is the user's code
        raise ModelLoadError(
            f"model.class {model_class.path} cannot be made ({type(error).__name__}: {first_line(error)}); it is a "
            "class of your image, and model.args are the arguments of its constructor"
        ) from None
    if not isinstance(made, torch.nn.Module):
        raise ModelLoadError(f"model.class {model_class.path} is a {type(made).__name__}, and no torch.nn.Module")
    return made
