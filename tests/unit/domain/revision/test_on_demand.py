"""A share of the workers runs on no spot node, whatever happens to the others."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eagleray.api.placement import Placement
from eagleray.domain.actions.actions import DeletePod
from eagleray.domain.facts.pods import Pod, Role
from eagleray.domain.goals.groups import WorkerGroup
from eagleray.domain.revision.on_demand import move, new_pods, on_demand_min
from unit.domain.plan.test_plan import settle
from unit.domain.revision.test_capacity import serve
from unit.domain.world import World

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HALF = {"spot": "Prefer", "onDemandMin": "50%"}


def group(least: str | None) -> WorkerGroup:
    return WorkerGroup("Model", placement=Placement(spot="Prefer", on_demand_min=least) if least else None)


def pods(kinds: str) -> tuple[Pod, ...]:
    """One for each letter: `d` on demand, `D` and ready, `O` with a replica; `s` where it may be on a spot node."""
    return tuple(
        Pod(
            f"w{i}", f"u{i}", "r", Role.WORKER, 1, i, "Running", NOW,
            started=True, ready=kind != "d", on_demand=kind in "dDO",
        )
        for i, kind in enumerate(kinds)
    )  # fmt: skip


@pytest.mark.parametrize(
    ("least", "number", "found"),
    [(None, 4, 0), ("0", 4, 0), ("1", 4, 1), ("9", 4, 4), ("50%", 4, 2), ("50%", 3, 2), ("1%", 3, 1), ("100%", 0, 0)],
)
def test_how_many(least: str | None, number: int, found: int) -> None:
    assert on_demand_min(group(least), number) == found


@pytest.mark.parametrize(
    ("live", "wanted", "made"),
    [
        ("", 4, "dds s"), ("D", 4, "ds s"), ("DD", 4, "s s"), ("ss", 4, "dd"), ("sss", 4, "d"), ("ssss", 4, "d"),
        ("ssssd", 4, ""), ("DDss", 4, ""), ("Dss", 2, ""), ("sss", 2, ""), ("ss", 2, "d"), ("", 0, ""),
    ],
)  # fmt: skip
def test_what_is_made(live: str, wanted: int, made: str) -> None:
    assert new_pods(group("50%"), pods(live), wanted) == [kind == "d" for kind in made.replace(" ", "")]


@pytest.mark.parametrize(
    ("live", "wanted", "gone"),
    [
        ("ssD", 2, "w1"), ("ssd", 2, ""), ("ssO", 2, ""), ("sD", 2, ""), ("sOD", 2, ""), ("sssOD", 4, "w2"),
        ("ssssD", 4, "w3"), ("sss", 2, ""),
    ],
)  # fmt: skip
def test_what_makes_room_for_it(live: str, wanted: int, gone: str) -> None:
    busy = serve(*(f"w{i}" for i, kind in enumerate(live) if kind in "sO"))
    assert [a.name for a in move(group("50%"), pods(live), wanted, busy) if isinstance(a, DeletePod)] == gone.split()
    assert move(group("50%"), pods(live), wanted, None) == ()


def on_demand(world: World) -> int:
    return sum(pod.on_demand for pod in world.workers())


@settings(max_examples=20)
@given(st.lists(st.integers(1, 6), min_size=1, max_size=4))
def test_the_share_holds_at_every_scale(scales: list[int]) -> None:
    world = World(replicas=scales[0], placement=HALF)
    for replicas in scales:
        world.set(replicas=replicas)
        settle(world)
        assert len(world.workers()) == replicas
        assert on_demand(world) >= (replicas + 1) // 2


def test_it_is_restored_without_losing_an_answer() -> None:
    """All on demand went, as when somebody drains their nodes while spot nodes have room."""
    world = World(replicas=4, placement=HALF)
    settle(world)
    revision = world.workers()[0].revision
    for name, pod in list(world.pods.items()):
        world.pods[name] = replace(pod, on_demand=False)
    for _ in range(60):
        world.step()
        assert world.answering(revision) >= 3, "a replica moves, and no more than one at a time"
    settle(world)
    assert (len(world.workers()), on_demand(world)) == (4, 2)
