"""The bounds of what is rendered: a ConfigMap holds 1 MiB, and a look costs what has changed."""

from dataclasses import replace
from functools import cache
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from eagleray.api.spec import ModelDeploymentSpec
from eagleray.api.traffic import Sticky, Traffic, TrafficRule, ValueMatch
from eagleray.domain.actions.router_config import (
    SLOTS,
    Hold,
    InvalidRouterConfigError,
    RouterConfig,
    RouterLane,
    RouterMirror,
    RouterTarget,
    Share,
)
from eagleray.domain.facts.ports import replica_ports
from eagleray.domain.traffic.slots import PIECES
from eagleray.resources.router import build_config_map
from eagleray.router import endpoints
from eagleray.router.cache import Cache
from eagleray.router.config import rendered

CONFIG_MAP_BYTES = 1024 * 1024
OWNER = {"apiVersion": "eagleray.dev/v1alpha1", "kind": "ModelDeployment", "name": "m" * 46, "uid": "u" * 36}
FAMILIES = {"IPv4": "10.244.{}.{}", "IPv6": "fd00:1234:5678:9abc:def0:1234:{}:{}"}


def most(model: type[BaseModel], field: str) -> int:
    """The upper bound that the API sets."""
    (bound,) = [getattr(m, name) for m in model.model_fields[field].metadata for name in ("le", "max_length")
                if hasattr(m, name)]  # fmt: skip
    return int(bound)


MAX_REPLICAS = most(ModelDeploymentSpec, "replicas")


@cache
def addresses_of(family: str, number: int) -> tuple[str, ...]:
    return tuple(FAMILIES[family].format(100 + number, 1000 + n) for n in range(MAX_REPLICAS))


