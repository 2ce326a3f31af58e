import json
import subprocess
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

import eagleray_serving
from eagleray_serving.app import Saved
from eagleray_serving.columns import Column, Kind
from eagleray_serving.errors import ModelLoadError
from eagleray_serving.mlflow import Folder, read_folder
from eagleray_serving.outputs import PREDICT
from eagleray_serving.rows import Signature, parse_rows
from eagleray_serving.tensors import Tensor
from kind import venv
from unit.serving.mlflow_folders.made import VERSIONS, folders

HERE = Path(__file__).parent
SERVING = Path(eagleray_serving.__file__).parents[1]
FRAMEWORKS = {
    "cloudpickle": "sklearn",
    "lightgbm": "lightgbm",
    "lightgbm_booster": "lightgbm",
    "lightgbm_in_sklearn": "lightgbm",
    "onnx": "onnx",
    "sklearn": "sklearn",
    "types": "sklearn",
    "xgboost": "xgboost",
    "xgboost_booster": "xgboost",
}
"""The folders that MLflow itself wrote, and the framework that a user names for each."""

# The parts of MLmodel that no folder of these has.
COLUMNS = """
flavors: {sklearn: {pickled_model: model.pkl}}
signature:
  inputs: '[{"type": "double", "name": "amount", "required": true}, {"type": "long",
    "name": "hour", "required": false}, {"type": "string", "name": "plan"}, {"type": "datetime", "name": "at"}]'
"""
TENSOR = """
flavors: {xgboost: {data: model.ubj, model_format: ubj}}
signature:
  inputs: '[{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 2, -1]}}]'
"""


def written(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "MLmodel").write_text(text)
    return folder


def folder_of(path: Path) -> Folder:
    found = read_folder(path)
    assert found is not None
    return found


@pytest.fixture(scope="session", params=VERSIONS)
def saved(request: pytest.FixtureRequest) -> Path:
    """What one version of MLflow has saved."""
    return folders(request.param)


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_what_mlflow_saved_answers_as_mlflow_does(saved: Path, name: str) -> None:
    expected = json.loads((saved / f"{name}.json").read_text())
    model = Saved(FRAMEWORKS[name], "m", saved / name).load()
    answer = model.answer(parse_rows(expected["rows"], model.signature))[PREDICT]
    assert np.allclose(np.ravel(answer), np.ravel(expected["answers"]), atol=1e-6)


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_the_example_is_rows_as_requests_have_them(saved: Path, name: str) -> None:
    found = folder_of(saved / name).example
    expected = json.loads((saved / f"{name}.json").read_text())["rows"]
    assert found is not None
    if name == "types":  # whose dates frames write in another way
        found, expected = ([{**row, "at": row["at"][:19]} for row in rows] for rows in (found, expected))
    assert flat(found) == pytest.approx(flat(expected))


def flat(rows: list[Any]) -> dict[Any, Any]:
    """Each value by its row and its column."""
    return {
        (place, name): value
        for place, row in enumerate(rows)
        for name, value in (row.items() if isinstance(row, dict) else enumerate(row))
    }


def test_the_types_of_a_real_signature(saved: Path) -> None:
    found = folder_of(saved / "types").signature
    assert found is not None
    assert found.columns is not None
    assert {column.name: (column.kind, column.dtype.name) for column in found.columns} == {
        "amount": (Kind.NUMBER, "float64"),
        "hour": (Kind.INTEGER, "int64"),
        "small": (Kind.INTEGER, "int32"),
        "home": (Kind.BOOLEAN, "bool"),
        "plan": (Kind.STRING, "object"),
        "at": (Kind.DATETIME, "datetime64[us]"),
    }


def test_code_of_a_user_needs_mlflow_in_the_image(saved: Path) -> None:
    with pytest.raises(ModelLoadError, match=r"MLflow alone loads this model .* has no MLflow: build an image with"):
        Saved("sklearn", "m", saved / "code").load()


