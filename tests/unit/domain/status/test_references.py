"""Replicas that began with other values of a Secret than others are named, and a restart makes them alike."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from eagleray.domain.facts.pods import REFERENCES_CONTAINER, Container, Pod
from unit.domain.plan.test_plan import settle
from unit.domain.world import World

SECRET = {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "k"}}}
CONFIG = {"name": "LEVEL", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "level"}}}


def told(pod: Pod, *digests: str, age: int = 0, exit_code: int = 0) -> Pod:
    container = Container(REFERENCES_CONTAINER, exit_code=exit_code, message=" ".join(digests), ended=True, init=True)
    return replace(pod, containers=(container,), created_at=pod.created_at - timedelta(seconds=age))


def served(*digests: tuple[str, ...], env: list[dict[str, Any]]) -> World:
    """A settled world of as many workers, the oldest first, each with what it told."""
    world = World(replicas=len(digests), env=env)
    settle(world)
    for age, pod, each in zip(range(len(digests), 0, -1), world.workers(), digests, strict=True):
        world.pods[pod.name] = told(pod, *each, age=age)
    world.step()
    return world


def said(world: World) -> str:
    return next((c.message for c in world.status.conditions if c.type == "SameReferences"), "")


def test_there_is_nothing_to_say_without_references() -> None:
    world = World(env=[{"name": "A", "value": "1"}])
    settle(world)
    assert said(world) == ""


def test_all_are_alike() -> None:
    world = served(("1", "2"), ("1", "2"), env=[SECRET, CONFIG])
    assert world.condition("SameReferences") == ("True", "Settled")


def test_those_that_differ_from_the_newest_are_named_with_what_was_changed() -> None:
    world = served(("1", "2"), ("1", "2"), ("1", "3"), env=[SECRET, CONFIG])
    assert world.condition("SameReferences") == ("False", "ReferencesDiffer")
    old, older, new = (pod.name for pod in world.workers())
    assert said(world) == (
        f"ConfigMap settings was changed: Pod {old}, {older} began with other values than {new}, which is newer; "
        "`kubectl eagleray restart m -n ns` gives all of them the present values"
    )
    assert world.condition("Ready") == ("True", "Answering")


def test_many_are_counted() -> None:
    world = served(*[("1",)] * 5, ("2",), env=[SECRET])
    assert "and 2 more began" in said(world)


def test_what_a_pod_did_not_tell_is_not_judged() -> None:
    world = served(("1",), (), ("1", "1"), ("1",), env=[SECRET])
    assert world.condition("SameReferences") == ("True", "Settled")


def test_a_restart_makes_them_alike() -> None:
    world = served(("1",), ("2",), env=[SECRET])
    world.annotations = {"kubectl.kubernetes.io/restartedAt": "2026-01-01T00:00:00Z"}
    settle(world)
    assert world.condition("SameReferences") == ("True", "Settled")
