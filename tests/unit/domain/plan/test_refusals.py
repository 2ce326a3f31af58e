"""What the API server, the spec or a setting refuses: the rest goes on, and the status says what is true."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eagleray.api.conditions import Reason
from eagleray.domain.actions.actions import CreateHead, CreateWorker, EnsureRevision, EnsureRouter
from eagleray.domain.goals.installation import Installation
from eagleray.domain.plan.plan import plan_deleting
from unit.domain.plan.test_plan import settle, weights
from unit.domain.version.test_versions import lanes, of, settle_versions
from unit.domain.world import FLEET, IMAGES, World, model


def reachable(world: World) -> bool:
    """Whether a request is answered: some revision with a share has a replica that answers."""
    return any(share and world.answering(revision) for revision, share in weights(world).items())


def lose(world: World, *names: str) -> None:
    for name in names:
        world.kill(name)


def test_a_refused_worker_does_not_keep_the_admitted_one_from_its_replica() -> None:
    world = World(replicas=1)
    settle(world)
    revision = world.status.versions[0].stable
    world.refuse(f"{revision}-w1-2")
    world.set(replicas=3)
    world.run(20)
    assert len(world.placed("Model")) == 2
    assert world.status.ready == "2/3"
    assert world.condition("Ready") == ("True", "Answering")
    assert world.condition("Degraded") == ("True", "PodsRefused")
    world.refused.clear()
    settle(world)
    assert world.status.ready == "3/3"


def test_a_first_start_serves_with_what_was_admitted() -> None:
    world = World(replicas=3)
    world.refuse("CreateWorker")
    world.step()
    world.refused.clear()
    world.refuse(f"{world.status.versions[0].candidate}-w1-1")
    world.run(30)
    assert world.condition("Ready") == ("True", "Answering")
    assert world.status.ready == "1/3"
    assert world.condition("Progressing")[0] == "True"


def test_a_refused_candidate_is_taken_back_when_its_time_is_over() -> None:
    world = World(rollout={"progressDeadlineSeconds": 60})
    settle(world)
    old = world.status.versions[0].stable
    world.refuse("CreateWorker")
    world.set(model=model("2"))
    world.run(40)
    assert world.status.rollouts
    assert world.condition("Degraded") == ("True", "PodsRefused")
    world.run(30)
    assert world.condition("Stalled") == ("True", "RolloutAborted")
    assert "refused: CreateWorker" in world.status.rollouts[0].message
    assert weights(world)[old or ""] == 100
    world.run(60)
    assert {p.revision for p in world.pods.values()} == {old}, "what was admitted of it gives its room back"


def test_ready_is_false_where_nothing_answers_and_no_worker_is_admitted() -> None:
    world = World(replicas=1)
    settle(world)
    world.refuse("CreateWorker")
    lose(world, *(w.name for w in world.workers()))
    world.run(5)
    assert world.condition("Ready") == ("False", "PodsRefused")
    assert world.status.ready == "0/1"
    world.refused.clear()
    settle(world)


def test_room_is_made_although_what_needs_it_is_refused() -> None:
    world = World(replicas=2)
    world.step()
    first = world.status.versions[0].candidate
    world.refuse("CreateHead", "CreateWorker")
    world.set(model=model("2"))
    world.run(5)
    assert not [p for p in world.pods.values() if p.revision == first]


def test_the_candidate_of_one_version_is_no_matter_for_the_others() -> None:
    world = World(replicas=2, versions=lanes(a=50, b=50))
    settle_versions(world)
    world.refuse("CreateHead")
    changed = lanes(a=50, b=50)
    changed[0]["model"] = model("2")
    world.set(versions=changed)
    world.run(3)
    lost = next(w for w in world.workers() if w.revision == of(world, "b"))
    world.kill(lost.name)
    world.run(5)
    assert any(w.revision == of(world, "b") and w.live for w in world.workers())


writes = st.sampled_from(["EnsureRouter", "EnsureRevision", "CreateHead", "CreateWorker", "worker-0", "worker-1"])
reasons = st.sampled_from([Reason.PODS_REFUSED, Reason.API_UNREACHABLE, Reason.NAME_CONFLICT])


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(write=writes, reason=reasons, change=st.sampled_from(["scale", "content", "none"]), lose_one=st.booleans())
def test_one_write_refused_for_ever_ends_nothing_else(
    write: str, reason: Reason, change: str, *, lose_one: bool
) -> None:
    """Every other part is done, and Ready says what the routers see."""
    world = World(replicas=2, versions=lanes(a=50, b=50), rollout={"progressDeadlineSeconds": 20})
    settle_versions(world)
    a = of(world, "a")
    refused = {"worker-0": f"{a}-w1-0", "worker-1": f"{a}-w1-1"}.get(write, write)
    if change == "scale":
        world.set(replicas=4)
    elif change == "content":
        first, second = world.spec["versions"]
        world.set(versions=[{**first, "model": model("2")}, second])
    world.refuse(refused, reason=reason)
    if lose_one:
        lose(world, *(w.name for w in world.workers() if w.revision == a))
    for _ in range(60):
        decision = world.step()
        told, _ = world.condition("Ready")
        assert (told == "True") == reachable(world) or world.answering(a) == 0 or world.status.versions[0].candidate
        for part in decision.parts:
            assert part.name in world.outcomes or not _lacks(world, part.actions)
        if world.outcomes:
            assert world.condition("Degraded")[0] == "True"
    told, _ = world.condition("Ready")
    assert (told == "True") == reachable(world)
    b = of(world, "b")
    if refused not in {"CreateWorker", "EnsureRouter", "EnsureRevision"}:
        assert world.answering(b) == (2 if change == "scale" else 1), "the other version is as spec says"


def _lacks(world: World, actions: tuple[object, ...]) -> bool:
    """Whether something that is to be written is not there, although nothing of its part was refused."""
    for action in actions:
        if isinstance(action, EnsureRouter) and action.config != world.router:
            return True
        if isinstance(action, EnsureRevision) and action.revision not in world.services:
            return True
        if isinstance(action, CreateHead) and f"{action.revision}-head-{action.incarnation}" not in world.pods:
            return True
        if isinstance(action, CreateWorker):
            return f"{action.revision}-w{action.incarnation}-{action.index}" not in world.pods
    return False


INVALID: list[dict[str, Any]] = [
    {"resources": {"limits": {"nvidia.com/gpu": "0.5"}}},
    {"placement": {"accelerator": "unheard-of"}},
    {"replicas": "many"},
    {"replicas": 2, "versions": [{"name": "a", "weight": 30}]},
    {"model": model("1"), "app": {"importPath": "a:b"}},
]


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("spec", INVALID)
def test_what_runs_is_healed_while_spec_is_refused(spec: dict[str, Any], *, restart: bool) -> None:
    world = World(replicas=2, requestTimeout="7s")
    settle(world)
    revision, router = world.status.versions[0].stable, world.router
    world.set(**spec)
    if restart:
        world._forget()
    world.step()
    assert world.router == router, "nothing changes for the users"
    lose(world, *(p.name for p in world.pods.values()))
    world.run(3)
    if not world.answering(revision or ""):
        assert world.condition("Ready")[0] == "False", "the truth"
    world.run(60)
    assert world.answering(revision or "") == 2
    assert world.condition("Ready") == ("True", "Answering")
    assert world.condition("Stalled") == world.condition("Degraded") == ("True", "InvalidSpec")
    assert world.condition("Progressing") == ("False", "InvalidSpec")
    assert {c.observed_generation for c in world.status.conditions} == {world.generation}
    assert set(world.revisions) == {revision}


def test_a_setting_that_forbids_what_runs_forbids_only_what_is_new() -> None:
    world = World(replicas=1)
    settle(world)
    revision = world.status.versions[0].stable
    world.installation = Installation({"base": "base:1"}, FLEET, require_sha256=True)
    lose(world, *(p.name for p in world.pods.values()))
    settle(world)
    world.set(model=model("2"))
    world.run(5)
    assert world.condition("Stalled") == ("True", "InvalidSpec")
    assert world.condition("Ready") == ("True", "Answering")
    assert world.status.versions[0].wanted != world.status.versions[0].stable == revision
    world.installation = Installation(IMAGES, FLEET)
    settle(world)
    assert world.status.versions[0].wanted == world.status.versions[0].stable != revision


def test_a_refused_version_beside_one_that_serves() -> None:
    world = World(replicas=2, versions=lanes(a=100))
    settle_versions(world)
    versions = [{**lanes(a=50)[0]}, {**lanes(b=50)[0], "placement": {"accelerator": "unheard-of"}}]
    world.set(versions=versions, traffic={"rules": [{"header": {"name": "x", "value": "1"}, "version": "b"}]})
    world.run(5)
    assert weights(world)[of(world, "a")] == 100
    assert world.condition("Stalled") == ("True", "InvalidSpec")
    assert world.condition("Ready")[0] == "True"


def test_a_version_that_is_renamed_to_one_that_is_refused_stays() -> None:
    world = World(replicas=1)
    settle(world)
    world.traffic.rate = 10
    world.set(versions=[{**lanes(b=100)[0], "placement": {"accelerator": "unheard-of"}}])
    world.run(20)
    assert world.traffic.failed == 0
    assert world.condition("Ready") == ("True", "Answering")


def test_a_version_that_leaves_and_one_that_stays_keep_their_shares() -> None:
    world = World(replicas=5, versions=lanes(a=20, b=80))
    settle_versions(world)
    a, b = of(world, "a"), of(world, "b")
    world.set(versions=[*lanes(b=80), {**lanes(c=20)[0], "placement": {"accelerator": "unheard-of"}}])
    world.run(5)
    assert (weights(world)[a], weights(world)[b]) == (20, 80)


def test_a_schedule_that_no_clock_follows_is_left_out() -> None:
    scaling = {"minReplicas": 2, "maxReplicas": 5, "metrics": [{"type": "OngoingRequests", "target": 5}]}
    world = World(autoscaling=scaling)
    world.run(60)
    assert world.status.ready == "2/2"
    world.set(autoscaling={**scaling, "schedules": [{"name": "s", "cron": "99 99 * * *", "minReplicas": 4}]})
    world.run(5)
    assert world.condition("Stalled") == ("True", "InvalidSpec")
    assert world.status.ready == "2/2"


def test_a_spec_that_never_ran_makes_nothing() -> None:
    world = World(replicas="many")
    decision = world.run(3)
    assert decision.parts == ()
    assert decision.polling.seconds is None
    assert world.condition("Ready") == ("False", "InvalidSpec")
    world.set(replicas=1)
    settle(world)


def test_a_taken_name_holds_back_only_what_is_new() -> None:
    world = World()
    world.refuse("EnsureRouter", reason=Reason.NAME_CONFLICT)
    world.run(5)
    assert world.pods == {}
    assert world.condition("Stalled") == ("True", "NameConflict")
    assert world.condition("Ready") == ("False", "NameConflict")
    world.refused.clear()
    settle(world)
    world.refuse("EnsureRouter", reason=Reason.NAME_CONFLICT)
    lose(world, *(w.name for w in world.workers()))
    world.run(20)
    assert [w for w in world.workers() if w.live], "what runs is healed"
    assert world.condition("Stalled") == ("True", "NameConflict")


def test_content_of_another_operator_version_serves_on_and_is_named() -> None:
    world = World(replicas=2)
    settle(world)
    old = world.status.versions[0].stable or ""
    world.unreadable[old] = "framework: no such thing"
    world.set(replicas="many")
    world._forget()
    pods = set(world.pods)
    world.run(10)
    assert set(world.pods) == pods
    assert weights(world)[old] == 100
    assert world.condition("Ready") == ("True", "Answering")
    assert world.condition("Stalled")[0] == "True"
    world.set(model=model("2"), replicas=2)
    world.run(60)
    new = world.status.versions[0].stable
    assert new != old
    assert weights(world) == {new: 100}
    assert pods < set(world.pods), "nobody knows what is in its Pods"
    record = world.status.revision(old)
    assert record is not None
    assert record.served_at is not None
    settle(world)


def test_what_serves_and_cannot_be_read_degrades() -> None:
    world = World(replicas=1)
    settle(world)
    old = world.status.versions[0].stable or ""
    world.unreadable[old] = "framework: no such thing"
    world.installation = Installation({"base": "base:1"}, FLEET)
    world.set(model={"framework": "sklearn", "uri": "pvc://other/1"})
    world.run(5)
    assert weights(world)[old] == 100
    assert world.condition("Ready") == ("True", "Answering")


def test_history_that_cannot_be_read_is_no_matter() -> None:
    world = World(replicas=1)
    settle(world)
    old = world.status.versions[0].stable or ""
    world.set(model=model("2"))
    settle(world)
    world.unreadable[old] = "framework: no such thing"
    settle(world)
    assert world.condition("Degraded")[0] == "False"
    assert world.status.revision(old) is not None


def test_a_deleted_object_says_so() -> None:
    world = World()
    settle(world)
    status = plan_deleting(world.observed(), world.generation + 1, world.now + timedelta(seconds=1))
    found = {c.type: (c.status, c.reason) for c in status.conditions}
    assert found["Ready"] == ("False", "Deleting")
    assert found["Progressing"] == ("True", "Deleting")
    assert {c.observed_generation for c in status.conditions} == {world.generation + 1}


def test_one_refused_deletion_is_named() -> None:
    world = World()
    settle(world)
    old = world.heads()[0].name
    world.set(model=model("2"))
    world.run(4)
    world.refuse(old)
    world.run(60)
    assert world.condition("Degraded") == ("True", "PodsRefused")
    assert world.condition("Ready")[0] == "True"
    world.refused.clear()
    settle(world)
