"""The rendered files: stable, complete and golden."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eagleray.api.traffic import Sticky, TrafficRule, ValueMatch
from eagleray.domain.actions.access import Access, Mounted, Tls
from eagleray.domain.actions.router_config import (
    SLOTS,
    Cors,
    Hold,
    RouterConfig,
    RouterLane,
    RouterMirror,
    RouterTarget,
    Share,
)
from eagleray.domain.facts.router_layout import CONFIG_DIR
from eagleray.resources.children import ROUTER_CHILDREN, RouterContext
from eagleray.resources.pod import PodSettings
from eagleray.resources.router import COMPARER, HOLDER
from eagleray.router.config import rendered

GOLDEN = Path(__file__).parents[2] / "golden"
PORTS = (30000, 30001)
STABLE = RouterTarget("churn-v1-0a1b2c3d", "v1", ("10.0.0.9", "10.0.0.10"), PORTS, model=True)
CANDIDATE = RouterTarget("churn-v1-4e5f6a7b", "v1", (), PORTS)
MIRROR = RouterTarget("churn-v2-89abcdef", "v2", ("10.0.0.11",), PORTS, model=True, copied=True)
CANARY = (Share(STABLE.revision, 9000), Share(CANDIDATE.revision, 1000))
BETA = TrafficRule(header=ValueMatch(name="x-beta", value="true"), version="v1")
CONFIG = RouterConfig(
    "churn",
    "models",
    (STABLE, CANDIDATE, MIRROR),
    split=(Share(STABLE.revision, SLOTS),),
    lanes=(RouterLane("v1", CANARY), RouterLane("v2")),
    rules=(BETA, TrafficRule(query=ValueMatch(name="variant", prefix="v2"), version="v2")),
    sticky=Sticky(cookie="seat"),
    mirror=RouterMirror(MIRROR.revision, 10),
)
COMPARING = replace(CONFIG, compares=True)
NAMES = ("m-a", "m-b", "m-c", "m-d")
OWNER = {"apiVersion": "eagleray.dev/v1alpha1", "kind": "ModelDeployment", "name": "churn", "uid": "u-1"}


def files(config: RouterConfig) -> Mapping[str, str]:
    return rendered(config).files


def version(config: RouterConfig) -> str:
    return rendered(config).version


def read(name: str, text: str) -> Any:
    """A file without the version; the text format's version stands at its beginning."""
    return json.loads(text)["resources"] if name.endswith(".json") else text.partition(" ")[2]


def objects(config: RouterConfig) -> list[dict[str, object]]:
    settings = PodSettings("IfNotPresent", ("pull",))
    context = RouterContext(config, rendered(config), "eagleray/router:1", OWNER, settings)
    return [child.build(context) for child in ROUTER_CHILDREN]


@pytest.mark.parametrize("name", ["router-files.json", "router-objects.json"])
def test_golden(name: str) -> None:
    """Set EAGLERAY_GOLDEN=write to take over what is rendered now."""
    if name == "router-files.json":
        found: object = {n: json.loads(text) if n.endswith(".json") else text for n, text in files(CONFIG).items()}
    else:
        found = [o for o in objects(CONFIG) if o["kind"] != "ConfigMap"]
    text = json.dumps(found, indent=1, sort_keys=True) + "\n"
    if os.environ.get("EAGLERAY_GOLDEN") == "write":
        (GOLDEN / name).write_text(text)
    assert (GOLDEN / name).read_text() == text


def test_the_order_of_targets_lanes_addresses_and_ports_changes_no_byte() -> None:
    mixed = replace(STABLE, addresses=STABLE.addresses[::-1], ports=STABLE.ports[::-1])
    other = replace(CONFIG, targets=(MIRROR, CANDIDATE, mixed), lanes=CONFIG.lanes[::-1])
    assert files(other) == files(CONFIG)
    assert version(other) == version(CONFIG)


@pytest.mark.parametrize(
    "changed",
    [
        replace(CONFIG, split=()),
        replace(CONFIG, split=CANARY),
        replace(CONFIG, split=CANARY[::-1]),
        replace(CONFIG, targets=(STABLE, CANDIDATE), lanes=CONFIG.lanes, mirror=None),
        replace(CONFIG, targets=(replace(STABLE, addresses=("10.0.0.9",)), CANDIDATE, MIRROR)),
        replace(CONFIG, targets=(replace(STABLE, version="v3"), CANDIDATE, MIRROR)),
        replace(CONFIG, lanes=(RouterLane("v1", CANARY), RouterLane("v2", (Share(MIRROR.revision, SLOTS),)))),
        replace(CONFIG, rules=CONFIG.rules[::-1]),
        replace(CONFIG, sticky=Sticky(header="seat")),
        replace(CONFIG, sticky=None),
        replace(CONFIG, mirror=RouterMirror(MIRROR.revision, 11)),
        replace(CONFIG, answer_headers=False),
        replace(CONFIG, prefixes=("/m",)),
        replace(CONFIG, request_timeout=1),
        replace(CONFIG, max_request_bytes=1),
        replace(CONFIG, max_header_bytes=8192),
        replace(CONFIG, max_headers=50),
        replace(CONFIG, cors=Cors(("*",), (), (), (), credentials=False, max_age=60)),
        replace(CONFIG, split=(), unavailable="away"),
    ],
)
def test_every_change_has_its_version_and_none_needs_new_pods(changed: RouterConfig) -> None:
    assert version(changed) != version(CONFIG)
    assert files(changed)["bootstrap.json"] == files(CONFIG)["bootstrap.json"]
    template = [o for o in objects(replace(changed, request_timeout=60)) if o["kind"] == "Deployment"]
    assert template == [o for o in objects(CONFIG) if o["kind"] == "Deployment"]


