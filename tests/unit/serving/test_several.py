"""A server of several models: by path, by call, in the index; and what loads and measures saved ones."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import joblib
import numpy as np
import pytest
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import LinearRegression
from tritonclient.http import InferInput
from tritonclient.http.aio import InferenceServerClient

from eagleray_serving import memory, several
from eagleray_serving.app import ModelServer, Saved, build
from eagleray_serving.errors import ModelLoadError
from eagleray_serving.frameworks import pickle_versions
from eagleray_serving.http import build_http
from eagleray_serving.loading import LoadedModels
from eagleray_serving.protocols.proto import open_inference_pb2 as messages
from eagleray_serving.service import Batching, Runner, Service
from eagleray_serving.several import SavedModels, Several, parse_several
from fakes.asgi_server import serving
from unit.serving.loading_rig import Shelf, Tally, ask, kept
from unit.serving.zoo import ZOO

SHOPS = {f"shop-{number}": 10 for number in range(4)}
ROW = {"instances": [[1.0]]}


@pytest.fixture
def shelf() -> Shelf:
    return Shelf(SHOPS)


@pytest.fixture
async def client(shelf: Shelf) -> AsyncIterator[httpx.AsyncClient]:
    async with kept(shelf, 20) as models:
        transport = httpx.ASGITransport(build_http(models), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://shops") as opened:
            yield opened


async def test_each_path_has_its_own_model(client: httpx.AsyncClient) -> None:
    asked = [f"shop-{number}" for number in (0, 1, 2, 3, 0, 2)]
    answers = await asyncio.gather(*(client.post(f"/v1/models/{name}:predict", json=ROW) for name in asked))
    assert [answer.json()["predictions"] for answer in answers] == [[0.0], [1.0], [2.0], [3.0], [0.0], [2.0]]
    tensor = {"name": "input", "datatype": "FP64", "shape": [1, 1], "data": [1.0]}
    answer = (await client.post("/v2/models/shop-3/infer", json={"inputs": [tensor]})).json()
    assert (answer["model_name"], answer["outputs"][0]["data"]) == ("shop-3", [3.0])


async def test_models_are_listed_and_told_loaded_or_not(client: httpx.AsyncClient, shelf: Shelf) -> None:
    assert (await client.get("/v1/models")).json() == {"models": list(SHOPS)}
    assert (await client.get("/v2/models/shop-1/ready")).json() == {"name": "shop-1", "ready": True}
    assert not shelf.loads, "being ready is no use of a model"
    assert (await client.get("/v2/models/shop-1")).json()["name"] == "shop-1"
    states = {model["name"]: model for model in (await client.post("/v2/repository/index")).json()}
    assert states["shop-1"] == {"name": "shop-1", "version": "1", "state": "READY", "reason": ""}
    assert (states["shop-2"]["state"], states["shop-2"]["reason"][:8]) == ("UNAVAILABLE", "unloaded")
    (ready,) = (await client.post("/v2/repository/index", json={"ready": True})).json()
    assert ready == states["shop-1"]
    refused = await client.post("/v2/repository/index", json={"ready": "yes"})
    assert (refused.status_code, refused.json()["field"]) == (422, "ready")


async def test_a_model_that_cannot_be_loaded_is_told_of_at_its_own_paths(
    client: httpx.AsyncClient, shelf: Shelf
) -> None:
    shelf.broken["shop-1"] = ModelLoadError("it needs the Python module 'x'")
    answer = await client.post("/v1/models/shop-1:predict", json=ROW)
    assert answer.status_code == 500
    assert answer.json()["error"].startswith("ModelLoadFailed: model 'shop-1' cannot be loaded: it needs the Python")
    ready = await client.get("/v2/models/shop-1/ready")
    assert (ready.status_code, ready.json()["error"]) == (503, answer.json()["error"])
    assert (await client.get("/v2/health/ready")).status_code == 200
    assert (await client.post("/v1/models/shop-2:predict", json=ROW)).status_code == 200
    states = {model["name"]: model for model in (await client.post("/v2/repository/index")).json()}
    assert states["shop-1"]["reason"] == answer.json()["error"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/models/shop-9:predict"),
        ("POST", "/v2/models/shop-9/infer"),
        ("GET", "/v1/models/shop-9"),
        ("GET", "/v2/models/shop-9"),
        ("GET", "/v2/models/shop-9/ready"),
        ("POST", "/v2/models/shop-1/versions/2/infer"),
    ],
)
async def test_an_unknown_model_is_not_found(client: httpx.AsyncClient, method: str, path: str) -> None:
    answer = await client.request(method, path, json=ROW if method == "POST" else None)
    assert answer.status_code == 404
    assert "shop-" in answer.json()["error"]


async def test_a_slow_sender_keeps_no_model_loaded(shelf: Shelf) -> None:
    async with kept(shelf, 10) as models:
        transport = httpx.ASGITransport(build_http(models))
        async with httpx.AsyncClient(transport=transport, base_url="http://shops") as client:
            go_on = asyncio.Event()

            async def body() -> AsyncIterator[bytes]:
                yield b'{"instances": '
                await go_on.wait()
                yield b"[[1.0]]}"

            slow = asyncio.create_task(client.post("/v1/models/shop-1:predict", content=body()))
            await asyncio.wait([slow], timeout=0.05)
            assert await ask(models, "shop-1") == 1.0
            assert await ask(models, "shop-2") == 2.0
            go_on.set()
            assert (await slow).json() == {"predictions": [1.0]}


async def test_calls_name_their_model(client: httpx.AsyncClient) -> None:
    async def call(method: str, message: Any) -> httpx.Response:
        headers = {"content-type": "application/grpc"}
        path = f"/inference.GRPCInferenceService/{method}"
        return await client.post(path, content=message.SerializeToString(), headers=headers)

    wanted = messages.InferRequest(model_name="shop-2")
    wanted.inputs.add(name="input", datatype="FP64", shape=[1, 1]).contents.fp64_contents.append(1.0)
    answer = messages.InferResponse.FromString((await call("ModelInfer", wanted)).content)
    assert answer.model_name == "shop-2"
    assert np.frombuffer(answer.raw_output_contents[0]).tolist() == [2.0]
    told = messages.ModelMetadata.FromString((await call("ModelMetadata", messages.Asked(name="shop-3"))).content)
    assert told.name == "shop-3"
    assert messages.Ready.FromString((await call("ModelReady", messages.Asked(name="shop-1"))).content).ready
    assert (await call("ModelReady", messages.Asked(name="shop-9"))).headers["grpc-status"] == "5"


async def test_tritons_client_reads_the_index(shelf: Shelf) -> None:
    async with (
        kept(shelf, 20) as models,
        serving(build_http(models)) as port,
        InferenceServerClient(f"127.0.0.1:{port}") as triton,
    ):
        assert await triton.is_model_ready("shop-3")
        tensor = InferInput("input", [1, 1], "FP64").set_data_from_numpy(np.ones((1, 1)))
        assert (await triton.infer("shop-3", [tensor])).as_numpy("predict").tolist() == [3.0]
        index = await triton.get_model_repository_index()
        assert [model["name"] for model in index if model["state"] == "READY"] == ["shop-3"]


def folder_of(tmp_path: Path, name: str, save: Callable[[Path], Any]) -> Any:
    """A model where the init container puts it."""
    place = tmp_path / name / "model"
    place.mkdir(parents=True)
    return save(place)


@pytest.fixture
def members(tmp_path: Path) -> dict[str, Any]:
    """Models of the zoo that scikit-learn loads, each with what it says itself."""
    wanted = [entry for entry in ZOO.values() if entry.framework == "sklearn"][::9]
    return {entry.name: folder_of(tmp_path, entry.name, entry.save) for entry in wanted}


async def test_models_of_the_zoo_answer_as_themselves(members: dict[str, Any], tmp_path: Path) -> None:
    saved = {name: Saved("sklearn", name, tmp_path / name / "model") for name in members}
    loader = SavedModels(saved)
    largest = max(2**20, *(loader.load(name)[1] for name in saved))
    runner = Runner()
    models = LoadedModels(
        loader, lambda name, model: Service(name, "sklearn", model, Batching(8, 0.0), runner), largest, Tally()
    )
    transport = httpx.ASGITransport(build_http(models), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://zoo") as client:
        for name in [*members, *reversed(members)]:
            row = ZOO[name].rows[0]
            answer = await client.post(f"/v1/models/{name}:predict", json={"instances": [row]})
            found, own = np.asarray(answer.json()["predictions"]), np.asarray(members[name]([row])["predict"])
            assert found.tolist() == own.tolist() or np.allclose(found, own), name
            assert models.taken <= largest
    await models.close()


async def test_a_replica_finds_each_model_in_its_folder(tmp_path: Path) -> None:
    for number, name in enumerate(("berlin", "paris")):
        dumped(tmp_path, name, DummyRegressor().fit([[0.0]], [float(number)]))
    replica = ModelServer.__new__(ModelServer)
    await replica.__init__(Saved("sklearn", "shops", tmp_path), Batching(), None, Several(("berlin", "paris"), 2**24))  # type: ignore[misc]
    transport = httpx.ASGITransport(replica.__serve_build_asgi_app__())
    async with httpx.AsyncClient(transport=transport, base_url="http://shops") as client:
        for name, answer in (("paris", 1.0), ("berlin", 0.0)):
            found = await client.post(f"/v1/models/{name}:predict", json=ROW)
            assert found.json() == {"predictions": [answer]}
    await replica.check_health()
    await replica._models.close()
    with pytest.raises(RuntimeError, match="has stopped"):
        await replica.check_health()


def dumped(tmp_path: Path, name: str, estimator: Any) -> Saved:
    folder_of(tmp_path, name, lambda place: joblib.dump(estimator, place / "model.joblib"))
    return Saved("sklearn", name, tmp_path / name / "model")


@pytest.mark.parametrize("threads", [0, 1])
def test_what_a_model_takes_is_measured(threads: int, tmp_path: Path) -> None:
    """Packed, so that the file tells nothing of it; anew after it was unloaded, and in a thread, which keeps memory."""
    estimator = DummyRegressor().fit([[0.0]], [1.0])
    estimator.ballast_ = [np.zeros(2**12) for _ in range(1024)]  # 32 MiB, in pieces that glibc takes from an arena
    folder_of(tmp_path, "a", lambda place: joblib.dump(estimator, place / "model.joblib.gz", compress=3))
    loader = SavedModels({"a": Saved("sklearn", "a", tmp_path / "a" / "model")})
    assert loader.expected("a") < 2**20
    with ThreadPoolExecutor(1) as thread:

        def load() -> int:
            return (thread.submit(loader.load, "a").result() if threads else loader.load("a"))[1]

        load()
        assert all(30 * 2**20 < load() < 40 * 2**20 for _ in range(3))


def test_memory_is_what_is_allocated() -> None:
    before = memory.held()
    arrays, texts = [np.ones(2**20), np.ones(2**10)], [f"a text of some length {number}" for number in range(100_000)]
    taken = memory.held() - before
    assert 8 * 2**20 + 100_000 * 60 < taken < 8 * 2**20 + 100_000 * 120
    del arrays, texts
    assert memory.held() - before < 2**20


def test_a_start_looks_at_all_and_tries_the_first(tmp_path: Path) -> None:
    good = dumped(tmp_path, "good", LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0]))
    bad = dumped(tmp_path, "bad", LinearRegression())
    SavedModels({"good": good, "bad": bad}).check(2**20)
    with pytest.raises(ModelLoadError, match=r"model 'bad': model\.joblib holds a LinearRegression that is not fitted"):
        SavedModels({"bad": bad, "good": good}).check(2**20)
    with pytest.raises(ModelLoadError, match=r"model 'bad' has \d+ B, and all loaded models may take 1 B of memory"):
        SavedModels({"bad": bad}).check(1)
    (bad.path / "model.joblib").unlink()
    with pytest.raises(ModelLoadError, match="model 'bad' has no file at"):
        SavedModels({"good": good, "bad": bad}).check(2**20)


def test_versions_are_told_of_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    saved = {name: dumped(tmp_path, name, LinearRegression().fit([[0.0]], [0.0])) for name in ("a", "b")}
    written = pickle_versions.version_in(saved["a"].path / "model.joblib")
    monkeypatch.setattr(pickle_versions, "_installed", lambda: "0.1")
    monkeypatch.setattr(several.logger, "propagate", True)
    SavedModels(saved).check(2**20)
    assert f"scikit-learn {written}, which this image has not, wrote models a, b" in caplog.text


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({}, "several.names is a list of the names of models, got None"),
        ({"names": [], "maxBytes": 1}, "several.names is a list"),
        ({"names": [1], "maxBytes": 1}, "several.names is a list"),
        ({"names": ["a", "../b"], "maxBytes": 1}, "'../b' is no name of a folder"),
        ({"names": [".."], "maxBytes": 1}, "'..' is no name of a folder"),
        ({"names": ["a"]}, "several.maxBytes is a number of bytes, at least 1, got None"),
        ({"names": ["a"], "maxBytes": 0}, "several.maxBytes"),
    ],
)
def test_args_that_make_no_sense(told: dict[str, Any], words: str) -> None:
    with pytest.raises(ModelLoadError) as raised:
        build({"framework": "sklearn", "name": "shops", "path": "/model", "several": told})
    assert words in str(raised.value)


def test_one_model_is_not_several() -> None:
    assert parse_several(None) is None
