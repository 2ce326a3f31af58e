"""One exchange after another through a comparer, without Envoy: what it keeps, what it skips, what it lets go of."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from eagleray_compare.answers import Tolerance
from eagleray_compare.comparer import AT_ONCE, WAITING, Comparer, client
from eagleray_compare.exchange import MAX_BODY_BYTES, Budget, Order
from eagleray_compare.proto.ext_proc_pb2 import HeaderMap, HeaderValue, HttpBody, HttpHeaders, ProcessingRequest
from eagleray_compare.tally import MAX_REVISIONS, Tallies
from unit.router.envoy_rig import until

ORDER = Order("m-b", Tolerance(), bodies=False)
REQUEST = {":method": "POST", ":path": "/predict", ":authority": "model"}


def headers(values: dict[str, str], *, end: bool = False) -> HttpHeaders:
    pairs = [HeaderValue(key=k, raw_value=v.encode()) for k, v in values.items()]
    return HttpHeaders(headers=HeaderMap(headers=pairs), end_of_stream=end)


def exchange(answer: bytes = b"[1]", **response: str) -> list[ProcessingRequest]:
    said = {":status": "200", **{k.replace("_", "-"): v for k, v in response.items()}}
    return [
        ProcessingRequest(request_headers=headers({**REQUEST, "content-length": "2"})),
        ProcessingRequest(request_body=HttpBody(body=b"{}", end_of_stream=True)),
        ProcessingRequest(response_headers=headers(said)),
        ProcessingRequest(response_body=HttpBody(body=answer[:1])),
        ProcessingRequest(response_body=HttpBody(body=answer[1:], end_of_stream=True)),
    ]


async def stream(pieces: list[ProcessingRequest]) -> AsyncIterator[ProcessingRequest]:
    for piece in pieces:
        yield piece


class Mirror:
    def __init__(self) -> None:
        self.release = asyncio.Event()
        self.arrived = 0
        self.answer = b"[1]"
        self.headers = {"x-eagleray-revision": "m-b"}

    async def respond(self, request: web.Request) -> web.Response:
        assert await request.read() == b"{}"
        self.arrived += 1
        await self.release.wait()
        return web.Response(body=self.answer, headers=self.headers)


class Bench:
    def __init__(self, mirror: Mirror, comparer: Comparer, budget: Budget) -> None:
        self.mirror, self.comparer, self.budget = mirror, comparer, budget

    async def observe(self, pieces: list[ProcessingRequest]) -> None:
        await self.comparer.observe(ORDER, stream(pieces))

    async def until_counted(self, exchanges: int) -> None:
        await until(lambda: self.counted() >= exchanges)

    def counted(self) -> int:
        tally = self.comparer.tallies.of("m-b")
        return tally.compared + tally.failed + sum(tally.skipped.values())


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    mirror, budget = Mirror(), Budget(200_000)
    app = web.Application()
    app.router.add_post("/predict", mirror.respond)
    async with contextlib.AsyncExitStack() as stack:
        server = TestServer(app)
        await server.start_server()
        stack.push_async_callback(server.close)
        session = await stack.enter_async_context(client())
        yield Bench(mirror, Comparer(session, str(server.make_url("")).rstrip("/"), budget), budget)


async def test_what_was_compared_is_let_go_of(bench: Bench) -> None:
    bench.mirror.release.set()
    await bench.observe(exchange())
    await bench.observe(exchange(b"[2]"))
    await bench.until_counted(2)
    tally = bench.comparer.tallies.of("m-b")
    assert (tally.compared, tally.agreed, bench.budget.held) == (2, 1, 0)
    assert [s.difference.path for s in tally.samples] == ["[0]"]


@pytest.mark.parametrize(
    ("pieces", "reason"),
    [
        (exchange(b"x" * 200_001), "memory"),
        (exchange(content_encoding="gzip"), "encoded"),
        (exchange()[:-1], "unfinished"),
        ([], "unfinished"),
        ([ProcessingRequest(request_body=HttpBody(body=b"x" * (MAX_BODY_BYTES + 1)))], "large"),
    ],
)
async def test_what_cannot_be_compared_is_skipped(bench: Bench, pieces: list[ProcessingRequest], reason: str) -> None:
    await bench.observe(pieces)
    assert bench.comparer.tallies.of("m-b").skipped == {reason: 1}
    assert (bench.mirror.arrived, bench.budget.held) == (0, 0)


async def test_an_exchange_that_is_given_up_is_let_go_of(bench: Bench) -> None:
    async def stalls() -> AsyncIterator[ProcessingRequest]:
        for piece in exchange()[:-1]:
            yield piece
        await asyncio.Event().wait()

    task = asyncio.create_task(bench.comparer.observe(ORDER, stalls()))
    await until(lambda: bench.budget.held == 3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (bench.comparer.tallies.of("m-b").skipped, bench.budget.held) == ({"unfinished": 1}, 0)


async def test_copies_under_way_and_those_that_wait_are_bounded(bench: Bench) -> None:
    for _ in range(AT_ONCE + WAITING + 7):
        await bench.observe(exchange())
    assert bench.comparer.tallies.of("m-b").skipped == {"busy": 7}
    await until(lambda: bench.mirror.arrived == AT_ONCE)
    bench.mirror.release.set()
    await bench.until_counted(AT_ONCE + WAITING + 7)
    assert bench.comparer.tallies.of("m-b").agreed == AT_ONCE + WAITING
    assert bench.budget.held == 0


@pytest.mark.parametrize(
    ("said", "compared", "failed", "skipped"),
    [
        ({"x-eagleray-revision": "m-b"}, 1, 0, {}),
        ({"x-eagleray-revision": "m-c"}, 0, 1, {}),
        ({"x-eagleray-revision": "m-b", "x-eagleray-unanswered": "true"}, 0, 1, {}),
        ({"x-eagleray-revision": "m-b", "content-encoding": "br"}, 0, 0, {"encoded": 1}),
    ],
)
async def test_only_an_answer_of_a_replica_of_the_revision_counts(
    bench: Bench, said: dict[str, str], compared: int, failed: int, skipped: dict[str, int]
) -> None:
    bench.mirror.headers = said
    bench.mirror.release.set()
    await bench.observe(exchange())
    await bench.until_counted(1)
    tally = bench.comparer.tallies.of("m-b")
    assert (tally.compared, tally.failed, tally.skipped) == (compared, failed, skipped)


def test_only_the_last_revisions_are_remembered() -> None:
    tallies = Tallies()
    for n in range(MAX_REVISIONS + 2):
        tallies.of(f"m-{n}").skipped["large"] += n
    tallies.of("m-2").failed += 1
    assert [m["revision"] for m in tallies.report()["mirrors"]] == ["m-3", "m-4", "m-5", "m-2"]
    assert 'eagleray_mirror_skipped_total{revision="m-5",reason="large"} 5\n' in tallies.prometheus()


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"revision": "m", "relative": 0}'])
def test_what_is_no_order_is_refused(text: str) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        Order.read(text)


def test_an_order_reads_as_the_router_writes_it() -> None:
    text = json.dumps({"revision": "m-b", "relative": 0.5, "absolute": 0.0, "bodies": True})
    assert Order.read(text) == Order("m-b", Tolerance(0.5, 0.0), bodies=True)
