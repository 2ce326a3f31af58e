"""The rendered files: stable, complete and golden."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eagleray.domain.router import InvalidRouterConfigError, RouterConfig, RouterTarget
from eagleray.resources.pod import PodSettings
from eagleray.resources.router import build_router
from eagleray.router.config import config_version, render

GOLDEN = Path(__file__).parents[2] / "golden"
PORTS = (30000, 30001)
STABLE = RouterTarget("churn-default-0a1b2c3d", "default", 100, ("10.0.0.9", "10.0.0.10"), PORTS, retry_in_flight=True)
CANDIDATE = RouterTarget("churn-default-4e5f6a7b", "default", 0, (), PORTS)
CONFIG = RouterConfig("churn", "models", (STABLE, CANDIDATE))
OWNER = {"apiVersion": "eagleray.dev/v1alpha1", "kind": "ModelDeployment", "name": "churn", "uid": "u-1"}


def objects(config: RouterConfig) -> list[dict[str, object]]:
    settings = PodSettings("IfNotPresent", ("pull",))
    return build_router(config, render(config), config_version(config), "eagleray/router:1", OWNER, settings)


@pytest.mark.parametrize("name", ["router-files.json", "router-objects.json"])
def test_golden(name: str) -> None:
    """Set EAGLERAY_GOLDEN=write to take over what is rendered now."""
    if name == "router-files.json":
        found: object = {file: json.loads(text) for file, text in render(CONFIG).items()}
    else:
        found = [o for o in objects(CONFIG) if o["kind"] != "ConfigMap"]
    text = json.dumps(found, indent=1, sort_keys=True) + "\n"
    if os.environ.get("EAGLERAY_GOLDEN") == "write":
        (GOLDEN / name).write_text(text)
    assert (GOLDEN / name).read_text() == text


def test_the_order_of_targets_addresses_and_ports_changes_no_byte() -> None:
    mixed = replace(STABLE, addresses=STABLE.addresses[::-1], ports=STABLE.ports[::-1])
    other = replace(CONFIG, targets=(CANDIDATE, mixed))
    assert render(other) == render(CONFIG)
    assert config_version(other) == config_version(CONFIG)


@pytest.mark.parametrize(
    "changed",
    [
        replace(CONFIG, targets=(replace(STABLE, weight=0), CANDIDATE)),
        replace(CONFIG, targets=(STABLE,)),
        replace(CONFIG, targets=(replace(STABLE, addresses=("10.0.0.9",)), CANDIDATE)),
        replace(CONFIG, request_timeout=1),
        replace(CONFIG, max_request_bytes=1),
        replace(CONFIG, targets=(), unavailable="away"),
    ],
)
def test_every_change_has_its_version_and_none_needs_new_pods(changed: RouterConfig) -> None:
    assert config_version(changed) != config_version(CONFIG)
    assert render(changed)["bootstrap.json"] == render(CONFIG)["bootstrap.json"]
    template = [o for o in objects(replace(changed, request_timeout=60)) if o["kind"] == "Deployment"]
    assert template == [o for o in objects(CONFIG) if o["kind"] == "Deployment"]


def test_only_routes_change_with_weights() -> None:
    changed = replace(CONFIG, targets=(replace(STABLE, weight=0), replace(CANDIDATE, weight=100)))
    before, after = render(CONFIG), render(changed)
    body = {n: json.loads(before[n])["resources"] != json.loads(after[n])["resources"] for n in before if "b" not in n}
    assert body == {n: n in {"rds.json", "ops.json"} for n in body}


def test_the_pods_outlive_their_longest_request() -> None:
    def grace(timeout: float) -> int:
        (deployment,) = [o for o in objects(replace(CONFIG, request_timeout=timeout)) if o["kind"] == "Deployment"]
        spec = json.loads(json.dumps(deployment))["spec"]["template"]["spec"]
        (deadline,) = [a for a in spec["containers"][0]["lifecycle"]["preStop"]["exec"]["command"] if "deadline" in a]
        seconds = int(spec["terminationGracePeriodSeconds"])
        assert timeout < int(deadline.partition("=")[2]) < seconds or timeout == 0 or timeout > 600
        return seconds

    assert grace(60) == 75
    assert grace(0) == grace(10_000) == 615


@given(st.lists(st.integers(-5, 105), max_size=4))
def test_weights_that_do_not_share_out_all_traffic_are_refused(weights: list[int]) -> None:
    targets = tuple(replace(CANDIDATE, revision=f"r{i}", weight=w) for i, w in enumerate(weights))
    if all(0 <= w <= 100 for w in weights) and sum(weights) in {0, 100}:
        assert RouterConfig("m", "ns", targets).targets == targets
    else:
        with pytest.raises(InvalidRouterConfigError, match="weights must sum up to 100"):
            RouterConfig("m", "ns", targets)


def test_a_revision_is_there_once() -> None:
    with pytest.raises(InvalidRouterConfigError, match="more than once"):
        RouterConfig("m", "ns", (CANDIDATE, CANDIDATE))
    with pytest.raises(InvalidRouterConfigError, match="request_timeout"):
        RouterConfig("m", "ns", request_timeout=-1)
