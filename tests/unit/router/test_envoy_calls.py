"""gRPC calls of the Open Inference Protocol, by Triton's own client through a real Envoy to the model server."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from tritonclient.grpc import InferInput, InferRequestedOutput, service_pb2, service_pb2_grpc
from tritonclient.grpc.aio import InferenceServerClient
from tritonclient.utils import InferenceServerException

from eagleray_serving.answers import AnsweringModel, Output
from eagleray_serving.frameworks import load_model
from eagleray_serving.http import build_http
from eagleray_serving.service import Batching, Service
from fakes.asgi_server import serving
from unit.router.envoy_rig import Rig, Router, routed, target
from unit.serving.graphs import two_of_each

IMAGES = np.random.default_rng(2).normal(size=(3, 2, 2)).astype(np.float32)
BIAS = np.array([0.5, -1, 2])


async def healthy(_request: Request) -> Response:
    """What Serve answers for a replica."""
    return Response()


@contextlib.asynccontextmanager
async def model_server(folder: Path) -> AsyncIterator[int]:
    """A network with two tensors in and two out; yields its port."""
    (folder / "model.onnx").write_bytes(two_of_each().SerializeToString())
    model = AnsweringModel(load_model("onnx", folder), Output.LABELS)
    service = Service("several", "onnx", model, Batching())
    app = Starlette(routes=[Route("/-/healthz", healthy), Mount("/", build_http(service))])
    async with serving(app) as port:
        yield port
    await service.close()


@pytest.fixture
async def router(rig: Rig, tmp_path: Path) -> AsyncIterator[Router]:
    """A router to the network, and to a revision without share whose replica is none of ours."""
    other = await rig.replica()
    async with model_server(tmp_path) as port:
        targets = {target("m-a", ports=(port,)): 100, target("m-b", other): 0}
        found = await rig.router(routed(targets, logged_percent=0))
        await found.until_answering("m-a", "m-b")
        yield found


@pytest.fixture
async def client(router: Router) -> AsyncIterator[InferenceServerClient]:
    async with InferenceServerClient(router.url.removeprefix("http://")) as found:
        yield found


@pytest.fixture
async def stub(router: Router) -> AsyncIterator[Any]:
    """For what the client does not send."""
    async with grpc.aio.insecure_channel(router.url.removeprefix("http://")) as channel:
        yield service_pb2_grpc.GRPCInferenceServiceStub(channel)


def tensors(image: Any = IMAGES) -> list[InferInput]:
    bias = InferInput("bias", [3], "FP64")
    bias.set_data_from_numpy(BIAS)
    images = InferInput("image", list(image.shape), "FP32")
    images.set_data_from_numpy(image)
    return [bias, images]


def typed(**changes: Any) -> Any:
    """The same request with its values in typed fields."""
    request = service_pb2.ModelInferRequest(model_name="several", **changes)
    bias = request.inputs.add(name="bias", datatype="FP64", shape=[3])
    bias.contents.fp64_contents.extend(BIAS)
    image = request.inputs.add(name="image", datatype="FP32", shape=[3, 2, 2])
    image.contents.fp32_contents.extend(IMAGES.reshape(-1))
    return request


async def refused(call: Any) -> tuple[str, str]:
    """Status and message of a call that fails."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value.code().name, caught.value.details() or ""


async def test_health_and_metadata_are_those_of_http(client: InferenceServerClient, router: Router) -> None:
    assert await client.is_server_live()
    assert await client.is_server_ready()
    assert await client.is_model_ready("several")
    assert (await client.get_server_metadata()).name == "eagleray"
    told = await client.get_model_metadata("several", as_json=True)
    over_http = (await router.ask("/v2/models/several", "GET")).json
    assert [(t["name"], t["datatype"], list(map(int, t["shape"]))) for t in told["inputs"]] == [
        (t["name"], t["datatype"], t["shape"]) for t in over_http["inputs"]
    ]
    assert [t["name"] for t in told["outputs"]] == ["sum", "same"]


async def test_raw_tensors(client: InferenceServerClient) -> None:
    answer = await client.infer("several", tensors(), request_id="7")
    assert answer.get_response().id == "7"
    assert np.allclose(answer.as_numpy("sum"), IMAGES.sum(axis=(1, 2)) + BIAS)
    assert np.array_equal(answer.as_numpy("same"), IMAGES)
    picked = await client.infer("several", tensors(), outputs=[InferRequestedOutput("sum")])
    assert [output.name for output in picked.get_response().outputs] == ["sum"]


async def test_values_in_typed_fields(stub: Any) -> None:
    answer = await stub.ModelInfer(typed())
    found = {output.name: raw for output, raw in zip(answer.outputs, answer.raw_output_contents, strict=True)}
    assert np.array_equal(np.frombuffer(found["same"], np.float32).reshape(3, 2, 2), IMAGES)


async def test_many_at_once(client: InferenceServerClient) -> None:
    rows = np.random.default_rng(3).normal(size=(200, 3, 2, 2)).astype(np.float32)
    answers = await asyncio.gather(*(client.infer("several", tensors(each)) for each in rows))
    assert all(np.array_equal(a.as_numpy("same"), each) for a, each in zip(answers, rows, strict=True))


async def test_a_call_of_several_megabytes(stub: Any) -> None:
    rows = 300_000
    request = service_pb2.ModelInferRequest(model_name="several")
    request.inputs.add(name="bias", datatype="FP64", shape=[rows])
    request.inputs.add(name="image", datatype="FP32", shape=[rows, 2, 2])
    images = np.arange(rows * 4, dtype=np.float32)
    request.raw_input_contents.extend([np.zeros(rows).tobytes(), images.tobytes()])
    request.outputs.add(name="sum")
    answer = await stub.ModelInfer(request)
    sums = np.frombuffer(answer.raw_output_contents[0])
    assert np.allclose(sums, images.reshape(rows, 4).sum(axis=1))


