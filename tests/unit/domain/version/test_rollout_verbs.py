"""What people ask of rollouts, and what is remembered of those that ended."""

from unit.domain.plan.test_plan import settle, weights
from unit.domain.version.test_rollout import ask, at_weight, canary, rollout, until
from unit.domain.world import World, model


def test_a_pause_without_duration_waits_for_promote() -> None:
    world = canary([{"setWeight": 20}, {"pause": {}}, {"setWeight": 60}, {"pause": {}}])
    until(world, lambda: rollout(world).phase == "Paused")
    world.run(200)
    found = rollout(world)
    assert (found.step, found.weight) == (1, 20)
    assert world.condition("Paused") == ("True", "RolloutPaused")
    assert world.condition("Progressing") == ("False", "RolloutPaused")
    ask(world, "promote", f"{found.to}/1/1")
    at_weight(world, 60)
    until(world, lambda: rollout(world).phase == "Paused")
    world.run(20)
    assert rollout(world).step == 3, "a promotion counts once"


def test_promoted_fully_it_takes_over_at_once() -> None:
    world = canary([{"setWeight": 20}, {"pause": {}}])
    ask(world, "promote", f"{rollout(world).to}/1/full")
    until(world, lambda: not world.status.rollouts)
    settle(world)


def test_paused_by_a_person_and_resumed() -> None:
    world = canary()
    ask(world, "pause", f"{rollout(world).to}/1")
    world.run(200)
    assert (rollout(world).phase, rollout(world).weight) == ("Paused", 0)
    world.annotations = {}
    until(world, lambda: not world.status.rollouts)


def test_aborted_by_a_person_stays_so_until_it_is_retried() -> None:
    world = canary(abortScaleDownDelaySeconds=20)
    at_weight(world, 10)
    found = rollout(world)
    ask(world, "abort", f"{found.to}/1")
    world.step()
    assert weights(world)[found.from_] == 100
    assert world.condition("Degraded") == ("True", "RolloutAborted")
    assert world.condition("Ready") == ("True", "Answering")
    assert {w.revision for w in world.workers()} == {found.from_, found.to}, "it stays for a look"
    world.run(60)
    assert {w.revision for w in world.workers()} == {found.from_}
    assert found.to not in world.services
    assert next(r.outcome for r in world.status.revisions if r.name == found.to) == "Failed"
    ask(world, "retry", f"{found.to}/1")
    until(world, lambda: not world.status.rollouts)
    assert world.status.versions[0].stable == found.to


def test_the_same_content_again_skips_the_steps() -> None:
    world = canary()
    first = rollout(world).from_
    until(world, lambda: not world.status.rollouts)
    settle(world)
    world.set(model=model("1"))
    world.step()
    assert (rollout(world).to, rollout(world).steps) == (first, 0)
    until(world, lambda: not world.status.rollouts, 60)
    settle(world)
    assert world.status.versions[0].stable == first


def test_rolled_back_while_spec_asks_for_the_newer_one() -> None:
    world = canary()
    first = rollout(world).from_
    until(world, lambda: not world.status.rollouts)
    settle(world)
    second = world.status.versions[0].stable
    ask(world, "rollback", f"{first}/{second}")
    world.run(60)
    assert world.status.versions[0].stable == first
    assert world.status.versions[0].wanted == second
    assert world.condition("Progressing") == ("False", "RolledBack")
    world.set(model=model("3"))
    until(world, lambda: world.status.versions[0].stable not in {first, second})


def test_history_is_kept_up_to_its_limit() -> None:
    world = World(replicas=1, revisionHistoryLimit=2)
    for number in range(1, 6):
        world.set(model=model(str(number)))
        settle(world)
    kept = [r for r in world.status.revisions if r.outcome == "Replaced"]
    assert len(kept) == 2
    assert set(world.revisions) == {r.name for r in world.status.revisions}
    assert len(world.services) == 1
    uris = {r.uri for r in kept}
    assert uris == {"pvc://models/m/3", "pvc://models/m/4"}


def test_verbs_of_an_earlier_rollout_do_nothing() -> None:
    world = canary([{"setWeight": 20}, {"pause": {}}])
    until(world, lambda: rollout(world).phase == "Paused")
    first = rollout(world)
    ask(world, "abort", f"{first.to}/{first.attempt}")
    world.run(3)
    world.set(model=model("1"))
    settle(world)
    world.set(model=model("2"))
    until(world, lambda: bool(world.status.rollouts) and rollout(world).phase == "Paused")
    assert (rollout(world).to, rollout(world).attempt) == (first.to, 2)


def test_failures_and_abandoned_tries_take_no_place_in_history() -> None:
    world = World(replicas=1, revisionHistoryLimit=1)
    for number in (1, 2):
        world.set(model=model(str(number)))
        settle(world)
    for number in (3, 4, 5):
        world.set(model=model(str(number)))
        world.run(2)
    world.set(model=model("2"))
    settle(world)
    served = [r.uri for r in world.status.revisions if r.outcome == "Replaced"]
    assert served == ["pvc://models/m/1"]
