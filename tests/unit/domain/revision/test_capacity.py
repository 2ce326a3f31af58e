from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eagleray.api.conditions import Reason
from eagleray.domain.actions.actions import DeletePod, DrainNode
from eagleray.domain.facts.pods import Pod, Role
from eagleray.domain.facts.problem import Problem
from eagleray.domain.facts.ray_nodes import NodeState, NodeStatus
from eagleray.domain.facts.serve import (
    Application,
    AppStatus,
    DeploymentStatus,
    Replica,
    ReplicaState,
    ServeDeployment,
    ServeState,
)
from eagleray.domain.goals.groups import WorkerGroup
from eagleray.domain.revision.backoff import delay, note
from eagleray.domain.revision.capacity import free_indexes, give_up, pods_needed, surplus, within_joined

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HEAD = Pod("h", "uh", "r", Role.HEAD, 1, 0, "Running", NOW, started=True)


def workers(count: int) -> tuple[Pod, ...]:
    return tuple(
        Pod(f"w{i}", f"u{i}", "r", Role.WORKER, 1, i, "Running", NOW, ip="10.0.0.1", started=True) for i in range(count)
    )


def serve(*pods: str) -> ServeState:
    replicas = tuple(Replica(f"r{p}", ReplicaState.STOPPING, p, NOW) for p in pods)
    return ServeState(
        (Application("m", AppStatus.RUNNING, "", (ServeDeployment("D", DeploymentStatus.HEALTHY, replicas=replicas),)),)
    )


@given(replicas=st.integers(0, 1000), per_pod=st.integers(1, 50))
def test_pods_hold_the_replicas_and_none_is_spare(replicas: int, per_pod: int) -> None:
    pods = pods_needed(replicas, per_pod)
    assert (pods - 1) * per_pod < replicas <= pods * per_pod or pods == replicas == 0


@given(taken=st.sets(st.integers(0, 30)), count=st.integers(0, 10))
def test_indexes_are_free_and_the_smallest(taken: set[int], count: int) -> None:
    found = free_indexes(taken, count)
    assert len(found) == count
    assert not set(found) & taken
    assert set(range(max(found, default=0))) <= taken | set(found)


def test_an_occupied_worker_stays_whatever_its_replica_does() -> None:
    assert surplus(workers(2), 1, serve("w0", "w1")) == ()


def test_an_empty_worker_is_drained_first_and_deleted_when_ray_has_let_go() -> None:
    (empty,) = surplus(workers(2), 1, serve("w0"))
    assert give_up(empty, HEAD, None) == DrainNode("r", "h", "w1")
    gone = NodeState("w1", b"", NodeStatus.DEAD)
    assert give_up(empty, HEAD, gone) == DeletePod("w1", "u1", "not needed any more, and drained")


def test_one_that_never_started_goes_before_one_that_joined() -> None:
    first, second = workers(2)
    pending = replace(first, started=False, phase="Pending")
    assert surplus((pending, second), 1, serve()) == (pending,)
    assert isinstance(give_up(pending, HEAD, None), DeletePod)


def test_without_word_from_serve_no_running_worker_goes() -> None:
    assert surplus(workers(3), 1, None) == ()


@pytest.mark.parametrize(("count", "seconds"), [(0, 0), (1, 0), (2, 10), (3, 20), (6, 160), (7, 300), (99, 300)])
def test_back_off(count: int, seconds: float) -> None:
    assert delay(count) == seconds


def test_pods_that_fail_together_are_one_failure() -> None:
    problem = Problem(Reason.CONTAINER_CRASHED, "boom")
    first = note(None, problem, NOW)
    assert note(first, problem, NOW + timedelta(seconds=5)) == first
    later = note(first, problem, NOW + timedelta(seconds=20))
    assert (later.count, later.at) == (2, NOW + timedelta(seconds=20))
    assert note(later, problem, NOW + timedelta(hours=1)).count == 3, "only being well makes it forgotten"


@pytest.mark.parametrize(
    ("cpus", "target", "joined", "wanted", "found"),
    [
        # A whole CPU each: Ray itself waits for the next Pod.
        (1.0, 1, 1, 3, 3),
        (0.5, 1, 1, 3, 1),
        (0.5, 1, 2, 3, 2),
        (0.5, 2, 3, 3, 3),
        (0.0, 1, 0, 2, 1),
        # What it has stays: a Pod that is not ready for a moment takes none away.
        (0.5, 3, 1, 3, 3),
        (0.5, 3, 3, 1, 1),
        (0.5, 1, 1, 0, 0),
    ],
)
def test_replicas_of_which_several_fit_into_a_pod_come_when_the_next_has_joined(
    cpus: float, target: int, joined: int, wanted: int, found: int
) -> None:
    deployment = ServeDeployment("D", DeploymentStatus.HEALTHY, target_num_replicas=target, needs={"CPU": cpus})
    pods = tuple(replace(pod, ready=n < joined) for n, pod in enumerate(workers(3)))
    assert within_joined(deployment, wanted, WorkerGroup("app", 1), pods) == found
