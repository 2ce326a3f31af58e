"""Asks a served churn model over gRPC for the rows of a file, all in one call.

python call.py ADDRESS MODEL < rows.json      (rows.json: what train.py --check writes; prints one JSON object)
"""

import json
import sys
from typing import Any

import grpc

from eagleray_serving.protocols.proto.open_inference_pb2 import InferRequest, InferResponse

PATH = "/inference.GRPCInferenceService/ModelInfer"


def request_of(model: str, rows: list[dict[str, Any]]) -> Any:
    """A call with a tensor for each column."""
    request = InferRequest(model_name=model, id="a1")
    for name in rows[0]:
        values = [row[name] for row in rows]
        text = isinstance(values[0], str)
        tensor = request.inputs.add(name=name, datatype="BYTES" if text else "FP64", shape=[len(rows)])
        if text:
            tensor.contents.bytes_contents.extend(value.encode() for value in values)
        else:
            tensor.contents.fp64_contents.extend(float("nan") if value is None else value for value in values)
    return request


def labels_of(raw: bytes) -> list[str]:
    """The texts of a tensor, each after its length."""
    labels = []
    while raw:
        end = 4 + int.from_bytes(raw[:4], "little")
        labels.append(raw[4:end].decode())
        raw = raw[end:]
    return labels


def main() -> None:
    """Run the command."""
    address, model = sys.argv[1:3]
    rows: list[dict[str, Any]] = json.load(sys.stdin)["instances"]
    with grpc.insecure_channel(address) as channel:
        call = channel.unary_unary(PATH, InferRequest.SerializeToString, InferResponse.FromString)
        answer = call(request_of(model, rows), timeout=30)
        try:
            call(request_of("other", rows[:1]), timeout=30)
        except grpc.RpcError as error:
            refused = {"status": error.code().name, "message": error.details()}
    found = {"id": answer.id, "predictions": labels_of(answer.raw_output_contents[0]), "refused": refused}
    sys.stdout.write(json.dumps(found) + "\n")


main()