async def test_metadata_picks_a_revision_and_none_is_lost(stub: Any) -> None:
    picked = stub.ModelInfer(typed(), metadata=(("x-eagleray-revision", "m-a"),))
    await picked
    assert dict(await picked.initial_metadata())["x-eagleray-revision"] == "m-a"
    status, message = await refused(stub.ModelInfer(typed(), metadata=(("x-eagleray-revision", "m-b"),)))
    assert (status, "application/json" in message) == ("UNKNOWN", True), "that replica answers in no protocol of ours"
    status, message = await refused(stub.ModelInfer(typed(), metadata=(("x-eagleray-revision", "m-c"),)))
    assert (status, "names no revision" in message) == ("UNIMPLEMENTED", True)


@pytest.mark.parametrize(
    ("changes", "status", "words"),
    [
        ({"model_version": "3"}, "NOT_FOUND", "model 'several' has no version '3': leave it out, or ask for '1'"),
        ({"raw_input_contents": [b"1234"]}, "INVALID_ARGUMENT", "there are 2 tensors and 1 of raw bytes"),
        (
            {"outputs": [{"name": "sum", "parameters": {"classification": {"int64_param": 2}}}]},
            "INVALID_ARGUMENT",
            "field 'outputs': classification (class_count) is not answered",
        ),
        ({"outputs": [{"name": "größe"}]}, "INVALID_ARGUMENT", "field 'outputs': the model's outputs are: sum, same"),
        (
            {"inputs": [{"name": "50 % größe", "datatype": "FP16", "shape": [1]}]},
            "INVALID_ARGUMENT",
            "field '50 % größe': values of FP16 are sent as raw_input_contents, or have another type",
        ),
        (
            {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1], "contents": {"int_contents": [1]}}]},
            "INVALID_ARGUMENT",
            "field 'x': values of FP32 are sent in fp32_contents",
        ),
        (
            {"inputs": [{"name": "x", "datatype": "BYTES", "shape": [1], "contents": {"bytes_contents": [b"\xff"]}}]},
            "INVALID_ARGUMENT",
            "row 0, field 'x': expected text in UTF-8",
        ),
        ({"inputs": [{"name": "bias", "datatype": "FP64", "shape": [-1]}]}, "INVALID_ARGUMENT", "field 'bias': shape"),
    ],
)
async def test_what_is_wrong_is_said(stub: Any, changes: dict[str, Any], status: str, words: str) -> None:
    found, message = await refused(stub.ModelInfer(typed(**changes)))
    assert (found, words in message) == (status, True), message


async def test_where_no_call_is_logged_one_that_failed_is(stub: Any, router: Router) -> None:
    await stub.ModelInfer(typed())
    await refused(stub.ModelInfer(typed(inputs=[{"name": "bias", "datatype": "FP64", "shape": [-1]}])))
    await router.stop()
    assert len(router.log.read_text().splitlines()) == 1


async def test_what_is_refused_is_an_error_in_the_client(client: InferenceServerClient) -> None:
    with pytest.raises(InferenceServerException, match=r"'image': expected shape \[rows, 2, 2\], got \[3, 2, 1\]"):
        await client.infer("several", tensors(IMAGES[:, :, :1]))
    with pytest.raises(InferenceServerException, match="model 'other' is not here") as caught:
        await client.infer("other", tensors())
    assert caught.value.status() == "StatusCode.NOT_FOUND"
    with pytest.raises(InferenceServerException, match="there is no method ModelConfig") as caught:
        await client.get_model_config("several")
    assert caught.value.status() == "StatusCode.UNIMPLEMENTED"


async def test_compressed_messages_are_refused_by_name(stub: Any) -> None:
    call = stub.ModelInfer(typed(), compression=grpc.Compression.Gzip)
    assert await refused(call) == ("UNIMPLEMENTED", "compressed messages are not taken; send them without compression")


async def test_no_call_is_lost_while_the_router_drains(rig: Rig, router: Router, stub: Any) -> None:
    """As its preStop hook begins: the one connection of a client is given up call by call, not cut."""
    await stub.ModelInfer(typed())
    before = await connections(rig, router)
    async with rig.session.post(f"http://127.0.0.1:{router.layout.admin_port}/healthcheck/fail") as answer:
        assert answer.status == 200
    for _ in range(5):
        await asyncio.gather(*(stub.ModelInfer(typed()) for _ in range(40)))
    assert await connections(rig, router) > before, "the client was told to take another connection"


async def connections(rig: Rig, router: Router) -> int:
    """Connections that the router ever took from clients."""
    name = "http.ingress.downstream_cx_http2_total"
    url = f"http://127.0.0.1:{router.layout.admin_port}/stats?filter=^{name}$"
    async with rig.session.get(url) as answer:
        return int((await answer.text()).rsplit(": ", 1)[1])


async def test_another_service_is_not_here(router: Router) -> None:
    async with grpc.aio.insecure_channel(router.url.removeprefix("http://")) as channel:
        status, message = await refused(channel.unary_unary("/grpc.health.v1.Health/Check")(b""))
    assert (status, "no such path" in message) == ("UNIMPLEMENTED", True)


async def test_without_a_replica_it_may_be_tried_again(rig: Rig) -> None:
    found = await rig.router(routed({target("m-a"): 100}))
    async with grpc.aio.insecure_channel(found.url.removeprefix("http://")) as channel:
        call = service_pb2_grpc.GRPCInferenceServiceStub(channel).ModelInfer(typed())
        status, message = await refused(call)
    assert (status, "NoHealthyReplica" in message) == ("UNAVAILABLE", True)