def target(
    number: int, replicas: int, *, per_pod: int = 1, family: str = "IPv4", hold: Hold | None = None
) -> RouterTarget:
    """A revision that shares a version with the one whose number differs in the last bit."""
    addresses = addresses_of(family, number)[: -(-replicas // per_pod)]
    name, other = (f"{'m' * 48}-{n:08}" for n in (number, number ^ 1))
    return RouterTarget(
        revision=name,
        version=f"v{number // 2:019}"[:20],
        addresses=addresses,
        ports=replica_ports(per_pod),
        model=True,
        hold=hold,
        # Nobody stands in for one that is woken.
        fallback="" if hold else other,
        copied=True,
    )


def manifest_bytes(config: RouterConfig) -> int:
    return len(orjson.dumps(build_config_map(config, rendered(config), OWNER)))


def split_between(*targets: RouterTarget) -> tuple[Share, ...]:
    """As many pieces as there can be."""
    pieces = [Share(targets[n % len(targets)].revision, SLOTS // PIECES) for n in range(PIECES - 1)]
    return (*pieces, Share(targets[0].revision, SLOTS - sum(s.slots for s in pieces)))


@pytest.mark.parametrize(("family", "most_bytes"), [("IPv4", 740_000), ("IPv6", 920_000)])
def test_all_replicas_of_an_object_fit_while_two_revisions_of_it_run(family: str, most_bytes: int) -> None:
    both = [target(n, MAX_REPLICAS, family=family) for n in range(2)]
    config = RouterConfig("m" * 46, "n" * 63, tuple(both), split=split_between(*both))
    assert manifest_bytes(config) < most_bytes


REVISIONS = st.tuples(
    st.integers(0, MAX_REPLICAS) | st.just(MAX_REPLICAS), st.integers(1, 8), st.sampled_from(sorted(FAMILIES))
)


# The configuration is not drawn itself: hypothesis warns of examples that take too long to print.
@settings(max_examples=40)
@given(
    revisions=st.lists(st.tuples(REVISIONS, REVISIONS), min_size=1, max_size=most(ModelDeploymentSpec, "versions")),
    rules=st.integers(0, most(Traffic, "rules")),
    sticky=st.sampled_from([None, Sticky(cookie="x" * 256), Sticky(header="x" * 256)]),
    sides=st.tuples(st.booleans(), st.booleans()),
)
def test_what_the_api_allows_fits_into_a_config_map_or_is_refused_before_it_is_written(
    revisions: list[tuple[tuple[int, int, str], ...]], rules: int, sticky: Sticky | None, sides: tuple[bool, bool]
) -> None:
    hold = Hold(120.0, 10_000, 600) if sides[0] else None
    each = [one for pair in revisions for one in pair]
    targets = tuple(
        target(n, replicas, per_pod=per_pod, family=family, hold=hold)
        for n, (replicas, per_pod, family) in enumerate(each)
    )
    pairs = zip(*[iter(targets)] * 2, strict=True)
    lanes = tuple(RouterLane(a.version, (Share(a.revision, 5000), Share(b.revision, 5000))) for a, b in pairs)
    # Twice quoted, as a text in a JSON file in a manifest, each of these takes four bytes.
    dearest = TrafficRule(header=ValueMatch(name="x" * 256, value='"' * 1024), version=lanes[0].version)
    config = RouterConfig(
        "m" * 46,
        "n" * 63,
        targets,
        split=split_between(*targets),
        lanes=lanes,
        rules=(dearest,) * rules,
        sticky=sticky,
        mirror=RouterMirror(targets[0].revision, 1),
        compares=sides[1],
        model=True,
        holds=sides[0],
    )
    assert hash(config) == hash(replace(config))
    try:
        size = manifest_bytes(config)
    except InvalidRouterConfigError as e:
        assert sum(replicas for replicas, *_ in each) > MAX_REPLICAS
        assert "ask for fewer replicas or versions" in str(e)  # noqa: PT017 -- either outcome is right
    else:
        assert size < CONFIG_MAP_BYTES


def test_the_most_rules_versions_and_pieces_fit_in_their_dearest_form() -> None:
    targets = tuple(target(n, 1) for n in range(16))
    halves = [(Share(a.revision, 5000), Share(b.revision, 5000)) for a, b in zip(*[iter(targets)] * 2, strict=True)]
    lanes = tuple(RouterLane(f"v{n}", half) for n, half in enumerate(halves))
    rule = TrafficRule(header=ValueMatch(name="x" * 256, regex="x" * 1024), version="v0")
    whole = RouterConfig(
        "m",
        "ns",
        targets,
        split=split_between(*targets[:2]),
        lanes=lanes,
        rules=(rule,) * 16,
        sticky=Sticky(cookie="x" * 256),
        mirror=RouterMirror(targets[0].revision, 1),
        model=True,
        holds=True,
    )
    assert manifest_bytes(whole) < CONFIG_MAP_BYTES


def test_what_is_equal_is_rendered_once_and_what_has_changed_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    make: Any = endpoints._assignment

    def noted(*key: Any) -> str:
        made.append(key[0])
        return str(make(*key))

    monkeypatch.setattr(endpoints, "_assignment", noted)
    targets = tuple(target(n, 3) for n in range(70, 74))
    config = RouterConfig("m", "ns", targets)
    assert rendered(config) is rendered(replace(config, targets=tuple(replace(t) for t in targets)))
    grown = replace(targets[1], addresses=(*targets[1].addresses, "10.0.0.1"))
    rendered(replace(config, targets=(targets[0], grown, *targets[2:]), max_request_bytes=7))
    assert made == [*(t.revision for t in targets), grown.revision]


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 40)), max_size=60))
def test_a_cache_keeps_what_was_asked_for_last_and_never_more_than_its_bytes(asked: list[tuple[int, int]]) -> None:
    values: Cache[tuple[int, int], bytes] = Cache(100, len)
    last: list[tuple[int, int]] = []
    for key in asked:
        assert values.get(key, lambda key=key: bytes(key[1])) == bytes(key[1])  # type: ignore[misc]
        last = [*(k for k in last if k != key), key]
        while sum(size for _, size in last) > 100:
            last.pop(0)
        assert values.held == sum(size for _, size in last)
    for key in last:
        assert values.get(key, lambda: b"made again") == bytes(key[1])
