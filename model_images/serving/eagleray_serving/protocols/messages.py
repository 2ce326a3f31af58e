"""The Open Inference Protocol (V2), gRPC: its messages, read and written.

Source: https://github.com/open-inference-protocol/oip, specification/protocol/inference_grpc.md. Tensors arrive as raw
bytes or in typed fields, and leave as raw bytes.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from google.protobuf.message import DecodeError

from eagleray_serving.errors import InvalidInputError
from eagleray_serving.outputs import Answer
from eagleray_serving.protocols import binary, v2
from eagleray_serving.protocols.binary import Blob
from eagleray_serving.protocols.inputs import rows_of
from eagleray_serving.protocols.proto.open_inference_pb2 import (
    Asked,
    InferRequest,
    InferResponse,
    Live,
    ModelMetadata,
    Ready,
    ServerMetadata,
)
from eagleray_serving.protocols.v2 import InferRequest as Request
from eagleray_serving.rows import Signature
from eagleray_serving.tensors import Tensor

# Where the values of each type are, as the protocol says.
_FIELDS = {
    "BOOL": "bool_contents",
    **dict.fromkeys(("INT8", "INT16", "INT32"), "int_contents"),
    "INT64": "int64_contents",
    **dict.fromkeys(("UINT8", "UINT16", "UINT32"), "uint_contents"),
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}


def parse_asked(body: bytes) -> tuple[str, str]:
    """The model's name, and its version or "", that a call about a model names.

    Raises:
        InvalidInputError: The bytes are no such message.
    """
    asked = _parsed(Asked, body)
    return asked.name, asked.version


def parse_call(body: bytes) -> tuple[str, str, Any]:
    """The model's name, its version or "", and the message of a ``ModelInfer`` call.

    Raises:
        InvalidInputError: The bytes are no such message.
    """
    call = _parsed(InferRequest, body)
    return call.model_name, call.model_version, call


def parse_infer(
    call: Any,  # noqa: ANN401 -- has no type
    signature: Signature,
    outputs: tuple[str, ...],
    own_names: Mapping[str, str] = MappingProxyType({}),
) -> Request:
    """Read what a ``ModelInfer`` call asks.

    Args:
        call: Its message.
        signature: What the model takes.
        outputs: The names of what it answers with.
        own_names: The model's own names of some of these.

    Raises:
        InvalidInputError: Naming the tensor, and the row where there is one.
    """
    wanted = v2.wanted_of([output.name for output in call.outputs] or None, outputs, own_names)
    v2.refuse_ranking(output.parameters[v2.RANKING].int64_param for output in call.outputs)
    raw = list(call.raw_input_contents)
    if raw and len(raw) != len(call.inputs):
        message = f"there are {len(call.inputs)} tensors and {len(raw)} of raw bytes; send all as raw bytes, or none"
        raise InvalidInputError(message, field="raw_input_contents", status=400)
    told = [_told(tensor, raw[place] if raw else None) for place, tensor in enumerate(call.inputs)]
    rows = rows_of(told, signature, Blob(memoryview(b"".join(raw))))
    return Request(rows, wanted, call.id or None, own_names=own_names)


def infer_response(model: str, answer: Answer, request: Request) -> bytes:
    """The answer to ``ModelInfer``: the tensors that are wanted, as raw bytes."""
    response = InferResponse(model_name=model, id=request.identity or "")
    for name in request.outputs:
        values = answer[request.own_names.get(name, name)]
        response.outputs.add(name=name, datatype=v2.datatype(values.dtype), shape=values.shape)
        response.raw_output_contents.append(binary.packed(values))
    return _bytes(response)


def live() -> bytes:
    """The answer to ``ServerLive``."""
    return _bytes(Live(live=True))


def ready(*, ready: bool) -> bytes:
    """The answer to ``ServerReady`` and ``ModelReady``."""
    return _bytes(Ready(ready=ready))


def server_metadata(name: str, version: str) -> bytes:
    """The answer to ``ServerMetadata``."""
    return _bytes(ServerMetadata(name=name, version=version))


def metadata(model: str, platform: str, signature: Signature, outputs: Sequence[Tensor]) -> bytes:
    """The answer to ``ModelMetadata``, which says the same as over HTTP."""
    return _bytes(ModelMetadata(**v2.metadata(model, platform, signature, outputs)))


def _told(tensor: Any, raw: bytes | None) -> dict[str, Any]:  # noqa: ANN401 -- it has no type
    """A tensor as JSON has it."""
    kind = tensor.datatype
    told = {"name": tensor.name, "datatype": kind, "shape": list(tensor.shape)}
    if raw is not None:
        return {**told, "parameters": {binary.SIZE: len(raw)}}
    field = _FIELDS.get(kind)
    filled = [descriptor.name for descriptor, _ in tensor.contents.ListFields()]
    if field is None or filled not in ([field], []):
        where = f"in {field}" if field else "as raw_input_contents, or have another type"
        raise InvalidInputError(f"values of {kind or 'no type'} are sent {where}", field=tensor.name)
    values = list(getattr(tensor.contents, field))
    return {**told, "data": _texts(values, tensor.name) if kind == "BYTES" else values}


def _texts(values: Sequence[bytes], name: str) -> list[str]:
    texts = []
    for row, value in enumerate(values):
        try:
            texts.append(value.decode())
        except UnicodeDecodeError:
            raise InvalidInputError("expected text in UTF-8", field=name, row=row) from None
    return texts


def _parsed(message: Any, body: bytes) -> Any:  # noqa: ANN401 -- it has no type
    try:
        return message.FromString(body)
    except DecodeError:
        raise InvalidInputError("the bytes are not the message of this call", status=400) from None


def _bytes(message: Any) -> bytes:  # noqa: ANN401 -- it has no type
    return bytes(message.SerializeToString())
