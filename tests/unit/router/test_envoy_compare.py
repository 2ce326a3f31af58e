"""Answers compared with those of a mirrored version, of which no user notices anything: a real Envoy and comparer."""

import asyncio
import contextlib
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from eagleray.domain.actions.router_config import RouterConfig, RouterMirror
from eagleray.peers.errors import UnreachableError
from eagleray.router import compare
from eagleray.router.budget import COPY_BODY_BYTES
from unit.router.envoy_rig import Rig, Router, routed, target
from unit.router.replica import Replica
from unit.router.sharing import SAMPLE, assert_shared

CODE = Path(__file__).parents[3] / "model_images/router"
AS_SHIPPED = compare.DEFERRED_CLOSE_SECONDS


@pytest.fixture(autouse=True)
def all_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the comparer as long as a busy machine makes it wait."""
    monkeypatch.setattr(compare, "DEFERRED_CLOSE_SECONDS", 30.0)


@contextlib.asynccontextmanager
async def comparer(router: Router) -> AsyncIterator[asyncio.subprocess.Process]:
    layout = router.layout
    ports = {"exchanges": layout.exchanges_port, "report": layout.report_port, "copies": layout.copies_port}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "eagleray_compare", "--worker"),
        *(f"--{name}-port={port}" for name, port in ports.items()),
        env={**os.environ, "PYTHONPATH": str(CODE)},
    )
    try:
        await router.until_ops("/mirror")
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGCONT)
            process.terminate()
        await process.wait()


def compared(user: Replica, mirror: Replica, percent: int = 100, **options: Any) -> RouterConfig:
    weights = {target("m-a", user, version="a"): 100, target("m-b", mirror, version="b"): 0}
    return routed(weights, mirror=RouterMirror("m-b", percent, **options), compares=True, request_timeout=5)


async def started(rig: Rig, percent: int = 100, **options: Any) -> tuple[Router, Replica, Replica]:
    user, mirror = await rig.replica(), await rig.replica()
    user.predict = mirror.predict = lambda number: [number, "label"]
    router = await rig.router(compared(user, mirror, percent, **options))
    await router.until_answering("m-a", "m-b")
    return router, user, mirror


async def figures(router: Router) -> dict[str, Any]:
    mirrors = (await router.ask_ops("/mirror")).json["mirrors"]
    return next((m for m in mirrors if m["revision"] == "m-b"), {"compared": 0, "failed": 0, "skipped": {}})


async def until_seen(rig: Rig, router: Router, exchanges: int) -> dict[str, Any]:
    async def seen() -> bool:
        found = await figures(router)
        return bool(found["compared"] + found["failed"] + sum(found["skipped"].values()) >= exchanges)

    await rig.until(seen)
    return await figures(router)


async def test_a_version_that_differs_on_a_tenth_of_the_inputs_agrees_on_nine_tenths(rig: Rig) -> None:
    router, _, mirror = await started(rig)
    mirror.predict = lambda number: [number, "label" if number % 10 else "other"]
    async with comparer(router):
        answers = await router.ask_all([{"path": "/v1?key=me", "json": n} for n in range(100)])
        assert [a.json for a in answers] == [{"predictions": [n, "label"]} for n in range(100)]
        found = await until_seen(rig, router, 100)
        assert {k: found[k] for k in ("compared", "agreed", "failed", "skipped")} == {
            "compared": 100,
            "agreed": 90,
            "failed": 0,
            "skipped": {},
        }
        assert found["userSeconds"] > 0
        assert found["mirrorSeconds"] > 0
        assert len(found["samples"]) == 5
        for sample in found["samples"]:
            words = {k: sample[k] for k in ("method", "url", "revision", "path", "user", "mirror", "requestBody")}
            assert words == {
                "method": "POST",
                "url": "/v1",
                "revision": "m-a",
                "path": "predictions[1]",
                "requestBody": None,
                "user": '"label"',
                "mirror": '"other"',
            }
        text = (await router.ask_ops("/mirror/prometheus")).body
        samples = [s for family in text_string_to_metric_families(text) for s in family.samples]
        assert {s.value for s in samples if s.name == "eagleray_mirror_agreed_total"} == {90}


async def test_the_operator_reads_what_was_found(rig: Rig) -> None:
    router, _, mirror = await started(rig, bodies=True)
    with pytest.raises(UnreachableError, match="503"):
        await router.peers.comparisons("m", "127.0.0.1")
    mirror.predict = lambda number: number
    async with comparer(router):
        assert await router.peers.comparisons("m", "127.0.0.1") == ()
        await router.ask(json=1)
        await until_seen(rig, router, 1)
        (found,) = await router.peers.comparisons("m", "127.0.0.1")
    assert (found.revision, found.compared, found.agreed, found.failed, found.skipped) == ("m-b", 1, 0, 0, 0)
    assert found.user_seconds > 0
    assert found.mirror_seconds > 0
    (sample,) = found.samples
    assert (sample.path, sample.user, sample.mirror) == ("predictions", "a list of 2", "1")
    assert (sample.request_body, sample.at.microsecond) == ("1", 0)
    assert (await router.ask_ops("/mirror", "POST")).status == 404


async def test_the_longest_sample_is_one_that_status_takes(rig: Rig) -> None:
    router, user, mirror = await started(rig, bodies=True)
    user.predict, mirror.predict = lambda _: {"k" * 500: "é" * 5000}, lambda _: {"k" * 500: "è" * 5000}
    async with comparer(router):
        assert (await router.ask("/" + "p" * 2000, json="ü" * 5000)).status == 200
        await until_seen(rig, router, 1)
        (found,) = await router.peers.comparisons("m", "127.0.0.1")
    (sample,) = found.samples
    assert [len(text or "") for text in (sample.url, sample.request_body, sample.user_body)] == [256, 1024, 1024]


async def test_tolerance_and_bodies_are_as_asked_for_and_change_without_a_restart(rig: Rig) -> None:
    router, user, mirror = await started(rig, relative=0.1)
    mirror.predict = lambda number: [number * 1.05, "label"]
    async with comparer(router):
        await router.ask(json=100.5)
        assert (await until_seen(rig, router, 1))["agreed"] == 1
        await router.apply(compared(user, mirror, relative=0.01, bodies=True))
        await router.ask("/v1?key=me", json=100.5)
        found = await until_seen(rig, router, 2)
        assert found["agreed"] == 1
        sample = found["samples"][0]
        assert (sample["url"], sample["requestBody"], sample["path"]) == ("/v1?key=me", "100.5", "predictions[0]")
        assert sample["userBody"] == '{"predictions": [100.5, "label"]}'
        assert sample["mirrorBody"].startswith('{"predictions": [105.5')


async def test_a_copy_is_the_request_says_that_it_is_one_and_is_no_request_of_a_user(rig: Rig) -> None:
    router, user, mirror = await started(rig)
    sent = {"x-request-id": "mine", "authorization": "me", "x-eagleray-mirror": "forged", "x-name": "Zoë"}
    async with comparer(router):
        await router.ask("/v2/x?q=1", headers=sent, json=1)
        assert (await until_seen(rig, router, 1))["agreed"] == 1
    assert (user.arrived, mirror.arrived) == (1, 1)
    assert mirror.seen["x-eagleray-mirror"] == "true"
    assert "x-eagleray-mirror" not in user.seen
    same = ("host", "x-request-id", "authorization", "content-length", "content-type", "user-agent", "x-name")
    assert {k: mirror.seen[k] for k in same} == {k: user.seen[k] for k in same}
    assert mirror.seen["x-forwarded-for"] == user.seen["x-forwarded-for"]
    stats = await router.stats()
    assert (stats.of("m-a").requests, stats.of("m-b").requests) == (1, 0)
    assert set(stats.revisions) == {"m-a", "m-b"}


@pytest.mark.parametrize("what", ["absent", "killed", "wedged"])
async def test_users_notice_nothing_of_a_comparer_that_does_not_work(
    rig: Rig, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compare, "DEFERRED_CLOSE_SECONDS", AS_SHIPPED)
    router, user, mirror = await started(rig)
    user.predict = mirror.predict = lambda _: "x" * 500_000
    async with contextlib.AsyncExitStack() as stack:
        if what != "absent":
            process = await stack.enter_async_context(comparer(router))
            await router.ask(json=1)
            await until_seen(rig, router, 1)
            process.send_signal(signal.SIGKILL if what == "killed" else signal.SIGSTOP)
        for _ in range(10):
            answers = await router.ask_all([{"json": "y" * 100_000}] * 20)
            assert {(a.status, a.revision, len(a.body)) for a in answers} == {(200, "m-a", 500_019)}
    assert (await router.stats()).of("m-a").errors == 0


@pytest.mark.parametrize("mode", ["hold", "abort", "fail", "overloaded", "dead", "unhealthy"])
async def test_whatever_becomes_of_the_copies_users_are_answered(rig: Rig, mode: str) -> None:
    router, user, mirror = await started(rig)
    mirror.mode, mirror.predict = mode, None
    if mode == "dead":
        await mirror.stop()
    if mode == "unhealthy":
        mirror.healthy = False
        await router.until_healthy("m-b", 0)
    async with comparer(router):
        answers = await router.ask_all([{"json": n} for n in range(50)])
        assert {(a.status, a.revision) for a in answers} == {(200, "m-a")}
        assert user.arrived == 50
        if mode == "hold":
            await rig.until(lambda: mirror.arrived == 32)
            mirror.release.set()
        found = await until_seen(rig, router, 50)
        answered = mode in {"fail", "overloaded", "hold"}
        assert found["skipped"] == {}
        assert (found["compared"], found["failed"]) == ((50, 0) if answered else (0, 50))
        if answered and mode != "hold":
            assert {s["path"] for s in found["samples"]} == {"status"}


async def test_only_sized_requests_of_the_split_are_compared_and_large_answers_are_not(rig: Rig) -> None:
    router, user, mirror = await started(rig)

    async def chunks() -> AsyncIterator[bytes]:
        yield b"1"

    async with comparer(router):
        for options in (
            {"json": 1, "headers": {"x-eagleray-revision": "m-a"}},
            {"data": chunks()},
            {"data": b"1" + b" " * COPY_BODY_BYTES},
        ):
            assert (await router.ask(**options)).status == 200
        user.predict = lambda _: "x" * COPY_BODY_BYTES
        assert len((await router.ask(json=1)).body) > COPY_BODY_BYTES
        assert (await until_seen(rig, router, 1))["skipped"] == {"large": 1}
        assert mirror.arrived == 0
        user.predict = None
        assert (await router.ask(data=b"1" + b" " * (COPY_BODY_BYTES - 1))).status == 200
        assert (await until_seen(rig, router, 2))["compared"] == 1


async def test_a_comparison_comes_and_goes_without_a_lost_request(rig: Rig) -> None:
    router, user, mirror = await started(rig)
    user.predict = mirror.predict = None
    comparing = compared(user, mirror)
    for config in (replace(comparing, compares=False), comparing, replace(comparing, mirror=None), comparing):
        async with rig.load(router) as answers:
            await router.apply(config)
            after = len(answers)
            await rig.until(lambda after=after, answers=answers: len(answers) > after + 20)
        assert {a.status for a in answers} == {200}


async def test_so_many_exchanges_are_compared_of_every_share_of_the_split(rig: Rig) -> None:
    one, other, mirror = [await rig.replica() for _ in range(3)]
    copied: set[int] = set()
    one.predict = other.predict = lambda number: number
    mirror.predict = copied.add
    weights = {target("m-a", one): 80, target("m-c", other): 20, target("m-b", mirror): 0}
    router = await rig.router(routed(weights, mirror=RouterMirror("m-b", 30), compares=True))
    await router.until_answering("m-a", "m-b", "m-c")

    async def sample() -> dict[str, int]:
        copied.clear()
        answers = await router.ask_all([{"json": n} for n in range(SAMPLE)], at_once=8)
        await until_seen(rig, router, await streamed(router))
        found = Counter((a.revision, n in copied) for n, a in enumerate(answers))
        return {f"{revision} {'copied' if copy else 'not'}": count for (revision, copy), count in found.items()}

    async with comparer(router):
        await assert_shared(sample, {"m-a copied": 24, "m-a not": 56, "m-c copied": 6, "m-c not": 14})


async def streamed(router: Router) -> int:
    text = (await router.ask_ops("/stats/prometheus?filter=ext_proc.streams_started$")).body
    return sum(int(s.value) for family in text_string_to_metric_families(text) for s in family.samples)
