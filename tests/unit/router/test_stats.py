"""What is read from a router's statistics, and what a real Envoy counts."""

import asyncio
import itertools
import json
import math
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from eagleray.domain.traffic.router import RevisionStats, RouterLayout, RouterStats
from eagleray.router.bootstrap import LATENCY_EDGES_MS, stats_config
from eagleray.router.stats import parse, scrape
from eagleray.router.xds import address, extension, file_source, typed
from fakes.ports import free_port
from unit.router.envoy_rig import ENVOY, until

TEXT = """# TYPE envoy_cluster_external_upstream_rq_completed counter
envoy_cluster_external_upstream_rq_completed{envoy_cluster_name="m-a"} 12
envoy_cluster_external_upstream_rq_completed{envoy_cluster_name="admin"} 3
# TYPE envoy_cluster_upstream_rq_retry counter
envoy_cluster_upstream_rq_retry{envoy_cluster_name="m-a"} 4
# TYPE envoy_cluster_external_upstream_rq_xx counter
envoy_cluster_external_upstream_rq_xx{envoy_response_code_class="5",envoy_cluster_name="m-a"} 2
# TYPE envoy_cluster_membership_healthy gauge
envoy_cluster_membership_healthy{envoy_cluster_name="m-a"} 3
envoy_cluster_membership_healthy{envoy_cluster_name="m-b"} 0
# TYPE envoy_cluster_upstream_rq_active gauge
envoy_cluster_upstream_rq_active{envoy_cluster_name="m-a"} 1
# TYPE envoy_http_downstream_rq_active gauge
envoy_http_downstream_rq_active{envoy_http_conn_manager_prefix="ingress"} 1
# TYPE envoy_cluster_version_text gauge
envoy_cluster_version_text{envoy_cluster_name="m-a",text_value="v2"} 0
envoy_cluster_version_text{envoy_cluster_name="m-b",text_value="v1"} 0
# TYPE envoy_cluster_manager_cds_version_text gauge
envoy_cluster_manager_cds_version_text{text_value="v2"} 0
# TYPE envoy_http_rds_version_text gauge
envoy_http_rds_version_text{envoy_rds_route_config="ingress",text_value="v2"} 0
# TYPE envoy_cluster_external_upstream_rq counter
envoy_cluster_external_upstream_rq{envoy_response_code="504",envoy_cluster_name="m-a"} 1
# TYPE envoy_cluster_external_upstream_rq_time histogram
envoy_cluster_external_upstream_rq_time_bucket{envoy_cluster_name="m-a",le="0.5"} 0
envoy_cluster_external_upstream_rq_time_bucket{envoy_cluster_name="m-a",le="1.5"} 0
envoy_cluster_external_upstream_rq_time_bucket{envoy_cluster_name="m-a",le="2.5"} 4
envoy_cluster_external_upstream_rq_time_bucket{envoy_cluster_name="m-a",le="3.5"} 4
envoy_cluster_external_upstream_rq_time_bucket{envoy_cluster_name="m-a",le="4.5"} 4
envoy_cluster_external_upstream_rq_time_bucket{envoy_cluster_name="m-a",le="5.5"} 10
envoy_cluster_external_upstream_rq_time_bucket{envoy_cluster_name="m-a",le="+Inf"} 11
envoy_cluster_external_upstream_rq_time_sum{envoy_cluster_name="m-a"} 61.5
envoy_cluster_external_upstream_rq_time_count{envoy_cluster_name="m-a"} 11
"""


def test_every_figure_is_found_at_its_revision() -> None:
    buckets = ((2, 0), (3, 4), (5, 4), (6, 10), (math.inf, 12))
    first = RevisionStats("v2", 3, 1, 12, 2, 4, 61.5, 11, buckets)
    stats = RouterStats("v2", {"m-a": first, "m-b": RevisionStats("v1")}, active=1)
    assert parse(TEXT) == stats
    assert stats.of("m-c") == RevisionStats()


def test_a_router_runs_a_version_when_all_of_it_does() -> None:
    stats = parse(TEXT)
    assert stats.runs("v2", ["m-a"])
    assert not stats.runs("v2", ["m-a", "m-b"])
    assert not stats.runs("v2", ["m-c"])
    assert not stats.runs("v1", [])
    assert parse(TEXT.replace('"ingress",text_value="v2"', '"ingress",text_value="v1"')).config_version == ""


@pytest.mark.parametrize("text", ["", "<html>", "a{b=1} x", "envoy_x_bucket"])
def test_what_is_no_statistics_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse(text)


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
        self._session = session

    async def ask(self, *paths: str) -> list[int]:
        return list(await asyncio.gather(*(self._status(path) for path in paths)))

    async def _status(self, path: str) -> int:
        async with self._session.get(f"http://127.0.0.1:{self.layout.http_port}/{path}") as response:
            return response.status

    async def stats(self) -> RouterStats:
        return await scrape(self._session, "127.0.0.1", self.layout.admin_port)

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
