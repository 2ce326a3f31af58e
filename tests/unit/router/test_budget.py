"""What routers take at one time follows from their memory, and all of it fits."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eagleray.api.placement import ResourceRequirements
from eagleray.api.units import parse_quantity
from eagleray.domain.actions.access import Access, Limits, Mounted, Tls
from eagleray.domain.actions.router_config import RouterConfig, RouterLane, RouterTarget
from eagleray.domain.actions.router_size import RouterSize
from eagleray.domain.traffic.size import size
from eagleray.router import budget
from eagleray.router.config import rendered

DOCS = Path(__file__).parents[3] / "docs/how-to/clients-and-proxies.md"
TLS = Access(tls=Tls(Mounted("Secret", "m-tls")))


def config(versions: int = 1, *, candidate: bool = False, **options: Any) -> RouterConfig:
    targets = tuple(RouterTarget(f"m-v{n}-0", f"v{n}", (), (30000,)) for n in range(versions))
    extra = (RouterTarget("m-v0-1", "v0", (), (30000,)),) if candidate else ()
    lanes = tuple(RouterLane(t.version) for t in targets)
    return RouterConfig("m", "ns", (*targets, *extra), lanes=lanes, **options)


def of(mebibytes: int) -> RouterSize:
    return RouterSize(limits=(("memory", f"{mebibytes}Mi"),))


@given(
    mebibytes=st.integers(256, 65536),
    versions=st.integers(1, 16),
    tls=st.booleans(),
    retry=st.integers(0, 4 * budget.MIB),
    headers=st.integers(8, 1024),
)
def test_the_most_requests_and_the_most_connections_fit_into_the_heap(
    *, mebibytes: int, versions: int, tls: bool, retry: int, headers: int
) -> None:
    sizes = {"retry_body_bytes": retry, "max_header_bytes": headers * 1024}
    asked = config(versions, candidate=True, size=of(mebibytes), access=TLS if tls else Access(), **sizes)
    bounds = budget.budget(asked)
    of_one = budget.REQUEST_BYTES + headers * 1024 + min(retry, asked.max_request_bytes)
    of_one += budget.STREAM_WINDOW_BYTES + budget.BUFFER_BYTES
    requests = sum(budget.requests_at_once(asked, target) * of_one for target in asked.targets)
    # Each revision takes one request at least, however little memory there is.
    least = len(asked.targets) * of_one
    connections = bounds.connections * (budget.TLS_CONNECTION_BYTES if tls else budget.CONNECTION_BYTES)
    assert connections + max(requests - least, 0) + budget.IDLE_BYTES < bounds.heap < mebibytes * budget.MIB


def test_envoy_is_told_the_bounds() -> None:
    asked = config(2, limits=Limits(connections=100_000))
    files = {name: json.loads(text) for name, text in rendered(asked).files.items() if name.endswith(".json")}
    bounds = budget.budget(asked)
    monitors = [m["typed_config"] for m in files["bootstrap.json"]["overload_manager"]["resource_monitors"]]
    assert [monitors[0]["max_heap_size_bytes"], monitors[1]["max_active_downstream_connections"]] == [
        str(bounds.heap),
        str(bounds.connections),
    ]
    for cluster in files["cds.json"]["resources"]:
        (high,) = [t for t in cluster["circuit_breakers"]["thresholds"] if t["priority"] == "HIGH"]
        assert high["max_requests"] == budget.requests_at_once(asked, asked.targets[0])
    clients = files["lds.json"]["resources"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    assert clients["max_connections"] == str(bounds.connections), "no more than there is memory for"


def test_no_bound_changes_with_what_changes_while_a_model_serves() -> None:
    """Clusters that change are built anew, and routers that start otherwise are other Pods."""
    before = config(2)
    after = replace(before, targets=(*config(2, candidate=True).targets,))
    clusters = [json.loads(rendered(c).files["cds.json"])["resources"] for c in (before, after)]
    by_name = [{cluster["name"]: cluster for cluster in each} for each in clusters]
    assert {name: by_name[1][name] for name in by_name[0]} == by_name[0]
    assert rendered(before).files["bootstrap.json"] == rendered(after).files["bootstrap.json"]


def test_the_docs_have_these_numbers() -> None:
    table = re.findall(r"^\| ([0-9]+)(Mi|Gi) \| (.*) \|$", DOCS.read_text(), re.MULTILINE)
    assert len(table) == 3
    for number, unit, cells in table:
        size = of(int(number) * (1024 if unit == "Gi" else 1))
        one, two = config(size=size), config(2, size=size)
        found = [budget.budget(c).connections for c in (one, replace(one, access=TLS))]
        found += [budget.requests_at_once(c, c.targets[0]) for c in (one, two)]
        assert [int(cell.replace(",", "")) for cell in cells.split(" | ")] == found, f"{number}{unit}"


@pytest.mark.parametrize(("copied", "share"), [(False, 1.0), (True, 0.2)])
def test_who_gets_copies_keeps_whole_ones_and_takes_fewer_requests(*, copied: bool, share: float) -> None:
    plain = config()
    asked = replace(plain, targets=tuple(replace(t, copied=copied) for t in plain.targets))
    (cluster,) = json.loads(rendered(asked).files["cds.json"])["resources"]
    assert (cluster["per_connection_buffer_limit_bytes"] > budget.COPY_BODY_BYTES) == copied
    most = [budget.requests_at_once(c, c.targets[0]) for c in (asked, plain)]
    assert most[0] <= share * most[1]


@pytest.mark.parametrize(
    ("asked", "requests", "limits"),
    [
        ({}, {"cpu": "50m", "memory": "96Mi"}, {"memory": "512Mi"}),
        ({"limits": {"memory": "2Gi", "cpu": "1"}}, {"cpu": "50m", "memory": "96Mi"}, {"memory": "2Gi", "cpu": "1"}),
        ({"requests": {"memory": "1Gi"}}, {"cpu": "50m", "memory": "1Gi"}, {"memory": "1Gi"}),
        ({"limits": {"cpu": "20m"}}, {"cpu": "20m", "memory": "96Mi"}, {"memory": "512Mi", "cpu": "20m"}),
    ],
)
def test_a_router_pod_has_what_was_asked_over_what_it_needs(
    asked: dict[str, dict[str, str]], requests: dict[str, str], limits: dict[str, str]
) -> None:
    found = size(ResourceRequirements.model_validate(asked))
    assert (dict(found.requests), dict(found.limits)) == (requests, limits)
    assert found.memory == parse_quantity(limits["memory"])
