# ruff: noqa: ANN401 - PyTorch is not installed where types are checked
"""PyTorch: TorchScript (``torch.jit.save``), an exported program (``torch.export.save``), or weights of a class."""

import importlib
import pickle
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import numpy as np
import safetensors.torch
import torch
from torch.utils._pytree import tree_unflatten

from eagleray_serving.errors import ModelFailureError, ModelLoadError, first_line, last_line
from eagleray_serving.frameworks import ModelClass, find_model_file
from eagleray_serving.frameworks.device import cannot_use, on_gpu, threads
from eagleray_serving.frameworks.weights import weights_of
from eagleray_serving.outputs import PREDICT, Answer
from eagleray_serving.rows import Rows, Signature
from eagleray_serving.tensors import Array, Tensor

SUFFIXES = (".pt2", ".pt", ".pth", ".ckpt", ".safetensors")

_DTYPES = {
    torch.float16: np.float16,
    torch.float32: np.float32,
    torch.float64: np.float64,
    torch.bool: np.bool_,
    torch.uint8: np.uint8,
    **{getattr(torch, name): getattr(np, name) for name in ("int8", "int16", "int32", "int64")},
}


_ONE = (Tensor(PREDICT, np.dtype(np.float32), None),)


class TorchModel:
    """A module that takes tensors, in the order of its signature, and answers some, the rows first in all of them.

    Args:
        module: What is called with the tensors of a batch.
        device: Where it computes.
        signature: What it takes.
        outputs: What it answers: one tensor, or several in this order, or a dict of these names.
    """

    classes: Array | None = None
    own_names: Mapping[str, str] = {}

    def __init__(
        self,
        module: Callable[[Any], Any],
        device: Any,
        signature: Signature,
        outputs: tuple[Tensor, ...],
    ) -> None:
        self.signature = signature
        self.outputs = outputs
        self._module = module
        self._device = device

    def predict(self, rows: Rows, outputs: Sequence[str]) -> Answer:
        """What the module answers for each row."""
        with torch.inference_mode():
            try:
                answer = self._module(*(torch.from_numpy(each).to(self._device) for each in rows.arrays))
            except torch.OutOfMemoryError:
                raise
            except RuntimeError as error:  # a shape that does not fit a layer, and the like
                raise ValueError(last_line(error)) from error
        found = self._named(answer)
        return {name: _values(found[name]) for name in outputs}

    def _named(self, answer: Any) -> dict[str, Any]:
        names = [each.name for each in self.outputs]
        answers = answer if isinstance(answer, dict | list | tuple) else [answer]
        found = answers if isinstance(answers, dict) else dict(zip(names, answers, strict=False))
        alike = len(found) == len(answers) and set(found) == set(names)
        if not alike or not all(isinstance(value, torch.Tensor) for value in found.values()):
            wanted = "one tensor" if len(names) == 1 else f"tensors called {', '.join(names)}"
            raise ModelFailureError(f"the model answers a {type(answer).__name__}, and not {wanted}")
        return found


def _values(answer: Any) -> Array:
    answer = answer.detach().cpu()
    return np.asarray((answer.float() if answer.dtype not in _DTYPES else answer).numpy())


def load(path: Path, model_class: ModelClass | None = None) -> TorchModel:
    """Load a module, onto a GPU where the replica has one.

    PyTorch unpickles what an exported program holds: serve only those that you trust. Weights alone run no code.

    Args:
        path: A file with one of ``SUFFIXES``, or a folder with one.
        model_class: Whose weights the file holds; None where it holds code as well.

    Raises:
        ModelLoadError: The file is missing or damaged, holds something else, or does not fit the class; or there is a
            GPU that PyTorch cannot use.
    """
    file = find_model_file(path, SUFFIXES)
    device = _device()
    torch.set_num_threads(threads())
    if model_class is not None:
        module = _weighted(file, model_class)
        return TorchModel(module.to(device).eval(), device, _any_input(module), _annotated(module))
    kind = _kind(file)
    if kind == "script":
        script = _read(file, torch.jit.load, map_location=device).eval()
        return TorchModel(script, device, _any_input(script), _answered(script))
    if kind == "program":
        return _exported(file, device)
    raise ModelLoadError(
        f"{file.name} holds weights or a pickled module, and no code of it; name its class in model.class "
        "(module:Class, from your image), or save it with torch.jit.save() or torch.export.save()"
    )


def _device() -> Any:
    if not on_gpu():
        return torch.device("cpu")
    if not torch.cuda.is_available():
        why = "it finds none that it knows" if torch.version.cuda else "it is built for CPUs"
        raise cannot_use("torch", f"PyTorch {torch.__version__}", why)
    return torch.device("cuda")


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
    except pickle.UnpicklingError:  # whose message says how to run the code in the file
        raise ModelLoadError(
            f"{file.name} is not a model that PyTorch {torch.__version__} can read without running code (it is "
            "damaged, or holds more than weights); save model.state_dict()"
        ) from None
    except Exception as error:  # noqa: BLE001 - a damaged file makes its readers raise anything
        raise ModelLoadError(
            f"{file.name} is not a model that PyTorch {torch.__version__} can read ({first_line(error)})"
        ) from None


