"""Clients of other servers, each in an environment of its own, ask ours on loopback."""

import asyncio
import json
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from eagleray_serving.answers import AnsweringModel, Output
from eagleray_serving.frameworks import load_model
from eagleray_serving.http import build_http
from eagleray_serving.service import Batching, Service
from fakes.asgi_server import serving
from kind import venv

CLIENTS = Path(__file__).parent / "clients"


@pytest.mark.parametrize(
    ("script", "pins"), [("kserve_client.py", "kserve"), ("mlserver_codecs.py", "mlserver-codecs")]
)
async def test_a_client_of_another_server_works_unchanged(
    script: str, pins: str, churn: Any, churn_example: ModuleType, churn_file: Path, tmp_path: Path
) -> None:
    customers = churn_example.make_customers(20, seed=3).dropna()
    asked = {"rows": churn_example.to_rows(customers), "answers": churn.predict(customers).tolist()}
    (tmp_path / "asked.json").write_text(json.dumps(asked))
    service = Service("churn", "sklearn", AnsweringModel(load_model("sklearn", churn_file), Output.LABELS), Batching())
    python = await asyncio.to_thread(venv.apart, pins)
    async with serving(build_http(service)) as port:
        words = CLIENTS / script, str(port), tmp_path / "asked.json"
        process = await asyncio.create_subprocess_exec(python, *words, stdout=PIPE, stderr=STDOUT, cwd=tmp_path)
        told, _ = await process.communicate()
    await service.close()
    assert process.returncode == 0, told.decode()
