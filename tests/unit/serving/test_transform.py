"""A user's function around a model: it is given copies, is tried at load, and leaves a row's answer its own."""

import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.compose import make_column_transformer
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from eagleray_serving.answers import AnsweringModel, Output
from eagleray_serving.app import Saved
from eagleray_serving.columns import Column, Kind
from eagleray_serving.errors import InvalidInputError, ModelFailureError, ModelLoadError
from eagleray_serving.frameworks import Model
from eagleray_serving.frameworks.sklearn import SklearnModel
from eagleray_serving.outputs import PREDICT, Answer
from eagleray_serving.predictor import predict_all
from eagleray_serving.rows import Rows, Signature, parse_rows
from eagleray_serving.signature import parse_signature
from eagleray_serving.tensors import EXACT
from eagleray_serving.transform import Transform, TransformedModel, load_transform
from unit.serving.asking import SEVERAL, listed

SALES = pd.DataFrame(
    {"shop": ["a", "b", None, "a"] * 5, "price": np.arange(20.0), "day": pd.date_range("2026-01-01", periods=20)}
)
RAW = parse_signature(
    {
        "inputs": [
            {"name": "shop", "datatype": "BYTES", "shape": [-1]},
            {"name": "cents", "datatype": "INT64", "shape": [-1]},
        ]
    }
)
CODE = """
from __future__ import annotations
import dataclasses
import numpy as np

@dataclasses.dataclass
class Scale:
    cents: int

SCALE = Scale(100)

def transform(rows, predict):
    if (rows["cents"] < 0).any():
        raise ValueError("cents are negative")
    rows["price"] = rows.pop("cents") / SCALE.cents
    answers = predict(rows)
    answers["predict"] = np.where(answers["predict"] > 10, "dear", "cheap")
    return answers
"""


def identity(rows: Any, predict: Any) -> Any:
    return predict(rows)


def pipeline() -> Any:
    encode = make_column_transformer((OneHotEncoder(), ["shop"]), remainder="passthrough")
    return make_pipeline(encode, LinearRegression()).fit(SALES[["shop", "price"]], SALES["price"])


def around(model: Any, function: Transform, signature: Signature | None = None) -> TransformedModel:
    return TransformedModel(model, function, "code:transform", model.signature, signature)


def echo(signature: Signature) -> Any:
    """A model that answers the rows it is given, whole numbers as float64 holds them."""

    def held(value: Any) -> Any:
        return float(value) if type(value) is int and abs(value) <= EXACT else value

    return SimpleNamespace(
        signature=signature,
        classes=None,
        own_names={},
        outputs=(),
        predict=lambda rows, names: dict.fromkeys(
            names, np.array([str([held(each) for each in row]) for row in listed(rows)])
        ),
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    joblib.dump(pipeline(), tmp_path / "model.joblib")
    (tmp_path / "features.py").write_text(CODE)
    return tmp_path


def load(path: Path, reference: str = "features:transform") -> AnsweringModel:
    warmup = [{"shop": "a", "cents": 5}]
    return Saved("sklearn", "m", path, transform=reference, signature=RAW, warmup=warmup).load()


@pytest.mark.parametrize("inside", ["", "model.joblib"])
def test_it_is_found_beside_the_model_and_its_types_are_told(folder: Path, inside: str) -> None:
    model = load(folder / inside)
    told = [(column.name, column.dtype.kind) for column in model.signature.columns or ()]
    assert told == [("shop", "O"), ("cents", "i")]
    assert [output.dtype.kind for output in model.outputs] == ["U"]
    rows = parse_rows([{"shop": "a", "cents": 5}, {"shop": None, "cents": 1900}], model.signature)
    assert model.answer(rows)[PREDICT].tolist() == ["cheap", "dear"]


def test_it_may_be_a_module_of_the_image(folder: Path) -> None:
    reference = f"{__name__}:identity"
    model = Saved("sklearn", "m", folder, transform=reference).load()
    rows = parse_rows([{"shop": "b", "price": 7.0}], model.signature)
    assert model.answer(rows)[PREDICT].tolist() == pytest.approx([7.0])


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("nothing:f", r"model.transform nothing:f cannot be loaded \(ModuleNotFoundError: .*function of nothing.py in"),
        ("features:f", r"cannot be loaded \(AttributeError: .*no attribute 'f'\)"),
        ("broken:f", r"cannot be loaded \(ZeroDivisionError: "),
        ("features:SCALE", "features:SCALE is a Scale, and no function"),
        ("bad:forgets", r"returned a NoneType; it returns a dict of arrays as predict\(rows\) does: predict"),
        ("bad:renames", "returned score; it returns"),
        ("bad:raises", r"cannot answer: KeyError: 'x' \(in model.transform bad:raises\)"),
        ("bad:halves", r"answered an array of shape \[0\] for 1 rows"),
        ("bad:misnames", "cannot answer: InvalidInputError: .*field 'shop': the column is missing"),
    ],
)
def test_one_that_cannot_work_stops_the_start(folder: Path, reference: str, words: str) -> None:
    (folder / "broken.py").write_text("1 / 0")
    (folder / "bad.py").write_text(
        "import pandas as pd\n"
        "def forgets(rows, predict): pass\n"
        "def renames(rows, predict): return {'score': [0] * len(rows)}\n"
        "def raises(rows, predict): return rows['x']\n"
        "def halves(rows, predict): return {'predict': [0] * (len(rows) // 2)}\n"
        "def misnames(rows, predict): return predict(pd.DataFrame({'shops': rows['shop'], 'price': rows['cents']}))\n"
    )
    with pytest.raises(ModelLoadError, match=words):
        load(folder, reference)


