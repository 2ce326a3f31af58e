"""Ready means that the model has answered, and versions of pickles are named before anything else."""

import pickle
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
from onnx import TensorProto, helper
from skl2onnx import to_onnx
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from eagleray_serving.app import Saved, parse_warmup
from eagleray_serving.errors import ModelLoadError
from eagleray_serving.frameworks.pickle_versions import version_in
from eagleray_serving.protocols import v2

NUMBERS = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 2.0]])
OLD = b"0.1." + sklearn.__version__.encode()[4:]  # as long as the installed one, so that the pickle stays whole


class Broken(LinearRegression):  # type: ignore[misc]
    """Is fitted, and raises what it was told to."""

    error: Any = None

    def predict(self, _values: Any) -> Any:
        raise self.error


def broken(error: Exception) -> Any:
    """A pipeline whose last step raises."""
    pipeline = make_pipeline(SimpleImputer(), Broken()).fit(NUMBERS, [1, 2, 3])
    pipeline[-1].error = error
    return pipeline


def saved(estimator: Any, folder: Path, name: str = "model.joblib", compress: Any = 0) -> Path:
    joblib.dump(estimator, folder / name, compress=compress)
    return folder / name


def load(folder: Path, warmup: list[Any] | None = None) -> Any:
    return Saved("sklearn", "m", folder, warmup=warmup).load()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            AttributeError("no attribute '_fit_dtype'"),
            "the model cannot answer: AttributeError: no attribute '_fit_dtype'",
        ),
        (RuntimeError("out of tune\nmore"), "the model cannot answer: RuntimeError: out of tune"),
    ],
)
def test_a_model_that_cannot_answer_is_not_loaded(error: Exception, words: str, tmp_path: Path) -> None:
    saved(broken(error), tmp_path)
    with pytest.raises(ModelLoadError) as caught:
        load(tmp_path)
    assert str(caught.value) == words


class Shops(CountVectorizer):  # type: ignore[misc]
    """Refuses a text that it does not know."""

    def transform(self, texts: Any) -> Any:
        if "a text" in texts:
            raise ValueError("no such shop")
        return super().transform(texts)


def test_a_made_up_text_that_the_model_refuses_is_a_warning_and_the_users_stop_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    saved(make_pipeline(Shops(), LinearRegression()).fit(["north", "south", "south east"], [1, 2, 3]), tmp_path)
    load(tmp_path)
    assert "refused a made-up row" in caplog.text
    with pytest.raises(ModelLoadError, match="cannot answer: ValueError: no such shop"):
        load(tmp_path, ["a text"])


def test_a_model_that_refuses_numbers_of_every_kind_is_not_loaded(tmp_path: Path) -> None:
    """It cannot answer its users either: its steps were not fitted together."""
    pipeline = make_pipeline(StandardScaler(), LogisticRegression()).fit(NUMBERS, [0, 1, 1])
    pipeline.steps[0] = ("standardscaler", StandardScaler().fit(NUMBERS[:, :1]))
    saved(pipeline, tmp_path)
    with pytest.raises(ModelLoadError, match="X has 1 features, but LogisticRegression is expecting 2"):
        load(tmp_path)


@pytest.mark.parametrize("refused", [{1.0}, {1.0, 0.0}])
def test_a_model_that_answers_one_of_some_made_up_rows_is_loaded(refused: set[float], tmp_path: Path) -> None:
    pipeline = make_pipeline(FunctionTransformer(refuse, kw_args={"refused": refused}), LinearRegression())
    saved(pipeline.fit(pd.DataFrame({"a": [2.0, 3.0], "b": [4.0, 5.0]}), [1, 2]), tmp_path)
    assert load(tmp_path).outputs[0].shape == ()


def refuse(values: Any, refused: set[float]) -> Any:
    if refused & set(np.asarray(values).ravel()):
        raise ValueError("out of range")
    return values


def test_an_example_that_does_not_fit_is_named(tmp_path: Path) -> None:
    saved(make_pipeline(SimpleImputer(), LinearRegression()).fit(NUMBERS, [1, 2, 3]), tmp_path)
    with pytest.raises(ModelLoadError, match=r"example does not fit .*row 0: expected 2 values, got 3"):
        load(tmp_path, [[1, 2, 3]])


def test_a_row_that_depends_on_its_company_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    class Ranks(LinearRegression):  # type: ignore[misc]
        def predict(self, values: Any) -> Any:
            return np.full(len(values), float(len(values)))

    globals()["Ranks"] = Ranks
    Ranks.__qualname__ = "Ranks"
    saved(Ranks().fit(NUMBERS, [1, 2, 3]), tmp_path)
    load(tmp_path)
    assert "answers a row otherwise where another is beside it" in caplog.text


