"""Asks with what MLServer's codecs make. Runs where these are, and without this project.

Takes the server's port, and a file with ``rows`` of columns and ``answers`` as they should be.
"""

import json
import sys
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
from mlserver.codecs import PandasCodec, StringCodec
from mlserver.types import InferenceResponse, Parameters


def main(url: str, rows: list[dict[str, Any]], answers: list[Any]) -> None:
    for use_bytes in (False, True):
        request = PandasCodec.encode_request(pd.DataFrame(rows), use_bytes=use_bytes)
        assert labels(ask(url, request)) == answers
    request.parameters = Parameters(content_type="pd", headers={"x": "y"})
    assert labels(ask(url, request)) == answers


def ask(url: str, request: Any) -> InferenceResponse:
    answer = httpx.post(url, content=request.model_dump_json(exclude_none=True))
    assert answer.status_code == 200, answer.text
    return InferenceResponse.model_validate(answer.json())


def labels(response: InferenceResponse) -> list[str]:
    return list(StringCodec.decode_output(response.outputs[0]))


if __name__ == "__main__":
    asked = json.loads(Path(sys.argv[2]).read_text())
    main(f"http://127.0.0.1:{sys.argv[1]}/v2/models/churn/infer", asked["rows"], asked["answers"])
