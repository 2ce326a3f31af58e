"""Nodes that are about to go: what is there is replaced, and routers leave one by one."""

from dataclasses import replace

import pytest

from eagleray.domain.actions.actions import DeletePod
from eagleray.domain.facts.routers import RouterPod
from eagleray.domain.traffic.router_pods import leave_nodes
from unit.domain.plan.test_plan import settle
from unit.domain.world import World


def test_the_pods_of_a_node_that_is_about_to_go_are_replaced_at_once() -> None:
    world = World(replicas=2)
    settle(world)
    moved, kept = world.workers()
    world.pods[moved.name] = replace(moved, notice="taint spot-itn")
    decision = world.step()
    deleted = [a for a in decision.actions if isinstance(a, DeletePod)]
    assert [(a.name, a.idle, "taint spot-itn" in a.why) for a in deleted] == [(moved.name, False, True)]
    settle(world)
    assert {w.name for w in world.workers()} > {kept.name}
    assert len(world.workers()) == 2


def test_a_pod_that_fits_nowhere_else_is_made_anew_when_the_node_stays_after_all() -> None:
    world = World(replicas=2)
    settle(world)
    waiting, placed = world.workers()
    world.pods[waiting.name] = replace(waiting, unschedulable="0/3 nodes are available", kept_off="n1")
    world.pods[placed.name] = replace(placed, kept_off="n1")
    decision = world.step()
    deleted = [a for a in decision.actions if isinstance(a, DeletePod)]
    assert [(a.name, a.why) for a in deleted] == [
        (waiting.name, "it was made to keep off the node n1, which stays after all")
    ]


def test_a_head_on_such_a_node_is_replaced_while_the_old_workers_serve() -> None:
    world = World(replicas=2)
    settle(world)
    old = {w.name for w in world.workers()}
    (head,) = world.heads()
    world.pods[head.name] = replace(head, notice="it is being deleted")
    for _ in range(40):
        world.step()
        assert world.answering(head.revision) >= 2
    assert old <= set(world.pods)
    settle(world)
    assert {p.incarnation for p in world.pods.values()} == {head.incarnation + 1}


def router(name: str, *, ready: bool = True, going: bool = False) -> RouterPod:
    return RouterPod(name, "10.0.0.1", None, ready=ready, uid=f"uid-{name}", notice="taint x" if going else "")


@pytest.mark.parametrize(
    ("routers", "deleted"),
    [
        ((router("a"), router("b")), []),
        ((router("a", going=True), router("b")), ["a"]),
        ((router("a"), router("b", going=True)), ["b"]),
        ((router("a", going=True), router("b", going=True)), ["a"]),
        ((router("b", going=True), router("c", ready=False)), []),
        ((router("b", going=True), router("c")), ["b"]),
        ((router("a", going=True),), []),
        ((router("a", going=True), router("b"), router("c", ready=False)), []),
        ((), []),
    ],
)
def test_they_leave_one_at_a_time_and_only_while_the_others_take_requests(
    routers: tuple[RouterPod, ...], deleted: list[str]
) -> None:
    found = leave_nodes(routers)
    assert [(a.name, a.uid) for a in found] == [(name, f"uid-{name}") for name in deleted]
    assert all("its node is about to go (taint x)" in a.why for a in found)