def _any_input(module: Any) -> Signature:
    """One tensor of any shape, as precise as the module's weights."""
    precise = next((each.dtype for each in module.parameters() if each.is_floating_point()), torch.float32)
    return Signature(columns=None, tensors=(Tensor("input", np.dtype(_DTYPES.get(precise, np.float32)), None),))


def _answered(script: Any) -> tuple[Tensor, ...]:
    """The outputs of a script: several where its code says that it answers a tuple of tensors."""
    (answer,) = script.forward.schema.returns
    if answer.type.kind() == "DictType":
        raise ModelLoadError(
            "the script answers a dict, and does not tell its keys before it is called; script a module that answers a "
            "tuple of tensors, or save it with torch.export.save()"
        )
    kinds = [each.kind() for each in answer.type.elements()] if answer.type.kind() == "TupleType" else []
    if len(kinds) < 2 or set(kinds) != {"TensorType"}:
        return _ONE
    return _several(_by_place(len(kinds)))


def _annotated(module: Any) -> tuple[Tensor, ...]:
    """The outputs of a module: several where `forward()` is annotated as a tuple or a NamedTuple of tensors."""
    try:
        answer = get_type_hints(type(module).forward).get("return")
        fields = get_type_hints(answer) if hasattr(answer, "_fields") else {}
    except NameError:  # an annotation for type checkers alone
        return _ONE
    kinds = list(fields.values()) or list(get_args(answer) if get_origin(answer) is tuple else ())
    if len(kinds) < 2 or set(kinds) != {torch.Tensor}:
        return _ONE
    return _several(list(fields) or _by_place(len(kinds)))


def _by_place(count: int) -> list[str]:
    return [f"output_{place}" for place in range(count)]


def _several(names: Sequence[str]) -> tuple[Tensor, ...]:
    return tuple(Tensor(name, np.dtype(np.float32), None) for name in names)


def _exported(file: Path, device: Any) -> TorchModel:
    program = _read(file, torch.export.load)
    known = {node.name: node.meta.get("val") for node in program.graph.nodes}
    told = program.graph_signature
    inputs = tuple(_input(str(name), known.get(name), file) for name in told.user_inputs)
    answer = tree_unflatten([None] * len(told.user_outputs), program.call_spec.out_spec)
    names = _output_names(answer, file)
    outputs = tuple(
        _tensor(name, known.get(node), f"the output '{name}' of {file.name}")
        for name, node in zip(names, told.user_outputs, strict=True)
    )
    if device.type != "cpu":
        program = torch.export.passes.move_to_device_pass(program, device)
    return TorchModel(_called_as_exported(program), device, Signature(columns=None, tensors=inputs), outputs)


def _called_as_exported(program: Any) -> Callable[..., Any]:
    """The program's module, called with its tensors in order, some of which it takes by keyword or nested."""
    module, structure = program.module(), program.call_spec.in_spec

    def call(*tensors: Any) -> Any:
        given, named = tree_unflatten(list(tensors), structure)
        return module(*given, **named)

    return call


def _output_names(answer: Any, file: Path) -> list[str]:
    """One name for each tensor that a program answers, given None for each: its key in a dict, its place in a tuple."""
    if answer is None:
        return [PREDICT]
    if isinstance(answer, dict) and not any(answer.values()):
        return [str(key) for key in answer]
    if isinstance(answer, tuple | list) and not any(answer):
        return _by_place(len(answer)) if len(answer) > 1 else [PREDICT]
    raise ModelLoadError(
        f"{file.name} answers more than tensors; export one whose forward() answers tensors, or a dict of them"
    )


def _input(name: str, value: Any, file: Path) -> Tensor:
    called = f"the input '{name}' of {file.name}"
    if isinstance(value, torch.Tensor) and value.dtype not in _DTYPES:
        raise ModelLoadError(f"{called} is of {value.dtype}, which requests cannot have")
    return _tensor(name, value, called)


def _tensor(name: str, value: Any, called: str) -> Tensor:
    if not isinstance(value, torch.Tensor) or not value.ndim:
        raise ModelLoadError(f"{called} is no tensor of numbers")
    rows, *sizes = (size if isinstance(size, int) else None for size in value.shape)
    if rows is not None:
        raise ModelLoadError(
            f"{called} holds exactly {rows} rows; export it with a first axis of any "
            'size (dynamic_shapes={0: torch.export.Dim("rows")})'
        )
    return Tensor(name, np.dtype(_DTYPES.get(value.dtype, np.float32)), tuple(sizes))


def _weighted(file: Path, model_class: ModelClass) -> Any:
    if file.suffix == ".safetensors":
        found = _read(file, safetensors.torch.load_file)
    else:
        found = _read(file, torch.load, map_location="cpu", weights_only=True)
    if not isinstance(found, dict):
        raise ModelLoadError(f"{file.name} holds a {type(found).__name__}; save model.state_dict()")
    module = _made(model_class)
    try:
        module.load_state_dict(weights_of(found, module.state_dict().keys()))
    except ModelLoadError as error:
        raise ModelLoadError(f"{file.name} {error}") from None
    except RuntimeError as error:  # names are right, and sizes are not
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
