"""The requests that every server is asked."""

import json
from typing import Any

from bench.servers.models import Matrix
from bench.servers.sides import PLAIN, Side

JSON_BYTES = "inference-header-content-length"


def way(label: str, side: Side, rows: Matrix) -> dict[str, Any]:
    """Rows in JSON, as client/speed.py takes a way to ask.

    Args:
        label: the server's.
        side: the server.
        rows: ``[rows, columns]``.
    """
    body = {"instances": rows.tolist()} if label == PLAIN else {"inputs": [_tensor(rows, data=rows.ravel().tolist())]}
    return {"path": side.path, "addresses": [side.address], "body": json.dumps(body)}


def binary_way(side: Side, rows: Matrix) -> dict[str, Any]:
    """Rows as bytes after the JSON, which the answer is to be as well.

    Args:
        side: the server, which has to know the protocol's binary extension.
        rows: ``[rows, columns]``.
    """
    values = rows.astype("<f8").tobytes()
    head = {
        "inputs": [_tensor(rows, parameters={"binary_data_size": len(values)})],
        "parameters": {"binary_data_output": True},
    }
    words = json.dumps(head).encode()
    headers = {"content-type": "application/octet-stream", JSON_BYTES: str(len(words))}
    return {
        "path": side.path,
        "addresses": [side.address],
        "body": (words + values).decode("latin-1"),
        "headers": headers,
    }


def _tensor(rows: Matrix, **more: Any) -> dict[str, Any]:
    return {"name": "input", "shape": list(rows.shape), "datatype": "FP64", **more}
