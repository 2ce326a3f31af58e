"""Asks by KServe's own client. Runs where that is, and without this project.

Takes the server's port, and a file with ``rows`` of columns and ``answers`` as they should be.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig

MODEL = "churn"


async def main(url: str, rows: list[dict[str, Any]], answers: list[Any]) -> None:
    await v1(InferenceRESTClient(RESTConfig(protocol="v1")), url, rows, answers)
    await v2(InferenceRESTClient(RESTConfig(protocol="v2")), url, rows, answers)


async def v1(client: Any, url: str, rows: list[dict[str, Any]], answers: list[Any]) -> None:
    assert await client.is_server_live(url)
    assert await client.is_model_ready(url, MODEL)
    for members in ({"instances": rows}, {"inputs": rows}, {"instances": rows, "id": "7", "parameters": {}}):
        assert (await client.infer(url, members, MODEL))["predictions"] == answers


async def v2(client: Any, url: str, rows: list[dict[str, Any]], answers: list[Any]) -> None:
    assert await client.is_server_live(url)
    assert await client.is_server_ready(url)
    assert await client.is_model_ready(url, MODEL)
    for as_bytes in (False, True):
        inputs = [column(name, [row[name] for row in rows], as_bytes=as_bytes) for name in rows[0]]
        found = await client.infer(url, InferRequest(MODEL, inputs, request_id="7"), MODEL)
        assert found.id == "7"
        assert found.outputs[0].as_numpy().tolist() == answers


def column(name: str, values: list[Any], *, as_bytes: bool) -> Any:
    text = isinstance(values[0], str)
    found = InferInput(name, [len(values)], "BYTES" if text else "FP64")
    array = np.array(values, dtype=np.object_ if text else np.float64)
    found.set_data_from_numpy(array, binary_data=as_bytes)
    return found


if __name__ == "__main__":
    asked = json.loads(Path(sys.argv[2]).read_text())
    asyncio.run(main(f"http://127.0.0.1:{sys.argv[1]}", asked["rows"], asked["answers"]))
