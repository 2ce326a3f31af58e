"""Triton's own client against the model server over HTTP: what it sends is understood, and what it reads is right."""

from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper
from tritonclient.http import InferInput, InferRequestedOutput
from tritonclient.http.aio import InferenceServerClient
from tritonclient.utils import InferenceServerException

from eagleray_serving.answers import AnsweringModel, Output
from eagleray_serving.frameworks import load_model
from eagleray_serving.http import build_http
from eagleray_serving.service import Batching, Service
from fakes.asgi_server import serving
from unit.serving.graphs import two_of_each

IMAGES = np.random.default_rng(2).normal(size=(3, 2, 4)).astype(np.float32)


async def serve(service: Service) -> AsyncIterator[InferenceServerClient]:
    """The server on a port of its own, and the client."""
    async with serving(build_http(service)) as port, InferenceServerClient(f"127.0.0.1:{port}") as client:
        yield client
    await service.close()


@pytest.fixture
async def images(tmp_path: Path) -> AsyncIterator[InferenceServerClient]:
    """A network that answers each image's values in one row."""
    taken = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 2, 4])
    given = helper.make_tensor_value_info("flat", TensorProto.FLOAT, ["n", 8])
    graph = helper.make_graph([helper.make_node("Flatten", ["image"], ["flat"])], "g", [taken], [given])
    whole: Any = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    (tmp_path / "model.onnx").write_bytes(whole.SerializeToString())
    model = AnsweringModel(load_model("onnx", tmp_path), Output.LABELS)
    async for client in serve(Service("images", "onnx", model, Batching(8, 0.0))):
        yield client


@pytest.fixture
async def several(tmp_path: Path) -> AsyncIterator[InferenceServerClient]:
    """A network with two tensors in and two out."""
    (tmp_path / "model.onnx").write_bytes(two_of_each().SerializeToString())
    model = AnsweringModel(load_model("onnx", tmp_path), Output.LABELS)
    async for client in serve(Service("several", "onnx", model, Batching(8, 0.0))):
        yield client


@pytest.fixture
async def customers(churn_file: Path) -> AsyncIterator[InferenceServerClient]:
    """The churn pipeline, which takes columns of numbers and of text."""
    model = AnsweringModel(load_model("sklearn", churn_file), Output.BOTH)
    async for client in serve(Service("churn", "sklearn", model, Batching(8, 0.0))):
        yield client


@pytest.fixture
def churn_rows(churn_example: ModuleType, churn: Any) -> tuple[Any, Any]:
    """Customers whose every value is known, and the estimator."""
    return churn_example.make_customers(20, seed=3).dropna(), churn


def tensor(name: str, values: Any, datatype: str, *, binary: bool) -> InferInput:
    found = InferInput(name, list(values.shape), datatype)
    found.set_data_from_numpy(values, binary_data=binary)
    return found


async def test_health_and_metadata(images: InferenceServerClient) -> None:
    assert await images.is_server_live()
    assert await images.is_server_ready()
    assert await images.is_model_ready("images")
    assert "binary_tensor_data" in (await images.get_server_metadata())["extensions"]
    told = await images.get_model_metadata("images")
    assert told["inputs"] == [{"name": "image", "datatype": "FP32", "shape": [-1, 2, 4]}]


@pytest.mark.parametrize("sent", [True, False])
@pytest.mark.parametrize("received", [True, False])
async def test_tensors_of_numbers(images: InferenceServerClient, *, sent: bool, received: bool) -> None:
    outputs = [InferRequestedOutput("predict", binary_data=received)]
    inputs = [tensor("image", IMAGES, "FP32", binary=sent)]
    answer = await images.infer("images", inputs, outputs=outputs, request_id="7")
    assert answer.get_response()["id"] == "7"
    assert answer.as_numpy("predict").dtype == np.float32
    assert np.array_equal(answer.as_numpy("predict"), IMAGES.reshape(3, 8))


@pytest.mark.parametrize("sent", [True, False])
async def test_several_tensors_in_and_out(several: InferenceServerClient, *, sent: bool) -> None:
    image, bias = IMAGES[:, :, :2], np.array([0.5, -1, 2])
    inputs = [tensor("bias", bias, "FP64", binary=sent), tensor("image", image, "FP32", binary=sent)]
    answer = await several.infer("several", inputs)
    assert np.allclose(answer.as_numpy("sum"), image.sum(axis=(1, 2)) + bias)
    assert np.array_equal(answer.as_numpy("same"), image)
    picked = await several.infer("several", inputs, outputs=[InferRequestedOutput("sum")])
    assert [output["name"] for output in picked.get_response()["outputs"]] == ["sum"]


@pytest.mark.parametrize("sent", [True, False])
async def test_columns_of_numbers_and_text_and_every_output(
    customers: InferenceServerClient, churn_rows: Any, *, sent: bool
) -> None:
    rows, expected = churn_rows
    inputs = []
    for name in rows.columns:
        values = rows[name].to_numpy()
        text = values.dtype.kind == "O" or not np.issubdtype(rows[name].dtype, np.number)
        column = values.astype(np.object_) if text else values.astype(np.float64)
        inputs.append(tensor(name, column, "BYTES" if text else "FP64", binary=sent))
    answer = await customers.infer("churn", inputs)
    assert [label.decode() for label in answer.as_numpy("predict")] == expected.predict(rows).tolist()
    assert np.allclose(answer.as_numpy("predict_proba"), expected.predict_proba(rows))


@pytest.mark.parametrize("packed", ["gzip", "deflate"])
@pytest.mark.parametrize("sent", [True, False])
async def test_packed_requests(images: InferenceServerClient, *, sent: bool, packed: str) -> None:
    inputs = [tensor("image", IMAGES, "FP32", binary=sent)]
    answer = await images.infer("images", inputs, request_compression_algorithm=packed)
    assert np.array_equal(answer.as_numpy("predict"), IMAGES.reshape(3, 8))


async def test_the_version_that_metadata_tells(images: InferenceServerClient) -> None:
    (version,) = (await images.get_model_metadata("images"))["versions"]
    assert await images.is_model_ready("images", model_version=version)
    inputs = [tensor("image", IMAGES, "FP32", binary=True)]
    answer = await images.infer("images", inputs, model_version=version)
    assert np.array_equal(answer.as_numpy("predict"), IMAGES.reshape(3, 8))
    with pytest.raises(InferenceServerException, match="model 'images' has no version '2': leave it out, or ask for"):
        await images.infer("images", inputs, model_version="2")


async def test_the_best_classes_are_not_answered_in_silence(images: InferenceServerClient) -> None:
    outputs = [InferRequestedOutput("predict", class_count=2)]
    with pytest.raises(InferenceServerException, match=r"classification \(class_count\) is not answered; ask for the"):
        await images.infer("images", [tensor("image", IMAGES, "FP32", binary=True)], outputs=outputs)


async def test_what_is_refused_is_an_error_there(images: InferenceServerClient) -> None:
    with pytest.raises(InferenceServerException, match=r"'image': expected shape \[rows, 2, 4\], got \[3, 2, 3\]"):
        await images.infer("images", [tensor("image", IMAGES[:, :, :3], "FP32", binary=True)])