@pytest.mark.parametrize("version", VERSIONS)
def test_code_of_a_user_runs_where_mlflow_is(version: str, tmp_path: Path) -> None:
    saved, python = folders(version), venv.apart(VERSIONS[version])
    words = [python, HERE / "mlflow_folders" / "ask.py", saved / "code", saved / "code.json"]
    # MLflow makes a folder mlruns where it is called.
    where: dict[str, Any] = {"cwd": tmp_path, "env": {"PYTHONPATH": str(SERVING)}}
    ended = subprocess.run(words, **where, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


def test_columns(tmp_path: Path) -> None:
    found = folder_of(written(tmp_path / "run" / "model", COLUMNS).parents[1]).signature
    assert found == Signature(
        columns=(
            Column("amount", Kind.NUMBER),
            Column("hour", Kind.INTEGER, required=False),
            Column("plan", Kind.STRING),
            Column("at", Kind.DATETIME),
        ),
        named=True,
    )


def test_a_tensor(tmp_path: Path) -> None:
    found = folder_of(written(tmp_path, TENSOR)).signature
    assert found == Signature(columns=None, tensors=(Tensor("input", np.dtype(np.float32), (2, None)),))


@pytest.mark.parametrize(
    "inputs",
    [
        "null",
        "[]",
        "[1]",
        '[{"type": "long"}, {"type": "long"}]',  # columns without names
        '[{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [8, 2]}}]',
        '[{"type": "tensor", "tensor-spec": {"dtype": "str", "shape": [-1, 2]}}]',
        '[{"type": "tensor", "tensor-spec": {"dtype": "bfloat16", "shape": [-1, 2]}}]',
        '[{"type": {"type": "array"}, "name": "x"}]',
        '[{"type": "tensor", "tensor-spec": "float32"}]',
    ],
)
def test_what_rows_cannot_be_checked_against_is_left(tmp_path: Path, inputs: str) -> None:
    text = f"flavors: {{sklearn: {{}}}}\nsignature:\n  inputs: '{inputs}'\n"
    assert folder_of(written(tmp_path, text)).signature is None


@pytest.mark.parametrize(
    ("example", "rows"),
    [
        ({"dataframe_split": {"columns": ["a", "b"], "data": [[1, 2]]}}, [{"a": 1, "b": 2}]),
        ({"dataframe_split": {"columns": [0, 1], "data": [[1, 2]]}}, [[1, 2]]),
        ({"dataframe_records": [{"a": 1}]}, [{"a": 1}]),
        ({"columns": ["a"], "data": [[1], [2]]}, [{"a": 1}, {"a": 2}]),
        ({"inputs": [[1, 2]], "params": {"t": 1}}, [[1, 2]]),
        ({"inputs": {"ids": [[1, 2], [3, 4]], "age": [5, 6]}}, [{"ids": [1, 2], "age": 5}, {"ids": [3, 4], "age": 6}]),
        ({"instances": [[1]]}, [[1]]),
        ([[1, 2]], [[1, 2]]),
        ({"messages": [{"role": "user", "content": "hello"}]}, None),
        ({"inputs": "hello"}, None),
        ("hello", None),
    ],
)
def test_examples_of_every_version(tmp_path: Path, example: Any, rows: Any) -> None:
    folder = written(tmp_path, "flavors: {sklearn: {}}\nsaved_input_example_info: {artifact_path: example.json}\n")
    (folder / "example.json").write_text(json.dumps(example))
    assert folder_of(folder).example == rows


def test_a_folder_without_an_example(tmp_path: Path) -> None:
    assert folder_of(written(tmp_path, COLUMNS)).example is None


@pytest.mark.parametrize(
    ("text", "framework", "words"),
    [
        (COLUMNS, "onnx", "not of framework 'onnx'; its flavors: sklearn"),
        ("flavors: {onnx: {}, python_function: {}, spark: {}}", "sklearn", "its flavors: onnx, spark"),
        (
            "flavors: {prophet: {}, python_function: {loader_module: mlflow.prophet}}",
            "sklearn",
            "MLflow alone loads this",
        ),
        (
            "flavors: {python_function: {loader_module: mlflow.xgboost, data: model.ubj}}",
            "sklearn",
            "its flavors: xgboost",
        ),
        ("flavors: {pytorch: {}}", "sklearn", "its flavors: pytorch"),
        (COLUMNS, "sklearn", r"MLmodel names 'model\.pkl', which is not in the folder"),
        ("flavors: {sklearn: {}}", "sklearn", "MLmodel names no file of the flavor sklearn: its 'pickled_model' is"),
        ("]", "sklearn", "MLmodel cannot be read"),
        ("text", "sklearn", "MLmodel cannot be read"),
        ("flavors: [sklearn]", "sklearn", "MLmodel cannot be read"),
        ("flavors: {sklearn: {}}\nsignature: text", "sklearn", "MLmodel cannot be read"),
        ("flavors: {sklearn: {}}\nsaved_input_example_info: [1]", "sklearn", "MLmodel cannot be read"),
        ("flavors: {}", "sklearn", "its flavors: none"),
        ("flavors: {python_function: {loader_module: mine}}", "fortran", "framework 'fortran' is not known"),
    ],
)
def test_another_flavor_and_a_broken_file_are_named(tmp_path: Path, text: str, framework: str, words: str) -> None:
    with pytest.raises(ModelLoadError, match=words):
        Saved(framework, "m", written(tmp_path, text)).load()


def test_a_broken_signature_is_named(tmp_path: Path) -> None:
    folder = folder_of(written(tmp_path, "flavors: {sklearn: {}}\nsignature: {inputs: '{'}"))
    with pytest.raises(ModelLoadError, match="MLmodel of the MLflow folder is not JSON"):
        _ = folder.signature


def test_python_function_names_the_file_of_the_flavor_that_loads_it(tmp_path: Path) -> None:
    text = "flavors: {python_function: {loader_module: mlflow.sklearn, model_path: kept.bin}}"
    joblib.dump(LogisticRegression().fit([[1.0], [2.0]], [0, 1]), written(tmp_path, text) / "kept.bin")
    assert Saved("sklearn", "m", tmp_path).load().signature.columns == (Column("0", Kind.NUMBER),)


@pytest.mark.parametrize("name", ["model.pt2", "model.pth"])
def test_the_folder_of_a_pytorch_model_is_named(tmp_path: Path, name: str) -> None:
    folder = written(tmp_path, "flavors: {python_function: {}, pytorch: {model_data: data, pytorch_version: '2.6'}}")
    (folder / "data").mkdir()
    for file in (name, "pickle_module_info.txt"):
        (folder / "data" / file).touch()
    assert folder_of(folder).model("torch") == folder / "data"


def test_no_folder_of_mlflow(tmp_path: Path) -> None:
    (tmp_path / "model.joblib").touch()
    assert read_folder(tmp_path) is None
    assert read_folder(tmp_path / "model.joblib") is None


class Opaque:
    """An estimator that does not say what it takes."""

    def predict(self, rows: Any) -> Any:
        return np.zeros(len(rows))


def test_what_the_model_says_itself_counts_more(tmp_path: Path) -> None:
    folder = written(tmp_path, COLUMNS)
    joblib.dump(LogisticRegression().fit([[1.0], [2.0]], [0, 1]), folder / "model.pkl")
    assert Saved("sklearn", "m", folder).load().signature.columns == (Column("0", Kind.NUMBER),)
    joblib.dump(Opaque(), folder / "model.pkl")
    loaded = Saved("sklearn", "m", folder).load().signature
    assert loaded.columns is not None
    assert [column.name for column in loaded.columns] == ["amount", "hour", "plan", "at"]
