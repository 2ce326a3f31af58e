"""Explanations sum up to what the model itself says, by the names of the columns that were sent; or are refused."""

import asyncio
import os
import threading
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import pytest
import xgboost
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, PoissonRegressor, Ridge, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, PolynomialFeatures, StandardScaler
from sklearn.svm import LinearSVC

import eagleray_serving
from eagleray_serving.answers import AnsweringModel, Output
from eagleray_serving.explanations import Explanation
from eagleray_serving.frameworks import Model, load_model
from eagleray_serving.frameworks.sklearn import SklearnModel
from eagleray_serving.outputs import PREDICT, PREDICT_PROBA
from eagleray_serving.rows import Rows, parse_rows
from eagleray_serving.service import MOST_EXPLAINED, Batching, Service
from eagleray_serving.transform import TransformedModel
from eagleray_serving.trial import try_out
from kind import venv
from unit.serving.test_http import client_of

RANDOM = np.random.default_rng(3)
FRAME = pd.DataFrame(RANDOM.normal(size=(200, 3)), columns=["age", "income", "debt"]).assign(
    city=RANDOM.choice(["Ulm", "Bonn", "Kiel"], 200), note=RANDOM.choice(["late again", "on time", "late"], 200)
)
NUMBERS = FRAME[["age", "income", "debt"]]
MATRIX = NUMBERS.to_numpy()
CATEGORIES = FRAME.drop(columns="note").astype({"city": "category"})
TWO = (FRAME["age"] > FRAME["debt"]).astype(int).to_numpy()
THREE = pd.Series(FRAME["city"]).map({"Ulm": "a", "Bonn": "b", "Kiel": "c"}).to_numpy()
VALUE = FRAME["age"] * 3 + FRAME["debt"]
CODES = np.unique(THREE, return_inverse=True)[1]


def mixed() -> Any:
    return make_column_transformer(
        (make_pipeline(SimpleImputer(), make_union(StandardScaler(), "passthrough")), ["debt", "age"]),
        (OneHotEncoder(), ["city"]),
        (TfidfVectorizer(), "note"),
        remainder="passthrough",
    )


def booster(framework: str, params: dict[str, Any], labels: Any, folder: Path) -> Model:
    file = folder / f"model.{'txt' if framework == 'lightgbm' else 'json'}"
    if framework == "lightgbm":
        lightgbm.train({"verbose": -1, **params}, lightgbm.Dataset(CATEGORIES, labels), 9).save_model(file)
    else:
        data = xgboost.DMatrix(CATEGORIES, labels, enable_categorical=True)
        xgboost.train(params, data, 9).save_model(file)
    return load_model(framework, file)


BOOSTERS: dict[str, tuple[str, dict[str, Any], Any]] = {
    "LightGBM, a value": ("lightgbm", {}, VALUE),
    "LightGBM, two labels": ("lightgbm", {"objective": "binary"}, TWO),
    "LightGBM, three labels": ("lightgbm", {"objective": "multiclass", "num_class": 3}, CODES),
    "XGBoost, a value": ("xgboost", {}, VALUE),
    "XGBoost, two labels": ("xgboost", {"objective": "binary:logistic"}, TWO),
    "XGBoost, three labels": ("xgboost", {"objective": "multi:softmax", "num_class": 3}, CODES),
    "XGBoost, dart": ("xgboost", {"booster": "dart", "rate_drop": 0.5, "objective": "binary:logistic"}, TWO),
}
ESTIMATORS: dict[str, Callable[[], Any]] = {
    "LGBMClassifier": lambda: lightgbm.LGBMClassifier(n_estimators=9, verbose=-1).fit(CATEGORIES, THREE),
    "LGBMRegressor in a pipeline": lambda: make_pipeline(
        mixed(), lightgbm.LGBMRegressor(n_estimators=9, verbose=-1)
    ).fit(FRAME, VALUE),
    "XGBClassifier": lambda: xgboost.XGBClassifier(n_estimators=9, enable_categorical=True).fit(CATEGORIES, TWO),
    "XGBClassifier, stopped early": lambda: xgboost.XGBClassifier(n_estimators=50, early_stopping_rounds=1).fit(
        NUMBERS, CODES, eval_set=[(NUMBERS, CODES[::-1])], verbose=False
    ),
    "XGBRegressor in a pipeline": lambda: make_pipeline(mixed(), xgboost.XGBRegressor(n_estimators=9)).fit(
        FRAME, VALUE
    ),
    "LinearRegression": lambda: LinearRegression().fit(NUMBERS, VALUE),
    "LinearRegression, two values": lambda: LinearRegression().fit(NUMBERS, np.stack([VALUE, -VALUE], 1)),
    "LogisticRegression, two labels": lambda: make_pipeline(StandardScaler(), LogisticRegression()).fit(NUMBERS, TWO),
    "LogisticRegression, three labels": lambda: make_pipeline(mixed(), LogisticRegression()).fit(FRAME, THREE),
    "LinearSVC": lambda: LinearSVC().fit(NUMBERS, THREE),
    "SGDClassifier": lambda: SGDClassifier().fit(NUMBERS, TWO),
    "GridSearchCV": lambda: GridSearchCV(Ridge(), {"alpha": [1, 2]}, cv=2).fit(NUMBERS, VALUE),
}
_MADE: dict[str, AnsweringModel] = {}


