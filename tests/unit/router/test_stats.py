"""What is read from a router's statistics, and what a real Envoy counts."""

import asyncio
import itertools
import json
import math
import re
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from eagleray.domain.facts.router_layout import RouterLayout
from eagleray.domain.facts.router_stats import RevisionStats, RouterStats
from eagleray.peers.peers import Peers
from eagleray.peers.places import Ports
from eagleray.peers.router_stats import parse_router_stats
from eagleray.peers.shape import ShapeError
from eagleray.router.bootstrap import BELOW_EDGE_MS, LATENCY_EDGES_MS, stats_config
from eagleray.router.xds import address, extension, file_source, typed
from fakes.ports import free_port
from unit.router.envoy_rig import ENVOY, until

STATS = (
    ("cluster.m-a.version_text", "v2"),
    ("cluster.m-b.version_text", "v1"),
    ("cluster_manager.cds.version_text", "v2"),
    ("http.ingress.rds.ingress.version_text", "v2"),
    ("cluster.m-a.external.upstream_rq_504", 1),
    ("cluster.m-a.external.upstream_rq_5xx", 2),
    ("cluster.m-a.external.upstream_rq_completed", 12),
    ("cluster.admin.external.upstream_rq_completed", 3),
    ("cluster.m-a.upstream_rq_retry", 4),
    ("cluster.m-a.membership_healthy", 3),
    ("cluster.m-b.membership_healthy", 0),
    ("cluster.m-a.upstream_rq_active", 1),
    ("http.ingress.downstream_rq_active", 1),
)
BINS = ((2, 0.1, 4), (5, 0.1, 6), (130_000, 10_000, 1))


def answer(stats: Iterable[tuple[str, object]] = STATS, bins: Iterable[tuple[float, float, int]] = BINS) -> bytes:
    """Envoy's words for some figures, and a histogram of one revision."""
    totals = [{"lower_bound": low, "width": width, "count": count} for low, width, count in bins]
    histogram = {"name": "cluster.m-a.external.upstream_rq_time", "totals": totals, "intervals": [], "percentiles": []}
    histograms = {"supported_percentiles": [0, 50], "details": [histogram]}
    entries = [{"name": name, "value": value} for name, value in stats]
    return json.dumps({"stats": [*entries, {"histograms": histograms}]}).encode()


def test_every_figure_is_found_at_its_revision() -> None:
    buckets = ((2, 0), (3, 4), (5, 4), (6, 10), (120_000, 10), (math.inf, 12))
    latency = 4 * 2 * 2 * 2.1 / 4.1 + 6 * 2 * 5 * 5.1 / 10.1 + 2 * 130_000 * 140_000 / 270_000
    stats = parse_router_stats(answer())
    assert stats.of("m-a").latency_sum_ms == pytest.approx(latency)
    first = RevisionStats("v2", 3, 1, 12, 2, 4, stats.of("m-a").latency_sum_ms, 11, buckets)
    assert stats == RouterStats("v2", {"m-a": first, "m-b": RevisionStats("v1")}, active=1)
    assert stats.of("m-c") == RevisionStats()


def test_a_router_runs_a_version_when_all_of_it_does() -> None:
    stats = parse_router_stats(answer())
    assert stats.runs("v2", ["m-a"])
    assert not stats.runs("v2", ["m-a", "m-b"])
    assert not stats.runs("v2", ["m-c"])
    assert not stats.runs("v1", [])
    routes = ("http.ingress.rds.ingress.version_text", "v1")
    assert parse_router_stats(answer([*STATS, routes])).config_version == ""


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"stats": []}',
        answer(stats=[]),
        answer(stats=[*STATS, ("cluster.m-a.upstream_rq_active", "1")]),
        answer(stats=[*STATS, ("cluster.m-a.version_text", 1)]),
        answer(bins=[(1, 0.1, -1)]),
        answer(bins=[(-1, 0.1, 1)]),
    ],
)
def test_what_is_no_statistics_is_an_error(body: bytes) -> None:
    with pytest.raises(ShapeError):
        parse_router_stats(body)


def test_latency_edges_are_what_envoy_can_tell_apart_and_close_enough() -> None:
    assert all(edge < 100 or len(str(edge).rstrip("0")) <= 2 for edge in LATENCY_EDGES_MS)
    steps = list(itertools.pairwise(LATENCY_EDGES_MS))
    assert all(low < high for low, high in steps)
    assert all(high <= 1.25 * low for low, high in steps if low >= 4)
    assert (LATENCY_EDGES_MS[0], LATENCY_EDGES_MS[-1]) == (1, 120_000)


