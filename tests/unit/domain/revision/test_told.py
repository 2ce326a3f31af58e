"""How long Serve waits for replicas: as long as a request may take, unless the code has chosen a time of its own."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eagleray.domain.actions.actions import PutApplication
from eagleray.domain.facts.patience import (
    CHECKS_IN_A_ROW,
    LONGEST_SECONDS,
    MIN_DRAIN_SECONDS,
    SERVES_OWN,
    Patience,
    drain_seconds,
    health_seconds,
    patience_for,
    router_health_seconds,
)
from eagleray.domain.facts.serve import (
    Application,
    AppStatus,
    DeploymentStatus,
    Replica,
    ReplicaState,
    ServeDeployment,
    ServeState,
)
from eagleray.domain.plan.plan import plan
from eagleray.domain.version.desired import parse
from unit.domain.plan.test_plan import settle
from unit.domain.world import START, World

LONG = patience_for(300)
FRONT = ServeDeployment(
    "Front",
    DeploymentStatus.HEALTHY,
    target_num_replicas=2,
    is_ingress=True,
    replicas=tuple(Replica(f"r{n}", ReplicaState.RUNNING, "p", START) for n in range(2)),
    patience=SERVES_OWN,
)
BACK = replace(FRONT, name="Back", is_ingress=False, target_num_replicas=1)


def puts(*deployments: ServeDeployment, status: AppStatus = AppStatus.RUNNING) -> list[PutApplication]:
    """What Serve is told of an application with a request timeout of five minutes."""
    world = World(app={"importPath": "a:b"}, replicas=2, requestTimeout="5m")
    settle(world)
    (head,) = world.heads()
    observed = world.observed()
    seen = replace(observed, serve={head.name: ServeState((Application("m", status, deployments=deployments),))})
    decision = plan(parse(world.manifest(), world.installation, observed), seen, world.now)
    return [action for action in decision.actions if isinstance(action, PutApplication)]


@pytest.mark.parametrize(
    ("seen", "told", "ours"),
    [
        (SERVES_OWN, Patience(), LONG),
        (Patience(10.0, 30.0), Patience(), Patience(None, LONG.health)),
        (Patience(20.0, 7.0), Patience(), Patience(LONG.shutdown, None)),
        (Patience(10.0, 7.0), Patience(), None),
        (LONG, LONG, None),
        (Patience(10.0, LONG.health), Patience(None, LONG.health), None),
        # requestTimeout was another one.
        (patience_for(600), patience_for(600), LONG),
        (Patience(), Patience(), None),
    ],
)
def test_what_the_code_has_chosen_stays(seen: Patience, told: Patience, ours: Patience | None) -> None:
    found = puts(replace(FRONT, patience=seen, told=told))
    assert [put.patience for put in found] == ([] if ours is None else [{"Front": ours}])


def test_all_deployments_are_told_and_only_the_one_that_answers_has_its_number_from_us() -> None:
    (put,) = puts(FRONT, replace(BACK, patience=LONG, told=LONG))
    assert put.patience == {"Front": LONG, "Back": LONG}
    assert put.replicas == {"Front": 2}


def test_our_own_server_is_told_once_with_its_first_application() -> None:
    world = World(replicas=2, requestTimeout="5m")
    put = [action for _ in range(120) for action in world.step().actions if isinstance(action, PutApplication)]
    assert [each.patience for each in put] == [{"Model": LONG}]


@pytest.mark.parametrize("status", [status for status in AppStatus if status is not AppStatus.RUNNING])
def test_serve_is_told_nothing_while_it_is_at_something_else(status: AppStatus) -> None:
    assert puts(FRONT, status=status) == []


def test_serve_is_told_when_its_numbers_are_settled() -> None:
    assert puts(replace(FRONT, target_num_replicas=1)) == []


@given(st.floats(0.01, 10**7))
def test_nobody_ends_what_a_request_may_take(request_timeout: float) -> None:
    longest, found = min(request_timeout, LONGEST_SECONDS), patience_for(request_timeout)
    assert found.shutdown is not None
    assert found.health == health_seconds(request_timeout)
    assert found.shutdown >= longest + MIN_DRAIN_SECONDS
    assert drain_seconds(request_timeout) > found.shutdown
    assert CHECKS_IN_A_ROW * health_seconds(request_timeout) > longest
    router = CHECKS_IN_A_ROW * router_health_seconds(request_timeout)
    assert longest < router <= max(15, longest + 3.001), "a replica that hangs is asked for no longer"
