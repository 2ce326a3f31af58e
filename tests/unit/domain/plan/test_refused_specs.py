"""What the spec, a setting or a name forbids, and what cannot be read: what runs goes on."""

from datetime import timedelta
from typing import Any

import pytest

from eagleray.api.conditions import Reason
from eagleray.domain.goals.installation import Installation
from eagleray.domain.plan.plan import plan_deleting
from unit.domain.plan.test_plan import settle, weights
from unit.domain.plan.test_refusals import lose
from unit.domain.version.test_versions import lanes, of, settle_versions
from unit.domain.world import FLEET, IMAGES, World, model

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
    router = {"maxRequestBytes": 1000, "trustedHops": 1, "cors": {"allowOrigins": ["*"]}}
    world = World(replicas=2, requestTimeout="7s", streamTimeout={"silence": "9s"}, router=router)
    settle(world)
    revision, before = world.status.versions[0].stable, world.router
    world.set(**spec)
    if restart:
        world._forget()
    world.step()
    assert world.router == before, "nothing changes for the users"
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