class Envoy:
    """A bare Envoy with our statistics: the path's first part is the revision, the second what the replica does."""

    def __init__(self, folder: Path, session: aiohttp.ClientSession) -> None:
        self.layout = RouterLayout(str(folder), "127.0.0.1", free_port(), free_port(), free_port())
        self.peers = Peers(Ports(ops=self.layout.admin_port))
        self._session = session

    async def ask(self, *paths: str) -> list[int]:
        return list(await asyncio.gather(*(self._status(path) for path in paths)))

    async def _status(self, path: str) -> int:
        async with self._session.get(f"http://127.0.0.1:{self.layout.http_port}/{path}") as response:
            return response.status

    async def stats(self) -> RouterStats:
        return await self.peers.router_stats("m", "127.0.0.1")

    async def until_timed(self, revision: str, answers: int) -> RevisionStats:
        async def timed() -> bool:
            return (await self.stats()).of(revision).latency_count == answers

        await until(timed)
        return (await self.stats()).of(revision)

    async def admin(self, name: str) -> str:
        query = {"histogram_buckets": "detailed", "filter": f"^cluster.{name}$"}
        async with self._session.get(f"http://127.0.0.1:{self.layout.admin_port}/stats", params=query) as response:
            return await response.text()

    async def bins(self, revision: str) -> list[tuple[float, int]]:
        """What Envoy keeps itself: lower edge in ms, requests."""
        totals = (await self.admin(f"{revision}.external.upstream_rq_time")).split("totals=")[1].splitlines()[0]
        return [(float(low), int(count)) for low, count in re.findall(r"([0-9.e+]+),[0-9.e+]+:([0-9]+)", totals)]

    async def exported(self, revision: str, suffix: str) -> float:
        """What Envoy gives Prometheus."""
        return next(sample.value for sample in await self._exported(revision) if sample.name.endswith(suffix))

    async def exported_buckets(self, revision: str) -> tuple[tuple[float, int], ...]:
        """The same of every edge where the count changes, and of the one before."""
        samples = [s for s in await self._exported(revision) if s.name.endswith("_bucket")]
        buckets = [(float(s.labels["le"]) + BELOW_EDGE_MS, int(s.value)) for s in samples]
        counts = [0, *(count for _, count in buckets), math.nan]
        return tuple(b for i, b in enumerate(buckets) if not counts[i] == counts[i + 1] == counts[i + 2])

    async def _exported(self, revision: str) -> list[Sample]:
        url = f"http://127.0.0.1:{self.layout.admin_port}/stats/prometheus"
        query = {"filter": f"^cluster.{revision}.external.upstream_rq_time$"}
        async with self._session.get(url, params=query) as response:
            families = text_string_to_metric_families(await response.text())
            return [sample for family in families for sample in family.samples]


async def replica(request: web.Request) -> web.Response:
    does = request.path.split("/")[-1]
    await asyncio.sleep(int(does.removesuffix("ms")) / 1000 if does.endswith("ms") else 0)
    return web.Response(status=int(does) if does.isdigit() else 200)


@asynccontextmanager
async def envoy(folder: Path) -> AsyncIterator[Envoy]:
    app = web.Application()
    app.router.add_get("/{path:.*}", replica)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    async with aiohttp.ClientSession() as session:
        router = Envoy(folder, session)
        (folder / "..data").mkdir()
        (folder / "..data" / "rds.json").write_text(json.dumps({"version_info": "v1", "resources": [routes()]}))
        (folder / "bootstrap.json").write_text(json.dumps(bare_bootstrap(router.layout, port)))
        flags = ("-c", str(folder / "bootstrap.json"), "--concurrency", "2", "-l", "off", "--use-dynamic-base-id")
        process = await asyncio.create_subprocess_exec(ENVOY, *flags)

        async def ready() -> bool:
            assert process.returncode is None
            try:
                return (await router.ask("m-a/0ms")) == [200]
            except aiohttp.ClientConnectionError:
                return False

        try:
            await until(ready)
            yield router
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()
            await router.peers.close()
            await runner.cleanup()