def model_of(name: str, folder: Path) -> AnsweringModel:
    if name not in _MADE:
        found = booster(*BOOSTERS[name], folder) if name in BOOSTERS else SklearnModel(ESTIMATORS[name]())
        output = Output.LABELS if found.classes is None else Output.BOTH
        try_out(answering := AnsweringModel(found, output))
        _MADE[name] = answering
    return _MADE[name]


def explained(model: AnsweringModel, rows: list[Any]) -> Explanation:
    assert model.unexplained is None
    return model.explain(parse_rows(rows, model.signature))


def linked(raw: Any, model: AnsweringModel) -> dict[str, Any]:
    """What a model answers that says this, by the functions that stand between."""
    if model.classes is None:
        return {PREDICT: raw[:, 0] if raw.shape[1] == 1 else raw}
    if raw.shape[1] == 1:
        one = 1 / (1 + np.exp(-raw[:, 0]))
        return {PREDICT_PROBA: np.stack([1 - one, one], 1)}
    powers = np.exp(raw - raw.max(axis=1, keepdims=True))
    return {PREDICT_PROBA: powers / powers.sum(axis=1, keepdims=True)}


ROW = st.fixed_dictionaries(
    {
        "age": st.floats(-3, 3, width=32),
        "income": st.floats(-3, 3, width=32),
        "debt": st.floats(-3, 3, width=32),
        "city": st.sampled_from(["Ulm", "Bonn", "Kiel"]),
        "note": st.sampled_from(["late", "on time, late", "nothing"]),
    }
)