def test_only_routes_change_with_the_split() -> None:
    before, after = dict(files(CONFIG)), dict(files(replace(CONFIG, split=CANARY, sticky=None, mirror=None, rules=())))
    assert before.pop("bootstrap.json") == after.pop("bootstrap.json")
    changed = {n for n in before if read(n, before[n]) != read(n, after[n])}
    assert changed == {"rds.json", "ops.json"}
    assert before.keys() == after.keys()


@pytest.mark.parametrize("tls", [None, Tls(Mounted("Secret", "churn-tls"))])
def test_a_cookie_that_came_by_tls_stays_there(tls: Tls | None) -> None:
    routes = files(replace(CONFIG, access=Access(tls=tls)))["rds.json"]
    cookies = re.findall(r"seat=[^\"]+", routes)
    assert cookies
    assert {cookie.endswith("; SameSite=Lax; Secure") for cookie in cookies} == {tls is not None}


def splits(revisions: tuple[str, ...] = NAMES) -> st.SearchStrategy[tuple[Share, ...]]:
    def shared(ends: set[int], owners: list[str]) -> tuple[Share, ...]:
        cuts = sorted({0, SLOTS, *ends})
        return tuple(Share(r, b - a) for r, a, b in zip(owners, cuts, cuts[1:], strict=False))

    owners = st.lists(st.sampled_from(revisions), min_size=7, max_size=7)
    return st.just(()) | st.builds(shared, st.sets(st.integers(1, SLOTS - 1), max_size=6), owners)


@st.composite
def configs(draw: st.DrawFn) -> RouterConfig:
    holds = draw(st.booleans())
    hold = st.sampled_from([None, Hold(1, 1, 1)]) if holds else st.none()
    version = draw(st.sampled_from([lambda name: name[-1], lambda _: "v"]))
    targets = [
        RouterTarget(
            name,
            version(name),
            (),
            PORTS,
            draw(st.booleans()),
            draw(hold),
            draw(st.sampled_from(["", *(n for n in NAMES if n != name and version(n) == version(name))])),
            copied=True,
        )
        for name in NAMES
    ]
    lanes = draw(st.lists(st.builds(RouterLane, st.sampled_from("abcd"), splits()), unique_by=lambda x: x.version))
    match = ValueMatch(name="x", prefix="1")
    rules = [
        TrafficRule(header=match if n % 2 else None, query=None if n % 2 else match, version=lane.version)
        for n, lane in enumerate(lanes)
    ]
    return RouterConfig(
        "m",
        "ns",
        tuple(draw(st.permutations(targets))),
        split=draw(splits()),
        lanes=tuple(lanes),
        rules=tuple(rules),
        sticky=draw(st.sampled_from([None, Sticky(header="x"), Sticky(cookie="x")])),
        mirror=draw(st.none() | st.builds(RouterMirror, st.sampled_from(NAMES), st.integers(1, 100))),
        compares=draw(st.booleans()),
        version_header=draw(st.booleans()),
        model=draw(st.booleans()),
        holds=holds,
    )


def routes_of(config: RouterConfig) -> list[dict[str, Any]]:
    (table,) = json.loads(files(config)["rds.json"])["resources"]
    routes: list[dict[str, Any]] = table["virtual_hosts"][0]["routes"]
    return routes


def watches(route: dict[str, Any]) -> bool:
    """Whether it is one of those who watch: who names a revision is counted apart as well."""
    match = route["match"]
    asks = "safe_regex" in match or "user-agent" in {header["name"] for header in match.get("headers", [])}
    return asks and "request_headers_to_add" in route


