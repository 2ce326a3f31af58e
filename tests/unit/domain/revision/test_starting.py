"""The parts of a start."""

from datetime import UTC, datetime, timedelta

import pytest

from eagleray.api.start_status import StartPhase
from eagleray.domain.facts.pods import Pod, Role
from eagleray.domain.revision.ray_cluster import RayCluster
from eagleray.domain.revision.starting import start_phase, timed
from eagleray.domain.state.revision import StartState
from unit.domain.world import World

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def pod(role: Role, state: int) -> Pod:
    """A Pod that has got so far: created, scheduled, started, ready."""
    scheduled, started, ready = (state >= n for n in (1, 2, 3))
    return Pod("p", "u", "r", role, 1, 0, "Pending", NOW, scheduled=scheduled, started=started, ready=ready)


@pytest.mark.parametrize(
    ("head", "worker", "app", "phase"),
    [
        (None, 0, {}, StartPhase.SCHEDULE),
        (0, 1, {}, StartPhase.SCHEDULE),
        (3, 0, {"reachable": True}, StartPhase.SCHEDULE),
        (1, 1, {}, StartPhase.IMAGE),
        (2, 1, {}, StartPhase.IMAGE),
        (2, 3, {}, StartPhase.HEAD),
        (3, 2, {"reachable": True}, StartPhase.WORKER),
        (3, 3, {"reachable": True}, StartPhase.LOAD),
        (3, 3, {"reachable": True, "runs": True}, StartPhase.WARM_UP),
    ],
)
def test_the_first_thing_that_is_missing_is_what_it_waits_for(
    head: int | None, worker: int, app: dict[str, bool], phase: StartPhase
) -> None:
    heads = None if head is None else pod(Role.HEAD, head)
    cluster = RayCluster(1, heads, (pod(Role.WORKER, worker),), (), ())
    assert start_phase(cluster, **{"reachable": False, "runs": False, **app}) is phase


def test_parts_add_up_to_the_whole_whatever_the_fractions() -> None:
    phases = [StartPhase.SCHEDULE, StartPhase.HEAD, StartPhase.HEAD, StartPhase.WORKER, StartPhase.HEAD, None, None]
    known: StartState | None = None
    for i, phase in enumerate(phases):
        known = timed(known, 1, phase, NOW + timedelta(seconds=1.7 * i))
    assert known is not None
    assert known.phase is None
    assert sum(known.seconds.values()) == int(1.7 * 5)
    assert set(known.seconds) == {"schedule", "head", "worker"}


def test_another_cluster_begins_anew_and_one_that_answered_is_left_alone() -> None:
    done = StartState(incarnation=1, since=NOW, seconds={"head": 7})
    assert timed(done, 1, StartPhase.LOAD, NOW) == done
    again = timed(done, 2, StartPhase.SCHEDULE, NOW)
    assert again == StartState(incarnation=2, phase="schedule", since=NOW)
    assert timed(None, 1, None, NOW) is None


def test_a_revision_tells_how_it_started() -> None:
    world = World(replicas=2)
    world.run(30)
    start = world.status.revisions[0].start
    assert start is not None
    assert start.phase is None
    assert sum(start.seconds.values()) > 0
    writes = world.writes
    world.run(30)
    assert world.writes == writes
