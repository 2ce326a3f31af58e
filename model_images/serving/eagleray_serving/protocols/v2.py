"""The Open Inference Protocol (V2), REST, with tensors in JSON or as bytes after it.

Source: https://github.com/open-inference-protocol/oip, specification/protocol/inference_rest.md.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from eagleray_serving.columns import describe
from eagleray_serving.errors import InvalidInputError
from eagleray_serving.outputs import Answer
from eagleray_serving.protocols import VERSION, binary, jsonable, parse_object
from eagleray_serving.protocols.inputs import parameter, rows_of
from eagleray_serving.rows import Rows, Signature
from eagleray_serving.tensors import Tensor

RANKING: Final = "classification"
"""Parameter of an output: how many of its best places Triton is to answer with."""


@dataclass(frozen=True, slots=True)
class InferRequest:
    """What an infer request asks.

    Args:
        rows: Its rows.
        outputs: The names of the outputs that it wants.
        identity: Its id, which the answer repeats.
        binary: The names of the outputs that it wants as bytes.
        own_names: The model's own names of outputs, and what each is called here.
    """

    rows: Rows
    outputs: tuple[str, ...]
    identity: str | None = None
    binary: frozenset[str] = frozenset()
    own_names: Mapping[str, str] = field(default_factory=dict)


def parse_infer(
    body: bytes,
    signature: Signature,
    outputs: tuple[str, ...],
    json_bytes: str | None = None,
    own_names: Mapping[str, str] = MappingProxyType({}),
) -> InferRequest:
    """Read an infer request.

    One tensor ``[rows, columns]``, or one tensor ``[rows]`` or ``[rows, 1]`` for each column, called like it. Where
    rows are tensors, ``[rows, ...]`` of each, called like it where there are several.

    Args:
        body: The request's body.
        signature: What the model takes.
        outputs: The names of what it answers with.
        json_bytes: How many bytes of the body are JSON, as its header says; None where all of it is.
        own_names: The model's own names of some of these, by which they may be asked for.

    Raises:
        InvalidInputError: Naming the tensor, and the row where there is one.
    """
    head, blob = binary.split(body, json_bytes)
    request = parse_object(head)
    identity = request.get("id")
    if identity is not None and not isinstance(identity, str):
        raise InvalidInputError(f"expected a string, got {describe(identity)}", field="id")
    wanted = wanted_of(request.get("outputs"), outputs, own_names)
    refuse_ranking(parameter(output, RANKING) for output in request.get("outputs") or () if isinstance(output, dict))
    rows = rows_of(request.get("inputs"), signature, blob)
    return InferRequest(rows, wanted, identity, _as_bytes(request, wanted), own_names)


def infer_response(model: str, answer: Answer, request: InferRequest) -> tuple[dict[str, Any], list[bytes]]:
    """The answer: the tensors that are wanted, flat in row-major order.

    Returns:
        Its JSON, and what follows that: the values of each tensor that is wanted as bytes.
    """
    outputs, blobs = [], []
    for name in request.outputs:
        values = answer[request.own_names.get(name, name)]
        told: dict[str, Any] = {"name": name, "shape": list(values.shape), "datatype": datatype(values.dtype)}
        if name in request.binary:
            blobs.append(binary.packed(values))
            told["parameters"] = {binary.SIZE: len(blobs[-1])}
        else:
            told["data"] = jsonable(values.reshape(-1))
        outputs.append(told)
    response: dict[str, Any] = {"model_name": model, "outputs": outputs}
    return response if request.identity is None else {"id": request.identity, **response}, blobs


def metadata(model: str, platform: str, signature: Signature, outputs: Sequence[Tensor]) -> dict[str, Any]:
    """What ``GET /v2/models/<name>`` answers."""
    return {
        "name": model,
        "versions": [VERSION],
        "platform": platform,
        "inputs": _inputs(signature),
        "outputs": [_told(output) for output in outputs],
    }


def datatype(dtype: np.dtype[Any]) -> str:
    """The protocol's name of a type."""
    kind, bits = dtype.kind, dtype.itemsize * 8
    if kind in "iuf" and bits <= 64:
        return {"i": "INT", "u": "UINT", "f": "FP"}[kind] + str(bits)
    return "BOOL" if kind == "b" else "BYTES"


def _inputs(signature: Signature) -> list[dict[str, Any]]:
    if signature.tensors:
        return [_told(tensor) for tensor in signature.tensors]
    if signature.text:
        return [{"name": "text", "datatype": "BYTES", "shape": [-1]}]
    columns = signature.columns
    if columns is not None and signature.named:
        return [{"name": each.name, "datatype": datatype(each.dtype), "shape": [-1]} for each in columns]
    if columns is None:
        return [{"name": "input", "datatype": "FP64", "shape": [-1, -1]}]
    told = {datatype(column.dtype) for column in columns}
    return [{"name": "input", "datatype": told.pop() if len(told) == 1 else "BYTES", "shape": [-1, len(columns)]}]


def _told(tensor: Tensor) -> dict[str, Any]:
    sizes = (None,) if tensor.shape is None else tensor.shape
    shape = [-1, *(-1 if size is None else size for size in sizes)]
    return {"name": tensor.name, "datatype": datatype(tensor.dtype), "shape": shape}


def wanted_of(outputs: object, ours: tuple[str, ...], own: Mapping[str, str]) -> tuple[str, ...]:
    """The names of the outputs that a request asks for, ours or the model's own; all of ours where it asks for none.

    Raises:
        InvalidInputError: One of them is not known.
    """
    if outputs is None:
        return ours
    names = (
        [item.get("name") if isinstance(item, dict) else item for item in outputs]
        if isinstance(outputs, list)
        else [None]
    )
    known = (*ours, *own)
    for name in names:
        if name not in known:
            raise InvalidInputError(f"the model's outputs are: {', '.join(known)}", field="outputs")
    return tuple(name for name in known if name in names) or ours


def refuse_ranking(asked: Iterable[object]) -> None:
    """Refuse what Triton's extension for classifications has: an output as texts of its best places.

    Args:
        asked: The parameter RANKING of each output; None or 0 where it has none.

    Raises:
        InvalidInputError: One has it.
    """
    if any(asked):
        message = f"{RANKING} (class_count) is not answered; ask for the output itself, and rank its values"
        raise InvalidInputError(message, field="outputs")


def _as_bytes(request: dict[str, Any], wanted: tuple[str, ...]) -> frozenset[str]:
    """The outputs that are wanted as bytes: each as it says, or as the request says for all."""
    default = parameter(request, "binary_data_output") is True
    said = {o.get("name"): parameter(o, "binary_data") for o in request.get("outputs") or [] if isinstance(o, dict)}
    return frozenset(name for name in wanted if (default if said.get(name) is None else said[name] is True))
