"""What the API server, the spec or a setting refuses: the rest goes on, and the status says what is true."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eagleray.api.conditions import Reason
from eagleray.domain.actions.actions import CreateHead, CreateWorker, EnsureRevision, EnsureRouter
from unit.domain.plan.test_plan import settle, weights
from unit.domain.version.test_versions import lanes, of, settle_versions
from unit.domain.world import World, model


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
