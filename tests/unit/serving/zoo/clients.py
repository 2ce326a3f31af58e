"""Asks a served model by each protocol, and reads what it answers."""

import json
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import numpy as np

from eagleray_serving.protocols import binary
from eagleray_serving.protocols.proto.open_inference_pb2 import InferRequest, InferResponse
from eagleray_serving.signature import DTYPES
from unit.serving.zoo.entry import Entry


@dataclass(frozen=True)
class Answered:
    """What came back: an answer by output, or why there is none."""

    outputs: Mapping[str, list[Any]] | None
    told: str = ""


Ask = Callable[[httpx.AsyncClient, Entry, list[Any]], Any]


class UnsayableError(Exception):
    """The protocol has no way to say these rows."""


def _tensors(entry: Entry, rows: list[Any]) -> list[tuple[str, str, tuple[int, ...], list[Any]]]:
    """Name, type, shape and values of each tensor that says the rows."""
    if entry.row is not None:
        kind, sizes = entry.row
        return [("x", kind, (len(rows), *sizes), [value for row in rows for value in (row if sizes else [row])])]
    if not entry.datatypes:
        raise UnsayableError
    if any(set(row) - set(entry.datatypes) for row in rows):
        raise UnsayableError
    return [
        (name, _datatype(kind, [row[name] for row in rows]), (len(rows),), [row[name] for row in rows])
        for name, kind in entry.datatypes.items()
    ]


def _datatype(kind: str, values: list[Any]) -> str:
    """That of the column, or of a float in its place where it says what the column cannot."""
    other = any(value is None or isinstance(value, float) for value in values)
    if kind in {"INT64", "BOOL"} and other:
        if any(isinstance(value, bool) or (isinstance(value, int) and abs(value) > 2**53) for value in values):
            raise UnsayableError
        return "FP64" if kind == "INT64" else kind
    if any(isinstance(value, int) and abs(value) >= 2**63 for value in values):
        raise UnsayableError
    return kind


def _packed(kind: str, values: list[Any]) -> bytes:
    if kind == "BYTES":
        if None in values:
            raise UnsayableError
        return b"".join(struct.pack("<I", len(text.encode())) + text.encode() for text in values)
    if None in values and not kind.startswith("FP"):
        raise UnsayableError
    return np.array(values, dtype=DTYPES[kind]).tobytes()


async def ask_v1(client: httpx.AsyncClient, _entry: Entry, rows: list[Any]) -> Answered:
    response = await client.post("/v1/models/m:predict", json={"instances": rows})
    if response.status_code != 200:
        return _refused(response)
    found = response.json()["predictions"]
    if isinstance(found[0], dict):
        return Answered({name: [row[name] for row in found] for name in found[0]})
    return Answered({"predict": found})


async def ask_v2(client: httpx.AsyncClient, entry: Entry, rows: list[Any]) -> Answered:
    inputs = [
        {"name": name, "datatype": kind, "shape": shape, "data": values}
        for name, kind, shape, values in _tensors(entry, rows)
    ]
    if any(each["datatype"] in {"INT64", "BOOL"} and None in each["data"] for each in inputs):
        raise UnsayableError
    response = await client.post("/v2/models/m/infer", json={"inputs": inputs})
    return _read_v2(response.json()["outputs"]) if response.status_code == 200 else _refused(response)


async def ask_binary(client: httpx.AsyncClient, entry: Entry, rows: list[Any]) -> Answered:
    told = _tensors(entry, rows)
    blobs = [_packed(kind, values) for _, kind, _, values in told]
    inputs = [
        {"name": name, "datatype": kind, "shape": shape, "parameters": {binary.SIZE: len(blob)}}
        for (name, kind, shape, _), blob in zip(told, blobs, strict=True)
    ]
    head = json.dumps({"inputs": inputs, "parameters": {"binary_data_output": True}}).encode()
    headers = {binary.HEADER: str(len(head))}
    response = await client.post("/v2/models/m/infer", content=head + b"".join(blobs), headers=headers)
    if response.status_code != 200:
        return _refused(response)
    size = int(response.headers[binary.HEADER])
    outputs, rest = json.loads(response.content[:size])["outputs"], response.content[size:]
    for output in outputs:
        taken = output["parameters"][binary.SIZE]
        output["data"], rest = _unpacked(output["datatype"], rest[:taken]), rest[taken:]
    return _read_v2(outputs)


async def ask_grpc(client: httpx.AsyncClient, entry: Entry, rows: list[Any]) -> Answered:
    call = InferRequest(model_name="m")
    for name, kind, shape, values in _tensors(entry, rows):
        call.inputs.add(name=name, datatype=kind, shape=shape)
        call.raw_input_contents.append(_packed(kind, values))
    response = await client.post(
        "/inference.GRPCInferenceService/ModelInfer",
        content=call.SerializeToString(),
        headers={"content-type": "application/grpc"},
    )
    if "grpc-status" in response.headers:
        return Answered(None, f"{response.status_code} {response.headers['grpc-message']}")
    answer = InferResponse.FromString(response.content)
    return _read_v2(
        [
            {"name": output.name, "shape": list(output.shape), "data": _unpacked(output.datatype, raw)}
            for output, raw in zip(answer.outputs, answer.raw_output_contents, strict=True)
        ]
    )


PROTOCOLS: dict[str, Ask] = {"v1": ask_v1, "v2": ask_v2, "binary": ask_binary, "grpc": ask_grpc}


def _refused(response: httpx.Response) -> Answered:
    return Answered(None, f"{response.status_code} {response.json()['error']}")


def _read_v2(outputs: list[dict[str, Any]]) -> Answered:
    read = {output["name"]: _shaped(output["data"], output["shape"]) for output in outputs}
    return Answered(read)


def _shaped(data: list[Any], shape: list[int]) -> list[Any]:
    values = np.empty(len(data), dtype=object)
    values[:] = data
    return list(values.reshape(shape).tolist())


def _unpacked(kind: str, data: bytes) -> list[Any]:
    if kind != "BYTES":
        return list(np.frombuffer(data, dtype=DTYPES[kind]).tolist())
    texts = []
    while data:
        (size,) = struct.unpack_from("<I", data)
        texts.append(data[4 : 4 + size].decode())
        data = data[4 + size :]
    return texts
