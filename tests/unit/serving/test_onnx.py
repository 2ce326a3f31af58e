from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from onnx import TensorProto, helper
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from eagleray_serving.columns import Column, Kind, Missing
from eagleray_serving.errors import InvalidInputError, ModelLoadError
from eagleray_serving.frameworks import load_model
from eagleray_serving.rows import Rows, parse_rows
from eagleray_serving.tensors import Tensor
from unit.serving.asking import answers_of, probabilities_of
from unit.serving.graphs import two_of_each

RNG = np.random.default_rng(3)
NUMBERS = RNG.normal(size=(50, 3)).astype(np.float32)
LABELS = np.array(["no", "yes"])[(NUMBERS[:, 0] + NUMBERS[:, 1] > 0).astype(int)]


def saved(folder: Path, model: Any) -> Any:
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    return load_model("onnx", folder)


def graph(node: str, inputs: list[Any], output: Any, **attributes: Any) -> Any:
    made = helper.make_node(node, [i.name for i in inputs], [output.name], **attributes)
    whole = helper.make_graph([made], "g", inputs, [output])
    return helper.make_model(whole, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


@pytest.mark.parametrize("zipmap", [True, False])
def test_a_classifier_of_scikit_learn(tmp_path: Path, *, zipmap: bool) -> None:
    estimator = LogisticRegression().fit(NUMBERS, LABELS)
    model = saved(tmp_path, to_onnx(estimator, NUMBERS[:1], options={id(estimator): {"zipmap": zipmap}}))
    rows = parse_rows(NUMBERS.tolist(), model.signature)
    assert answers_of(model, rows).tolist() == estimator.predict(NUMBERS).tolist()
    assert np.allclose(probabilities_of(model, rows), estimator.predict_proba(NUMBERS), atol=1e-5)
    both = model.predict(rows, ["predict", "predict_proba"])
    assert both["predict"].tolist() == answers_of(model, rows).tolist()
    assert np.array_equal(both["predict_proba"], probabilities_of(model, rows))
    assert model.classes is not None
    assert model.classes.tolist() == ["no", "yes"]
    assert model.signature.numeric


def test_a_pipeline_over_columns(tmp_path: Path) -> None:
    frame = pd.DataFrame({"amount": NUMBERS[:, 0], "country": RNG.choice(["de", "fr"], 50).astype(object)})
    columns = ColumnTransformer([("n", StandardScaler(), ["amount"]), ("c", OneHotEncoder(), ["country"])])
    pipeline = make_pipeline(columns, LogisticRegression()).fit(frame, LABELS)
    types = [("amount", FloatTensorType([None, 1])), ("country", StringTensorType([None, 1]))]
    model = saved(tmp_path, to_onnx(pipeline, initial_types=types))
    country = Column("country", Kind.STRING, missing=Missing.REFUSED)
    assert model.signature.columns == (Column("amount", Kind.NUMBER, width=np.dtype(np.float32)), country)
    rows = parse_rows(frame.to_dict("records"), model.signature)
    assert answers_of(model, rows).tolist() == pipeline.predict(frame).tolist()
    assert np.allclose(probabilities_of(model, rows), pipeline.predict_proba(frame), atol=1e-5)
    with pytest.raises(ValueError, match="Unknown Category"):
        answers_of(model, parse_rows([{"amount": 1, "country": "xx"}], model.signature))


def test_a_regression(tmp_path: Path) -> None:
    estimator = LinearRegression().fit(NUMBERS, NUMBERS.sum(axis=1))
    model = saved(tmp_path, to_onnx(estimator, NUMBERS[:1]))
    assert model.classes is None
    found = answers_of(model, parse_rows(NUMBERS.tolist(), model.signature))
    assert np.allclose(found.ravel(), estimator.predict(NUMBERS), atol=1e-4)


@pytest.mark.parametrize(("element", "dtype"), [(TensorProto.FLOAT, np.float32), (TensorProto.UINT8, np.uint8)])
def test_rows_may_be_images(tmp_path: Path, element: int, dtype: Any) -> None:
    image = helper.make_tensor_value_info("image", element, ["n", 3, 4, 4])
    model = saved(tmp_path, graph("Flatten", [image], helper.make_tensor_value_info("flat", element, ["n", 48])))
    images = RNG.integers(0, 256, (2, 3, 4, 4))
    rows = parse_rows(images.tolist(), model.signature)
    assert rows.arrays[0].dtype == dtype
    assert answers_of(model, Rows.join([rows[:1], rows[1:]])).tolist() == images.reshape(2, 48).tolist()
    with pytest.raises(InvalidInputError, match=r"expected numbers of shape \[3, 4, 4\], got shape \[3, 4\]"):
        parse_rows([images[0, :, 0].tolist()], model.signature)


def test_inputs_and_outputs_that_rows_cannot_tell_are_refused(tmp_path: Path) -> None:
    text = helper.make_tensor_value_info("x", TensorProto.STRING, ["n", 2, 2])
    with pytest.raises(ModelLoadError, match=r"'x' is a tensor\(string\) of shape .*text is served as one column"):
        saved(tmp_path, graph("Identity", [text], helper.make_tensor_value_info("y", TensorProto.STRING, ["n", 2, 2])))
    scalar = helper.make_tensor_value_info("x", TensorProto.FLOAT, [])
    with pytest.raises(ModelLoadError, match=r"'x' is a tensor\(float\) of shape \[\]; its first axis must count"):
        saved(tmp_path, graph("Neg", [scalar], helper.make_tensor_value_info("y", TensorProto.FLOAT, [])))
    fixed = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4])
    with pytest.raises(ModelLoadError, match="'x' holds exactly 1 rows; export the model with"):
        saved(tmp_path, graph("Neg", [fixed], helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4])))
    wide = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4])
    halves = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [4, 2]) for name in ("left", "right")]
    node = helper.make_node("Split", ["x"], ["left", "right"], axis=1, num_outputs=2)
    parts = helper.make_model(
        helper.make_graph([node], "g", [wide], halves), opset_imports=[helper.make_opsetid("", 18)], ir_version=9
    )
    with pytest.raises(ModelLoadError, match=r"output 'left' is a tensor\(float\) of shape \[4, 2\]; .*counts rows"):
        saved(tmp_path, parts)


@pytest.mark.parametrize("content", [b"", b"\x00\xff\x80" * 99, b"tree"])
def test_what_is_no_model_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.onnx").write_bytes(content)
    with pytest.raises(ModelLoadError, match=r"model\.onnx is not a model that onnxruntime"):
        load_model("onnx", tmp_path)


def test_several_tensors_in_and_out(tmp_path: Path) -> None:
    model = saved(tmp_path, two_of_each())
    float32, float64 = np.dtype(np.float32), np.dtype(np.float64)
    assert model.signature.tensors == (Tensor("image", float32, (2, 2)), Tensor("bias", float64, ()))
    assert model.outputs == (Tensor("sum", float64, ()), Tensor("same", float32, (2, 2)))
    rows = parse_rows(
        [{"bias": 0.5, "image": [[1, 2], [3, 4]]}, {"image": [[0, 0], [0, 1]], "bias": -1}], model.signature
    )
    found = model.predict(Rows.join([rows[:1], rows[1:]]), ["sum", "same"])
    assert found["sum"].tolist() == [10.5, 0]
    assert found["same"].tolist() == [[[1, 2], [3, 4]], [[0, 0], [0, 1]]]
    assert list(model.predict(rows, ["same"])) == ["same"]