@pytest.mark.parametrize("name", [*BOOSTERS, *ESTIMATORS])
@settings(max_examples=10, deadline=None)
@given(rows=st.lists(ROW, min_size=1, max_size=4))
def test_columns_add_up_to_the_models_own_answer(
    name: str, rows: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    model = model_of(name, tmp_path_factory.mktemp("model"))
    columns = [column.name for column in model.signature.columns or ()]
    sent = [{column: row[column] for column in columns} for row in rows]
    found = explained(model, sent)
    assert list(found.columns) == columns
    total = found.base + found.contributions.sum(axis=2)
    answer = model.answer(parse_rows(sent, model.signature))
    if name not in {"LinearSVC", "SGDClassifier"}:  # which tell a label and no more
        for output, values in linked(total, model).items():
            assert values == pytest.approx(answer[output], rel=1e-3, abs=1e-4)
    alone = [explained(model, [row]).contributions[0] for row in sent]
    assert np.stack(alone) == pytest.approx(found.contributions, rel=1e-4, abs=1e-5)


def test_each_is_for_the_label_that_it_speaks_for_and_the_column_that_it_is_of(tmp_path: Path) -> None:
    rows = FRAME.iloc[:3].to_dict("records")
    found = explained(model_of("LogisticRegression, three labels", tmp_path), rows)
    assert found.outputs == ("a", "b", "c")
    for place, row in enumerate(rows):  # the label is a name for the city
        added = dict(zip(found.columns, found.contributions[place].T, strict=True))
        assert abs(added["city"]).max() > 5 * abs(added["note"]).max()
        assert found.outputs[int(added["city"].argmax())] == {"Ulm": "a", "Bonn": "b", "Kiel": "c"}[row["city"]]
    assert explained(
        model_of("LightGBM, two labels", tmp_path), CATEGORIES[:1].astype(object).to_numpy().tolist()
    ).outputs == (1,)


def test_a_linear_model_adds_value_times_coefficient() -> None:
    front = make_column_transformer((StandardScaler(), ["debt"]), ("drop", ["income"]), remainder="passthrough")
    pipeline = make_pipeline(front, Ridge()).fit(NUMBERS, VALUE)
    model = AnsweringModel(SklearnModel(pipeline), Output.LABELS)
    found = explained(model, [{"age": 2.0, "income": 7.0, "debt": float(FRAME["debt"].mean())}])
    assert found.contributions[0, 0] == pytest.approx([2 * pipeline[-1].coef_[1], 0, 0], abs=1e-9)
    assert found.base[0, 0] == pytest.approx(pipeline[-1].intercept_)


@pytest.mark.parametrize(
    ("estimator", "words"),
    [
        (RandomForestClassifier(3).fit(MATRIX, TWO), "package shap, which this image does not have; build an image"),
        (KMeans(2, n_init=1).fit(MATRIX), "a KMeans is neither trees nor linear"),
        (make_pipeline(PCA(2), Ridge()).fit(MATRIX, VALUE), "PCA makes a column of several"),
        (make_pipeline(PolynomialFeatures(), Ridge()).fit(MATRIX, VALUE), "PolynomialFeatures makes a column of sev"),
        (make_pipeline(FunctionTransformer(abs), Ridge()).fit(MATRIX, VALUE), "FunctionTransformer does not tell"),
        (PoissonRegressor().fit(MATRIX, CODES), "explained: what columns add does not sum up"),
        (make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(FRAME["note"], TWO), "its rows have none"),
        (lightgbm.LGBMRegressor(linear_tree=True, verbose=-1).fit(MATRIX, VALUE), "not implemented for linear trees"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_cannot_be_explained_is_served_and_says_why(estimator: Any, words: str) -> None:
    model = AnsweringModel(SklearnModel(estimator), Output.LABELS)
    try_out(model)
    assert model.unexplained is not None
    assert model.unexplained.status == 501
    assert str(model.unexplained).startswith("this model is not explained: ")
    assert words in str(model.unexplained)


async def test_trees_of_scikit_learn_are_explained_where_shap_is() -> None:
    python = await asyncio.to_thread(venv.apart, "shap")
    script, package = Path(__file__).parent / "shap_trees.py", Path(eagleray_serving.__file__).parents[1]
    environment = {**os.environ, "PYTHONPATH": str(package)}
    process = await asyncio.create_subprocess_exec(python, script, stdout=PIPE, stderr=STDOUT, env=environment)
    told, _ = await process.communicate()
    assert process.returncode == 0, told.decode()


def test_a_transformed_model_is_not_explained() -> None:
    inner = SklearnModel(Ridge().fit(NUMBERS, VALUE))
    model = AnsweringModel(
        TransformedModel(inner, lambda rows, predict: predict(rows), "a:b", inner.signature), Output.LABELS
    )
    try_out(model)
    assert "trees and linear models are" in str(model.unexplained)


async def test_over_http(tmp_path: Path) -> None:
    model = model_of("LightGBM, three labels", tmp_path)
    rows = [list(row) for row in CATEGORIES.iloc[:20].itertuples(index=False)]
    service = Service("m", "lightgbm", model, Batching(4, 0))
    async with client_of(service) as client:
        told = await client.post("/v1/models/m:explain", json={"instances": rows})
        plain = await client.post("/v1/models/m:predict", json={"instances": rows})
        many = await client.post("/v1/models/m:explain", json={"instances": rows * (MOST_EXPLAINED // 20 + 1)})
        bad = await client.post("/v1/models/m/versions/1:explain", json={"instances": [*rows, [1, 2]]})
    await service.close()
    body = told.json()
    explanations = body.pop("explanations")
    assert (told.status_code, body) == (200, plain.json())
    assert [[each["output"] for each in row] for row in explanations] == [[0, 1, 2]] * 20
    expected = model.explain(parse_rows(rows, model.signature))
    for row, raw in zip(explanations, expected.raw, strict=True):
        assert [each["base"] + sum(each["contributions"].values()) for each in row] == pytest.approx(raw.tolist())
        assert [each["raw"] for each in row] == pytest.approx(raw.tolist())
    assert many.status_code == 422
    assert "at most 256 rows are explained at once, got 260; send fewer" in many.json()["error"]
    assert (bad.status_code, bad.json()["row"]) == (422, 20)


async def test_predictions_pass_between_the_parts_of_an_explanation(tmp_path: Path) -> None:
    model = model_of("LightGBM, a value", tmp_path)
    begun, parts = threading.Event(), []

    class Watched(AnsweringModel):
        def explain(self, rows: Rows) -> Explanation:
            parts.append(len(rows))
            begun.set()
            return model.explain(rows)

    watched = Watched(model._model, Output.LABELS)
    service = Service("m", "lightgbm", watched, Batching())
    rows = parse_rows([list(row) for row in CATEGORIES.itertuples(index=False)], model.signature)
    explaining = asyncio.create_task(parts_of(service, rows))
    await asyncio.to_thread(begun.wait)
    await service.predict(rows[:1])
    assert len(parts) < 5
    assert len(await explaining) == 25
    assert parts == [8] * 25
    await service.close()


async def parts_of(service: Service, rows: Any) -> list[Any]:
    return [part async for part in service.explain(rows)]
