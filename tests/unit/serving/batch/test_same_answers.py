"""What a batch prediction answers to a row is what the server answers to it over HTTP, whatever file it comes from."""

import asyncio
import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pytest

from eagleray_serving.answers import AnsweringModel
from eagleray_serving.batch import part
from eagleray_serving.batch.results import ERROR, Results
from eagleray_serving.http import build_http
from eagleray_serving.service import Batching, Service
from unit.serving.batch.rig import READ, TYPES, Rig, write_csv, write_lines, write_parquet
from unit.serving.zoo import ZOO
from unit.serving.zoo.clients import ask_v1
from unit.serving.zoo.entry import Entry

pytestmark = pytest.mark.filterwarnings("ignore")  # what the libraries say of tiny data is not the server's


@dataclass(frozen=True)
class Served:
    """A model of the zoo, what the server answers to each of its rows alone, and the columns of a file of them."""

    entry: Entry
    model: AnsweringModel
    alone: Sequence[Mapping[str, Any] | None]
    columns: Mapping[str, Sequence[Any]]
    kinds: Mapping[str, Any]


@pytest.fixture(scope="module", params=ZOO)
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Served:
    entry: Entry = ZOO[request.param]
    folder = tmp_path_factory.mktemp(entry.name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        entry.save(folder)
        model = part._loaded({"framework": entry.framework, "name": "m", "path": str(folder)})
    return Served(entry, model, asyncio.run(_alone(entry, model)), *_columns(entry))


async def _alone(entry: Entry, model: AnsweringModel) -> list[Mapping[str, Any] | None]:
    service = Service("m", "any", model, Batching())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(build_http(service)), base_url="http://m") as client:
        answered = [await ask_v1(client, entry, [row]) for row in entry.rows]
    await service.close()
    return [None if a.outputs is None else {name: values[0] for name, values in a.outputs.items()} for a in answered]


def _columns(entry: Entry) -> tuple[dict[str, list[Any]], dict[str, Any]]:
    rows: Sequence[Any] = entry.rows
    if isinstance(rows[0], dict):
        names = dict.fromkeys(name for row in rows for name in row)
        columns = {name: [row.get(name) for row in rows] for name in names}
    elif isinstance(rows[0], list) and not any(isinstance(value, list) for value in rows[0]):
        columns = {f"c{place}": [row[place] for row in rows] for place in range(len(rows[0]))}
    else:
        columns = {"value": list(rows)}
    kind = entry.row[0] if entry.row else ""
    return columns, {name: TYPES.get(entry.datatypes.get(name, kind)) for name in columns}


@pytest.mark.parametrize("form", ["parquet", "csv", "jsonl"])
def test_a_row_of_a_file_is_answered_as_it_is_over_http(
    served: Served, form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(part, "_loaded", lambda _: served.model)
    rig = Rig(tmp_path, {}, {"skip": True})
    _write(served, form, rig.rows / f"a.{form}")
    counts = rig.predict(f"a.{form}")
    found = READ[form](rig.answers / f"a.{form}")
    assert counts.rows == len(found) == len(served.alone)
    names = Results(served.model.outputs).columns
    for row, (line, alone) in enumerate(zip(found, served.alone, strict=True)):
        if alone is None:
            assert line[ERROR], f"the server refuses row {row}"
            assert all(line[name] is None for name in names)
        else:
            assert not line[ERROR], f"row {row}"
            assert all(_same(line[name], alone[output.name]) for name, output in names.items()), f"row {row}: {line}"


def _write(served: Served, form: str, path: Path) -> None:
    if form == "jsonl":
        write_lines(path, served.entry.rows)
    elif form == "csv":
        if any(isinstance(value, list) for values in served.columns.values() for value in values):
            pytest.skip("a cell of CSV holds no tensor")
        write_csv(path, served.columns)
    else:
        try:
            write_parquet(path, served.columns, served.kinds)
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
            pytest.skip("a column of Parquet holds values of one type")


def _same(found: Any, alone: Any) -> bool:
    if isinstance(alone, list):
        return len(found) == len(alone) and all(map(_same, found, alone))
    if isinstance(alone, float):
        return found is not None and math.isclose(found, alone, rel_tol=1e-6)
    return bool(found == alone) or (alone is None and found != found)  # noqa: PLR0124 - JSON has no NaN