@given(configs())
def test_what_is_rendered_is_stable_shares_out_everything_and_ends_in_a_route_for_all(config: RouterConfig) -> None:
    again = replace(config, targets=config.targets[::-1], lanes=config.lanes[::-1])
    assert files(config) == files(again)
    routes = routes_of(config)
    groups = [r["route"]["weighted_clusters"]["clusters"] for r in routes if "route" in r and not watches(r)]
    assert [sum(c["weight"] for c in clusters) for clusters in groups] == [SLOTS] * len(groups)
    assert groups
    watched = [c for r in routes if watches(r) for c in r["route"]["weighted_clusters"]["clusters"]]
    assert bool(watched) == config.holds
    assert [c for c in watched if "typed_per_filter_config" in c] == [], "who watches waits for nothing"
    last = routes[-1]["match"]
    assert (last["prefix"], last.get("headers", []), last.get("cookies", [])) == ("/", [], [])
    assert "runtime_fraction" not in last


def test_what_is_compared_is_no_matter_of_pods_or_listeners() -> None:
    """Both break connections: they change where somebody wants a comparison, not with who is compared."""
    other = replace(COMPARING, mirror=RouterMirror(CANDIDATE.revision, 50, relative=0.5, bodies=True))
    for config in (other, replace(COMPARING, mirror=None)):
        assert version(config) != version(COMPARING) != version(CONFIG)
        assert deployment(config) == deployment(COMPARING)
        assert (
            json.loads(files(config)["lds.json"])["resources"] == json.loads(files(COMPARING)["lds.json"])["resources"]
        )
        assert files(config)["bootstrap.json"] == files(CONFIG)["bootstrap.json"]


def test_a_pod_has_a_comparer_only_where_answers_are_compared() -> None:
    without, beside = (deployment(c)["spec"]["template"]["spec"] for c in (CONFIG, COMPARING))
    assert [c["name"] for c in without["containers"]] == ["envoy"]
    envoy, comparer = beside.pop("containers")
    assert beside == {k: v for k, v in without.items() if k != "containers"}
    assert (comparer["name"], comparer["image"]) == (COMPARER, envoy["image"])
    assert comparer["securityContext"] == envoy["securityContext"]
    assert not comparer.keys() & {"readinessProbe", "livenessProbe", "ports"}


def test_holds_are_taken_over_without_new_pods_and_the_holder_reads_them_with_the_routes() -> None:
    """Only the first `idle` of an object replaces its router's Pods."""
    holding = replace(CONFIG, holds=True, hold_timeout=120.0)
    held = replace(STABLE, hold=Hold(timeout=120.0, max_held=100, retry_after=14))
    asleep = replace(holding, targets=(held, *CONFIG.targets[1:]))
    assert json.loads(files(holding)["holds.json"]) == {}
    assert json.loads(files(asleep)["holds.json"]) == {
        STABLE.revision: {"timeout": 120.0, "maxHeld": 100, "retryAfter": 14}
    }
    assert "holds.json" not in files(CONFIG)
    later = replace(asleep, targets=(replace(held, hold=Hold(120.0, 100, 15)), *CONFIG.targets[1:]))
    assert len({version(c) for c in (CONFIG, holding, asleep, later)}) == 4
    assert deployment(holding) == deployment(asleep)
    assert files(holding)["lds.json"].count("ext_authz") == files(asleep)["lds.json"].count("ext_authz") > 0
    spec = deployment(holding)["spec"]["template"]["spec"]
    envoy, holder = spec["containers"]
    assert (holder["name"], holder["volumeMounts"]) == (HOLDER, envoy["volumeMounts"])
    assert f"--file={CONFIG_DIR}/..data/holds.json" in holder["args"]
    longer = spec["terminationGracePeriodSeconds"]
    assert longer - deployment(CONFIG)["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] == 120


def deployment(config: RouterConfig) -> Any:
    (found,) = [o for o in objects(config) if o["kind"] == "Deployment"]
    return found


def test_the_pods_outlive_their_longest_request() -> None:
    def grace(timeout: float) -> int:
        (deployment,) = [o for o in objects(replace(CONFIG, request_timeout=timeout)) if o["kind"] == "Deployment"]
        spec = json.loads(json.dumps(deployment))["spec"]["template"]["spec"]
        (deadline,) = [a for a in spec["containers"][0]["lifecycle"]["preStop"]["exec"]["command"] if "deadline" in a]
        seconds = int(spec["terminationGracePeriodSeconds"])
        assert timeout < int(deadline.partition("=")[2]) < seconds or timeout == 0 or timeout > 3600
        return seconds

    assert grace(60) == 75
    assert grace(0) == grace(10_000) == 3615


@pytest.mark.parametrize("timeout", [0, 0.2, 60, 300, 3600])
def test_no_request_that_computes_where_health_checks_are_answered_is_its_replicas_end(timeout: float) -> None:
    for cluster in json.loads(files(replace(CONFIG, request_timeout=timeout))["cds.json"])["resources"]:
        for check in cluster.get("health_checks", []):
            assert float(check["timeout"].rstrip("s")) * check["unhealthy_threshold"] > timeout