def routes() -> dict[str, Any]:
    retry = {"retry_on": "retriable-status-codes", "retriable_status_codes": [503], "num_retries": 3}
    table = [
        {
            "match": {"prefix": f"/{revision}/"},
            "route": {
                "cluster": revision,
                "timeout": "2s",
                "retry_policy": retry,
                "request_mirror_policies": [{"cluster": "m-b"}] if revision == "m-mirrored" else [],
            },
        }
        for revision in REVISIONS
    ]
    host = {"name": "all", "domains": ["*"], "routes": table}
    return typed("envoy.config.route.v3.RouteConfiguration", name="ingress", virtual_hosts=[host])


REVISIONS = ("m-a", "m-b", "m-empty", "m-mirrored")


def bare_bootstrap(layout: RouterLayout, port: int) -> dict[str, Any]:
    manager = typed(
        "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix="ingress",
        rds={"route_config_name": "ingress", "config_source": file_source(layout, "rds.json")},
        use_remote_address=True,
        internal_address_config={"cidr_ranges": [{"address_prefix": "255.255.255.255", "prefix_len": 32}]},
        http_filters=[extension("router", "envoy.extensions.filters.http.router.v3.Router")],
    )
    filters = [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]
    listener = {"address": address("127.0.0.1", layout.http_port), "filter_chains": [{"filters": filters}]}
    endpoint = {"lb_endpoints": [{"endpoint": {"address": address("127.0.0.1", port)}}]}
    return {
        "node": {"id": "router", "cluster": "m"},
        "admin": {"address": address("127.0.0.1", layout.admin_port)},
        "stats_flush_interval": "0.2s",
        "stats_config": stats_config(),
        "static_resources": {
            "listeners": [listener],
            "clusters": [
                {
                    "name": name,
                    "load_assignment": {"cluster_name": name, "endpoints": [] if name == "m-empty" else [endpoint]},
                }
                for name in REVISIONS
            ],
        },
    }


async def test_what_took_less_than_an_edge_is_counted_below_it_exactly(tmp_path: Path) -> None:
    async with envoy(tmp_path) as router:
        waits = (0, 1, 3, 9, 10, 19, 60, *range(95, 260, 3))
        await router.ask(*(f"m-b/{ms}ms" for ms in waits))
        stats = await router.until_timed("m-b", len(waits))
        bins = await router.bins("m-b")
        assert stats.latency_buckets[-1] == (math.inf, len(waits))
        assert {edge for edge, _ in stats.latency_buckets[:-1]} <= set(LATENCY_EDGES_MS)
        assert any(low in LATENCY_EDGES_MS for low, _ in bins if low >= 100)
        for edge, count in stats.latency_buckets:
            assert count == sum(n for low, n in bins if low < edge)
        assert stats.latency_buckets == await router.exported_buckets("m-b")
        assert stats.latency_sum_ms == pytest.approx(await router.exported("m-b", "_sum"))
        assert stats.latency_count == await router.exported("m-b", "_count")


async def test_a_request_counts_once_and_as_its_user_saw_it(tmp_path: Path) -> None:
    async with envoy(tmp_path) as router:
        assert await router.ask("m-b/503", "m-b/500", "m-b/0ms") == [503, 500, 200]
        assert await router.ask("m-b/6000ms") == [504]
        stats = await router.until_timed("m-b", 3)
        assert (stats.requests, stats.errors, stats.retries) == (4, 3, 3)
        assert stats.latency_buckets[-1] == (math.inf, 4)
        assert stats.latency_buckets[-2][1] == 3

        assert await router.ask("m-mirrored/6000ms") == [504]
        late = (await router.stats()).of("m-mirrored")
        assert (late.requests, late.errors, late.latency_count) == (1, 1, 0)
        assert late.latency_buckets == ((120_000, 0), (math.inf, 1))

        assert await router.ask("m-empty/0ms") == [503]
        empty = (await router.stats()).of("m-empty")
        assert (empty.requests, empty.errors, empty.latency_buckets) == (1, 1, ())


async def test_a_mirrored_copy_is_no_request_of_a_user(tmp_path: Path) -> None:
    async with envoy(tmp_path) as router:
        await router.ask("m-mirrored/500", "m-mirrored/0ms", "m-b/0ms")

        async def copied() -> bool:
            return (await router.admin("m-b.upstream_rq_completed")).strip().endswith(": 3")

        await until(copied)
        stats = await router.until_timed("m-b", 1)
        assert (stats.requests, stats.errors) == (1, 0)