def test_what_it_refuses_is_the_callers_row_and_what_it_raises_is_not(folder: Path) -> None:
    model = load(folder)
    good, bad = ({"shop": "a", "cents": cents} for cents in (100, -1))
    one, two = (parse_rows(rows, model.signature) for rows in ([good], [good, good, bad]))
    first, second = predict_all(model, [one, two])
    assert isinstance(first, Mapping)
    assert first[PREDICT].tolist() == ["cheap"]
    assert isinstance(second, InvalidInputError)
    assert (second.row, second.status, second.message) == (2, 422, "the model refused the row: cents are negative")
    unknown = parse_rows([good, {"shop": "z", "cents": 1}], model.signature)
    (refused,) = predict_all(model, [unknown])
    assert isinstance(refused, InvalidInputError)
    assert (refused.row, refused.field) == (1, "shop")

    def fails(_rows: Any, _predict: Any) -> Any:
        raise RuntimeError("a secret")

    answering = AnsweringModel(around(SklearnModel(pipeline()), fails), Output.LABELS)
    (failed,) = predict_all(answering, [parse_rows([["a", 1]], answering.signature)])
    assert isinstance(failed, ModelFailureError)
    assert str(failed) == "the model raised RuntimeError; the log of the replica has the details"


def spoils(rows: Any, predict: Any) -> Any:
    answers = predict(rows)
    if isinstance(rows, pd.DataFrame):
        for place in range(rows.shape[1]):
            rows.iloc[0, place] = rows.iloc[-1, place]
    elif isinstance(rows, dict):
        for values in rows.values():
            values[:] = 0
    elif isinstance(rows[0], dict):
        for row in rows:
            row.clear()
    else:
        rows[:] = 0 if rows.dtype.kind == "f" else None
    return answers


TEXTS = SklearnModel(make_pipeline(CountVectorizer(), LogisticRegression()).fit(["a word", "no text"], [0, 1]))
WORDS = SklearnModel(make_pipeline(DictVectorizer(), LogisticRegression()).fit([{"a": 1}, {"b": "x"}], [0, 1]))
PLAIN = SklearnModel(LinearRegression().fit([[0.0, 1.0], [1.0, 3.0]], [0, 1]))


@pytest.mark.parametrize(
    ("model", "rows"),
    [
        (TEXTS, ["a word", "a text"]),
        (WORDS, [{"a": 2}, {"b": "x"}]),
        (PLAIN, [[1, 2], [3, 4]]),
        (SklearnModel(pipeline()), [{"shop": None, "price": 1.0}, {"shop": "b", "price": 2}]),
        (echo(SEVERAL), [{"ids": [1, 2], "age": 0.5}, {"ids": [3, 4], "age": 1.5}]),
        (echo(Signature(None)), [[1, "x", None], [2.5, "y", True]]),
        (echo(Signature(None)), [{"a": 2**60, "b": None}, {"a": 1, "b": "x"}]),
    ],
)
def test_every_kind_of_row_goes_through_it_and_requests_keep_theirs(model: Model, rows: list[Any]) -> None:
    asked = parse_rows(rows, model.signature)
    expected = model.predict(asked, [PREDICT])[PREDICT].tolist()
    for function in (identity, spoils, spoils):
        assert around(model, function).predict(asked, [PREDICT])[PREDICT].tolist() == expected