def test_warmup_is_a_list_of_rows() -> None:
    assert parse_warmup(None) is None
    assert parse_warmup([[1]]) == [[1]]
    with pytest.raises(ModelLoadError, match="warmup is a list of rows"):
        parse_warmup({"instances": []})


def old(file: Path) -> None:
    """Have a pickle say that a version of long ago wrote it."""
    file.write_bytes(file.read_bytes().replace(sklearn.__version__.encode(), OLD))


@pytest.mark.parametrize("compress", [0, 3, ("gzip", 3), ("bz2", 3), ("xz", 3), ("lzma", 3)])
def test_versions_are_read_without_unpickling(compress: Any, tmp_path: Path) -> None:
    file = saved(
        make_pipeline(SimpleImputer(), LinearRegression()).fit(NUMBERS, [1, 2, 3]), tmp_path, compress=compress
    )
    assert version_in(file) == sklearn.__version__


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_versions_of_each_protocol(protocol: int, tmp_path: Path) -> None:
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(LinearRegression().fit(NUMBERS, [1, 2, 3]), protocol))
    assert version_in(tmp_path / "model.pkl") == sklearn.__version__


@pytest.mark.parametrize("content", [b"", b"no pickle", b"_sklearn_version", b"x\x9c broken", b"\x1f\x8b\x08 broken"])
def test_what_has_no_version_tells_none(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "model.pkl").write_bytes(content)
    assert version_in(tmp_path / "model.pkl") is None


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.InconsistentVersionWarning")
def test_another_version_is_said_first_where_the_model_cannot_be_served(tmp_path: Path) -> None:
    old(saved(broken(AttributeError("no attribute '_fit_dtype'")), tmp_path))
    said = f"^model.joblib was written by scikit-learn {OLD.decode()}, and this image has {sklearn.__version__}; build"
    with pytest.raises(ModelLoadError, match=said):
        load(tmp_path)
    file = saved(make_pipeline(LogisticRegression()).fit(NUMBERS, [1, 2, 1]), tmp_path)
    old(file)
    file.write_bytes(file.read_bytes().replace(b"sklearn.linear_model._logistic", b"sklearn.linear_model._gonelong"))
    with pytest.raises(ModelLoadError, match=f"{said}.*_gonelong"):
        load(tmp_path)


@pytest.fixture
def classifier(tmp_path: Path) -> Any:
    model = LogisticRegression()
    content = to_onnx(
        model.fit(NUMBERS, [0, 1, 1]), NUMBERS[:1].astype(np.float32), options={id(model): {"zipmap": False}}
    )
    (tmp_path / "model.onnx").write_bytes(content.SerializeToString())
    return Saved("onnx", "m", tmp_path).load()


def test_outputs_of_onnx_are_asked_for_by_their_own_names(classifier: Any) -> None:
    tensor = b'{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]}'
    body = b'{"inputs": [%s], "outputs": [{"name": "label"}]}' % tensor
    request = v2.parse_infer(body, classifier.signature, classifier.names, None, classifier.own_names)
    told, _ = v2.infer_response("m", classifier.answer(request.rows), request)
    assert [(output["name"], output["datatype"]) for output in told["outputs"]] == [("label", "INT64")]


@pytest.mark.parametrize("kind", [TensorProto.BFLOAT16, TensorProto.COMPLEX64])
def test_an_output_that_answers_cannot_have_is_refused(kind: int, tmp_path: Path) -> None:
    taken = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 2])
    given = helper.make_tensor_value_info("y", kind, ["rows", 2])
    graph = helper.make_graph([helper.make_node("Cast", ["x"], ["y"], to=kind)], "g", [taken], [given])
    whole: Any = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    (tmp_path / "model.onnx").write_bytes(whole.SerializeToString())
    with pytest.raises(ModelLoadError):
        Saved("onnx", "m", tmp_path).load()


def test_a_sequence_is_no_output(tmp_path: Path) -> None:
    taken = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 2])
    given = helper.make_tensor_sequence_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph([helper.make_node("SequenceConstruct", ["x"], ["y"])], "g", [taken], [given])
    whole: Any = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    (tmp_path / "model.onnx").write_bytes(whole.SerializeToString())
    with pytest.raises(ModelLoadError, match="output 'y' is a seq"):
        Saved("onnx", "m", tmp_path).load()
