"""The same row, the same answer: alone, beside others, in a batch with other requests, and from the model itself."""

import asyncio
import math
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eagleray_serving.answers import AnsweringModel, Output
from eagleray_serving.app import Saved
from eagleray_serving.columns import Kind
from eagleray_serving.errors import InvalidInputError
from eagleray_serving.http import build_http
from eagleray_serving.predictor import predict_all
from eagleray_serving.protocols import v2
from eagleray_serving.rows import Rows, parse_rows
from eagleray_serving.service import Batching, Service
from eagleray_serving.transform import TransformedModel
from unit.serving.zoo import ZOO
from unit.serving.zoo.clients import PROTOCOLS, Answered, UnsayableError
from unit.serving.zoo.entry import Entry

pytestmark = pytest.mark.filterwarnings("ignore")  # what the libraries say of tiny data is not the server's


UNEXPLAINED = re.compile(
    r"(onnx|texts|torch)_|meta_(?!grid|strict_in_grid)|columns_logarithm|boosting_categories|objects_of_members|xgboost_voting"
    r"|numbers_(nearest|svm|bayes|forest|boosting|pca|polynomial|eliminated|union|odd|several)"
)
"""The models whose answers are not explained in an environment without shap."""


@dataclass(frozen=True)
class Served:
    """A model of the zoo as it is served, and what it itself answers to each row: None where it refuses that."""

    entry: Entry
    model: AnsweringModel
    expected: Sequence[dict[str, Any] | None]


@pytest.fixture(scope="module", params=ZOO)
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Served:
    entry = ZOO[request.param]
    folder = tmp_path_factory.mktemp(entry.name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        oracle = entry.save(folder)
        expected = [_own_answer(oracle, row) for row in entry.rows]
        return Served(entry, Saved(entry.framework, "m", folder).load(), expected)


def _own_answer(oracle: Callable[[list[Any]], Any], row: Any) -> dict[str, Any] | None:
    try:
        return {name: values[0] for name, values in oracle([row]).items()}
    except (ValueError, TypeError, OverflowError):
        return None


def _check(served: Served, places: Sequence[int], answered: Answered) -> None:
    expected = [served.expected[place] for place in places]
    if None in expected:
        assert answered.outputs is None, f"the model itself refuses one of {places}"
        assert answered.told.startswith(("422", "400")), answered.told
        return
    assert answered.outputs is not None, answered.told
    for row, own in enumerate(expected):
        assert own is not None
        for name, value in own.items():
            assert _same(answered.outputs[name][row], value), f"row {places[row]}: {answered.outputs[name][row]}, {own}"


def _same(found: Any, own: Any) -> bool:
    listed = np.asarray(own).reshape(-1).tolist()
    values = np.asarray(found, dtype=object).reshape(-1).tolist()
    return len(listed) == len(values) and all(map(_alike, values, listed))


def _alike(found: Any, own: Any) -> bool:
    if isinstance(own, float):
        missing = found is None or math.isnan(found)
        return math.isnan(own) if missing else math.isclose(found, own, rel_tol=1e-5, abs_tol=1e-6)
    return bool(found == own)


def _ask(served: Served, *requests: tuple[str, Sequence[int]]) -> list[Answered | None]:
    """Ask all at once, each by its protocol; None for what this cannot say."""

    async def one(client: httpx.AsyncClient, protocol: str, places: Sequence[int]) -> Answered | None:
        rows = [served.entry.rows[place] for place in places]
        try:
            answered: Answered = await PROTOCOLS[protocol](client, served.entry, rows)
        except UnsayableError:
            return None
        return answered

    async def run() -> list[Answered | None]:
        service = Service("m", "any", served.model, Batching(64, 0.002))
        transport = httpx.ASGITransport(build_http(service))
        async with httpx.AsyncClient(transport=transport, base_url="http://m") as client:
            found = await asyncio.gather(*(one(client, protocol, places) for protocol, places in requests))
        await service.close()
        return list(found)

    return asyncio.run(run())


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_alone_and_together_by_each_protocol(served: Served, protocol: str) -> None:
    """Each row alone, one after another; then all that the model takes in one request."""
    taken = [place for place, own in enumerate(served.expected) if own is not None]
    assert taken, "the model answers to none of its rows"
    asked = [*([place] for place in range(len(served.expected))), taken]
    for places in asked:
        (answered,) = _ask(served, (protocol, places))
        if answered is not None:
            _check(served, places, answered)


@settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None)
@given(data=st.data())
def test_in_any_company(served: Served, data: st.DataObject) -> None:
    """Several requests at once, so that they share batches, each of any rows by any protocol."""
    places = st.lists(st.integers(0, len(served.expected) - 1), min_size=1, max_size=4)
    requests = data.draw(st.lists(st.tuples(st.sampled_from(list(PROTOCOLS)), places), min_size=2, max_size=6))
    for (_, asked), answered in zip(requests, _ask(served, *requests), strict=True):
        if answered is not None:
            _check(served, asked, answered)


def test_metadata_is_what_is_answered(served: Served) -> None:
    """Type, rank and every size that is told of each output; and numbers are told as numbers."""
    row = next(row for row, own in zip(served.entry.rows, served.expected, strict=True) if own is not None)
    told = v2.metadata("m", "any", served.model.signature, served.model.outputs)
    answer = served.model.answer(parse_rows([row], served.model.signature))
    for output in told["outputs"]:
        values = answer[output["name"]]
        assert output["datatype"] == v2.datatype(values.dtype)
        assert len(output["shape"]) == values.ndim
        assert all(size in {-1, found} for size, found in zip(output["shape"][1:], values.shape[1:], strict=True))
    kinds = {each["name"]: each["datatype"] for each in told["inputs"]}
    known = {column.name for column in served.model.signature.columns or () if column.kind is not Kind.ANY}
    numbers = {name for name, kind in served.entry.datatypes.items() if kind != "BYTES"} & known
    assert not any(kinds.get(name) == "BYTES" for name in numbers)


def test_a_transform_that_does_nothing_changes_nothing(served: Served) -> None:
    """Whatever kind of rows it is given and hands on, and whatever the model refuses."""
    model = served.model
    around = TransformedModel(model._model, lambda rows, predict: predict(rows), "a:b", model.signature)
    transformed = AnsweringModel(around, Output.LABELS)
    for rows in _taken(served):
        (plain,), (found,) = predict_all(model, [rows]), predict_all(transformed, [rows])
        assert type(found) is type(plain), found
        assert str(found) == str(plain) if isinstance(found, Exception) else True
        for name, values in found.items() if isinstance(found, dict) else ():
            assert isinstance(plain, dict)
            assert _same(values, plain[name])
            assert values.dtype == plain[name].dtype


def test_it_is_explained_alone_as_together_or_says_why(served: Served) -> None:
    """The sum is compared with what the model itself says by every explanation."""
    alone, together = _taken(served)[:-1], _taken(served)[-1]
    if UNEXPLAINED.match(served.entry.name):
        with pytest.raises(InvalidInputError, match="this model is not explained: ") as caught:
            served.model.explain(together)
        assert caught.value.status == 501
        return
    whole = served.model.explain(together)
    parts = [served.model.explain(rows).contributions for rows in alone]
    assert np.concatenate(parts) == pytest.approx(whole.contributions, rel=1e-4, abs=1e-5)


def _taken(served: Served) -> list[Rows]:
    """Each row that the model takes, and last all of them."""
    own = zip(served.entry.rows, served.expected, strict=True)
    rows = [row for row, answer in own if answer is not None]
    return [parse_rows(asked, served.model.signature) for asked in (*([row] for row in rows), rows)]