@pytest.mark.parametrize(
    "made",
    [
        lambda rows: rows,
        lambda rows: {name: rows[name].to_numpy() for name in rows},
        lambda rows: rows.astype({"day": "datetime64[s]", "shop": "category", "count": "Int64"}),
        lambda rows: rows.assign(
            day=rows["day"].dt.tz_localize("Europe/Berlin").dt.tz_convert("UTC").dt.tz_convert(-0)
        ),
        lambda rows: [
            {**row, "day": row["day"] and row["day"].isoformat()}
            for row in rows.astype(object).where(rows.notna(), None).to_dict("records")
        ],
    ],
    ids=["frame", "arrays", "types of pandas", "zones", "lists"],
)
def test_predict_takes_what_libraries_make(made: Any) -> None:
    columns = {"shop": "BYTES", "price": "FP64", "count": "INT64", "open": "BOOL"}
    inputs = [{"name": name, "datatype": kind, "shape": [-1]} for name, kind in columns.items()]
    signature = parse_signature({"inputs": inputs})
    assert signature is not None
    assert signature.columns is not None
    signature = Signature((*signature.columns, Column("day", Kind.DATETIME)), named=True)
    seen: list[Rows] = []
    model = echo(signature)

    def predict(rows: Rows, names: Sequence[str]) -> Answer:
        seen.append(rows)
        return dict.fromkeys(names, np.zeros(len(rows)))

    model.predict = predict
    asked = parse_rows(
        [
            {"shop": "a", "price": 1.5, "count": 3, "open": True, "day": "2026-07-01T22:30:00"},
            {"shop": None, "price": None, "count": 2**60, "open": False, "day": None},
        ],
        signature,
    )
    around(model, lambda rows, predict: predict(made(rows))).predict(asked, [PREDICT])
    (found,) = seen
    assert [array.dtype.kind for array in found.arrays] == [array.dtype.kind for array in asked.arrays]
    assert listed(found)[0][:4] == listed(asked)[0][:4]
    assert listed(found)[1][2] == 2**60
    assert pd.isna(listed(found)[1]).tolist() == [True, True, False, False, True]


@settings(max_examples=50, deadline=None)
@given(
    rows=st.lists(
        st.fixed_dictionaries(
            {"shop": st.sampled_from(["a", "b", None]), "price": st.sampled_from([None, 1, 2.5, 2**60, "x", True])}
        ),
        min_size=2,
        max_size=8,
    )
)
def test_a_row_alone_is_a_row_in_company(rows: list[dict[str, Any]]) -> None:
    """Also where a column may hold anything, and its type in a frame is that of its values."""

    def told(rows: Any, predict: Any) -> Any:
        ordered = rows[["shop", "price"]]
        kinds = [f"{row}/{ordered.dtypes.tolist()}" for row in ordered.to_dict("records")]
        return {**predict(rows), PREDICT: kinds}

    model = AnsweringModel(around(echo(Signature(None)), told), Output.LABELS)
    model.names = (PREDICT,)
    requests = [parse_rows([row], model.signature) for row in rows]
    together = model.answer(parse_rows(rows, model.signature))[PREDICT].tolist()
    alone = [model.answer(request)[PREDICT].tolist()[0] for request in requests]
    assert together == alone


def test_frames_need_pandas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(ModelLoadError, match="is given frames, and this image has no pandas; build an image"):
        around(SklearnModel(pipeline()), identity)
    assert around(PLAIN, identity).predict(parse_rows([[1, 2]], PLAIN.signature), [PREDICT])[PREDICT].shape == (1,)


def test_a_folder_in_a_folder_is_entered(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outer = folder.rename(tmp_path_factory.mktemp("outer") / "inner").parent
    assert load_transform("features:transform", outer).__module__.startswith("features@")
