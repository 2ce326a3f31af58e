"""Bodies as agents pack them, and large ones beside the event loop."""

import asyncio
import gzip
import json
import threading
import zlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import httpx
import numpy as np
import pytest

from eagleray_serving import bodies
from eagleray_serving.answers import AnsweringModel, Output
from eagleray_serving.columns import Column, Kind
from eagleray_serving.http import build_http
from eagleray_serving.outputs import Answer, outputs_of
from eagleray_serving.protocols import v1
from eagleray_serving.rows import Rows, Signature
from eagleray_serving.service import Batching, Service

PREDICT = "/v1/models/m:predict"
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "GZIP": gzip.compress,
    "deflate": zlib.compress,
}


class Doubling:
    signature = Signature((Column("0", Kind.NUMBER),))
    classes = None
    outputs = outputs_of(None)
    own_names: Mapping[str, str] = MappingProxyType({})

    def predict(self, rows: Rows, outputs: Sequence[str]) -> Answer:
        return dict.fromkeys(outputs, rows.column(0) * 2)


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    service = Service("m", "sklearn", AnsweringModel(Doubling(), Output.LABELS), Batching(None, 0))
    app = build_http(service)
    transport = httpx.ASGITransport(app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://m") as opened:
        yield opened


def rows(count: int) -> bytes:
    return json.dumps({"instances": [[row] for row in range(count)]}).encode()


@pytest.mark.parametrize(("encoding", "pack"), PACKERS.items())
async def test_a_packed_body(client: httpx.AsyncClient, encoding: str, pack: Callable[[bytes], bytes]) -> None:
    answer = await client.post(PREDICT, content=pack(rows(3)), headers={"content-encoding": encoding})
    assert answer.json() == {"predictions": [0, 2, 4]}


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip"])
async def test_another_packing_is_named_with_those_that_are_taken(client: httpx.AsyncClient, encoding: str) -> None:
    answer = await client.post(PREDICT, content=b"x", headers={"content-encoding": encoding})
    assert (answer.status_code, answer.headers["accept-encoding"]) == (415, "gzip, deflate")
    assert answer.json()["error"].startswith(f"Content-Encoding '{encoding}' is not taken")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"no gzip", "the body is not gzip: Error -3"),
        (gzip.compress(rows(9), mtime=0)[:-9], "the body is not gzip: it breaks off"),
        (gzip.compress(rows(9), mtime=0) + b"more", "the body is not gzip: it goes on after its end"),
        (b"", "the body is not gzip: it breaks off"),
    ],
)
async def test_what_cannot_be_unpacked_is_named(client: httpx.AsyncClient, content: bytes, words: str) -> None:
    answer = await client.post(PREDICT, content=content, headers={"content-encoding": "gzip"})
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(words)


async def test_a_bomb_is_refused_without_its_bytes(client: httpx.AsyncClient) -> None:
    packed = gzip.compress(bytes(2**20 + 1))
    told = {"content-encoding": "gzip", bodies.MAX_BODY_HEADER: str(2**20)}
    answer = await client.post(PREDICT, content=packed, headers=told)
    assert answer.status_code == 413
    assert "more than 1048576 bytes when it is unpacked; send fewer rows" in answer.json()["error"]


@pytest.mark.parametrize(
    ("content", "headers", "thread"),
    [
        (rows(3), {}, "MainThread"),
        (rows(60_000), {}, "bodies"),
        (gzip.compress(rows(3)), {"content-encoding": "gzip"}, "MainThread"),
        (gzip.compress(rows(60_000)), {"content-encoding": "gzip"}, "bodies"),
    ],
    ids=["small", "large", "small when unpacked", "large when unpacked"],
)
async def test_large_bodies_are_parsed_beside_the_loop(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, content: bytes, headers: Any, thread: str
) -> None:
    parsed_in, unpacked_in = [], []
    parse, unpack = v1.parse_predict, bodies._unpacked

    def recorded(body: bytes, signature: Signature) -> Rows:
        parsed_in.append(threading.current_thread().name)
        return parse(body, signature)

    def unpacked(body: bytes, encoding: str, most: int) -> bytes:
        unpacked_in.append(threading.current_thread().name)
        return unpack(body, encoding, most)

    monkeypatch.setattr(v1, "parse_predict", recorded)
    monkeypatch.setattr(bodies, "_unpacked", unpacked)
    assert (await client.post(PREDICT, content=content, headers=headers)).status_code == 200
    assert [name.startswith(thread) for name in parsed_in] == [True]
    assert [name.startswith("bodies") for name in unpacked_in] == [True] * bool(headers)


@pytest.mark.parametrize(("count", "thread"), [(3, "MainThread"), (bodies.LARGE_ANSWER_VALUES + 1, "bodies")])
async def test_large_answers_are_written_beside_the_loop(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, count: int, thread: str
) -> None:
    written_in = []
    write = v1.predict_response

    def recorded(answer: Answer) -> dict[str, Any]:
        written_in.append(threading.current_thread().name)
        return write(answer)

    monkeypatch.setattr(v1, "predict_response", recorded)
    answered = await client.post(PREDICT, content=rows(count))
    assert answered.json() == {"predictions": [2 * row for row in range(count)]}
    assert [name.startswith(thread) for name in written_in] == [True]


async def test_others_are_answered_while_a_large_body_is_parsed(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    parse, answered = v1.parse_predict, threading.Event()

    def slow(body: bytes, signature: Signature) -> Rows:
        if len(body) > bodies.LARGE_BODY_BYTES:
            assert answered.wait(30), "nobody else was answered meanwhile"
        return parse(body, signature)

    monkeypatch.setattr(v1, "parse_predict", slow)
    large = asyncio.create_task(client.post(PREDICT, content=rows(60_000)))
    small = await client.post(PREDICT, content=rows(1))
    answered.set()
    assert small.json() == {"predictions": [0]}
    assert np.array_equal((await large).json()["predictions"], np.arange(60_000) * 2)


async def test_a_large_body_for_a_replica_that_stops_may_be_sent_again() -> None:
    service = Service("m", "sklearn", AnsweringModel(Doubling(), Output.LABELS), Batching(None, 0))
    app = build_http(service)
    async with app.router.lifespan_context(app):
        pass
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://m") as client:
        assert (await client.post(PREDICT, content=rows(60_000))).status_code == 503
