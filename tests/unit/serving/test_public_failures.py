"""Failures that users of model servers have reported in public, and what keeps each from coming back."""

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from unit.serving.zoo import ZOO

TESTS = Path(__file__).parents[2]
UNIT, IN_IMAGE = "unit/serving/", "in_image/"


@dataclass(frozen=True, slots=True)
class Failure:
    """What somebody met elsewhere.

    Attributes:
        what: in a few words.
        reports: issues, one of several where there are more.
        models: those of the zoo that would show it, by each protocol, alone and in company.
        tests: those that would show it, as `module::test`; modules are in this folder, or in `in_image`.
    """

    what: str
    reports: tuple[str, ...]
    models: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()


FAILURES = (
    Failure(
        "a stranger's null changes an answer",
        ("mlflow/mlflow#4827", "SeldonIO/MLServer#630"),
        ("grade_one_hot", "alcohol_one_hot", "columns_mixed"),
        ("test_zoo::test_in_any_company",),
    ),
    Failure(
        "a missing text changes an answer",
        ("mlflow/mlflow#4827", "SeldonIO/MLServer#1747"),
        ("text_imputed", "text_one_hot", "text_target", "text_ordinal", "meta_voting", "meta_stacking", "meta_grid"),
    ),
    Failure(
        "texts below a meta-estimator are taken for rows",
        ("scikit-learn/scikit-learn#8710", "kserve/kserve#1972"),
        ("texts_calibrated", "texts_voting", "texts_one_vs_rest", "texts_union", "texts_calibrated_grid"),
    ),
    Failure("several labels become one", ("dmlc/xgboost#7521",), ("xgboost_several_labels", "meta_several_labels")),
    Failure(
        "large ids lose digits",
        ("tensorflow/serving#1332", "mlflow/mlflow#2788"),
        ("maker_one_hot", "maker_ordinal", "onnx_ids"),
    ),
    Failure(
        "a fraction or a null becomes another whole number", ("onnx/sklearn-onnx#926",), ("onnx_columns", "onnx_ids")
    ),
    Failure(
        "what MLflow saves today is not found",
        ("mlflow/mlflow#18759", "SeldonIO/MLServer#1676"),
        tests=(
            "test_mlflow::test_what_mlflow_saved_answers_as_mlflow_does",
            "test_skops::test_requirements_are_no_model_of_lightgbm",
        ),
    ),
    Failure(
        "a folder of MLflow's for PyTorch is not looked into",
        ("kserve/kserve#4341", "SeldonIO/MLServer#272"),
        tests=(
            "test_mlflow::test_the_folder_of_a_pytorch_model_is_named",
            "in_image/test_torch::test_the_folder_that_mlflow_writes",
        ),
    ),
    Failure(
        "an old pickle is ready and answers nobody",
        ("microsoft/FLAML#740", "scikit-learn/scikit-learn#30062"),
        tests=(
            "test_trial::test_a_model_that_cannot_answer_is_not_loaded",
            "test_trial::test_another_version_is_said_first_where_the_model_cannot_be_served",
            "test_trial::test_versions_are_read_without_unpickling",
        ),
    ),
    Failure("a lone null is refused", ("SeldonIO/MLServer#630",), ("lightgbm_pickled", "xgboost_pickled")),
    Failure(
        "columns of categories are refused or guessed",
        ("lightgbm-org/LightGBM#5244", "kserve/kserve#2208", "mlflow/mlflow#12910"),
        (
            "lightgbm_categories",
            "lightgbm_code_besides",
            "lightgbm_constant_category",
            "lightgbm_pickled_categories",
            "xgboost_categories",
            "xgboost_pickled_categories",
        ),
    ),
    Failure(
        "names with spaces are other names",
        ("lightgbm-org/LightGBM#2165", "kserve/kserve#3221"),
        ("lightgbm_names_with_spaces",),
    ),
    Failure(
        "dates are texts",
        ("mlflow/mlflow#4241", "mlflow/mlflow#6211"),
        tests=(
            "test_mlflow::test_what_mlflow_saved_answers_as_mlflow_does",
            "test_mlflow::test_the_types_of_a_real_signature",
        ),
    ),
    Failure(
        "outputs lose the names of the file",
        ("kserve/modelmesh-serving#333", "tensorflow/serving#1766"),
        tests=("test_trial::test_outputs_of_onnx_are_asked_for_by_their_own_names",),
    ),
    Failure(
        "metadata tells another type than is answered",
        ("tensorflow/serving#1208", "SeldonIO/MLServer#145"),
        tests=("test_zoo::test_metadata_is_what_is_answered",),
    ),
    Failure(
        "a program exported by keyword blames its callers",
        ("pytorch/pytorch#105337",),
        tests=("in_image/test_torch_signatures::test_a_program_is_called_as_it_was_exported",),
    ),
    Failure(
        "answers that can never be given",
        ("SeldonIO/seldon-core#5165", "scikit-multilearn/scikit-multilearn#52"),
        ("texts_sparse_labels",),
        (
            "test_trial::test_an_output_that_answers_cannot_have_is_refused",
            "test_trial::test_a_sequence_is_no_output",
            "in_image/test_torch_signatures::test_a_script_that_answers_a_dict_is_refused_before_it_is_asked",
            "in_image/test_torch_signatures::test_a_script_takes_what_its_weights_are_as_precise_as",
        ),
    ),
    Failure("rows that are objects", ("scikit-learn/scikit-learn#17546",), ("objects", "objects_of_members")),
    Failure("null for a vectorizer", ("mlflow/mlflow#4827",), ("texts_words", "texts_union")),
    Failure("rows counted from a cut", (), tests=("test_batching::test_an_error_counts_rows_as_the_request_does",)),
    Failure(
        "a column that was dropped is blamed",
        (),
        ("columns_dropped",),
        ("test_predictor::test_a_missing_value_is_named",),
    ),
    Failure(
        "packed bodies are not understood",
        ("tensorflow/serving#1091", "triton-inference-server/server#2021"),
        tests=("test_bodies::test_a_packed_body", "test_conformance::test_packed_requests"),
    ),
    Failure(
        "clients of KServe are turned away",
        ("kserve/kserve#3221", "googleapis/python-aiplatform#793"),
        tests=(
            "test_http::test_what_clients_of_kserve_ask_first",
            "test_http::test_predict_requests_of_clients_of_other_servers",
            "test_clients::test_a_client_of_another_server_works_unchanged",
        ),
    ),
    Failure(
        "weights as trainers keep them",
        ("ray-project/ray#28403", "pytorch/pytorch#9176"),
        tests=(
            "test_weights::test_weights_as_trainers_keep_them",
            "in_image/test_torch::test_weights_as_trainers_keep_them",
        ),
    ),
    Failure("safetensors", (), tests=("in_image/test_torch::test_weights_of_safetensors",)),
    Failure(
        "as many threads as the node has cores",
        ("microsoft/onnxruntime#29510", "triton-inference-server/onnxruntime_backend#245"),
        tests=("test_threads::test_onnx", "test_threads::test_lightgbm", "test_threads::test_xgboost"),
    ),
    Failure(
        "files as people name them",
        ("kserve/kserve#1606",),
        tests=(
            "test_skops::test_a_pickle_as_people_name_it_beside_a_text",
            "test_skops::test_a_booster_as_mlflow_names_it",
        ),
    ),
    Failure(
        "one row waits for a large request",
        ("triton-inference-server/server#8094",),
        tests=("test_batching::test_small_requests_pass_between_the_parts_of_a_large_one",),
    ),
)


@cache
def names_in(module: str) -> set[str]:
    where = TESTS / (module if module.startswith(IN_IMAGE) else UNIT + module)
    tree = ast.parse(where.with_suffix(".py").read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.what)
def test_what_is_reported_elsewhere_is_proven_here(failure: Failure) -> None:
    assert failure.models or failure.tests
    assert set(failure.models) <= set(ZOO)
    for proof in failure.tests:
        module, test = proof.split("::")
        assert test in names_in(module), proof
