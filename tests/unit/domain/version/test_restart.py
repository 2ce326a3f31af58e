"""A restart is a rollout to the same content, made anew."""

from eagleray.domain.goals.revision import RESTARTED_ANNOTATION
from unit.domain.plan.test_plan import settle, weights
from unit.domain.version.test_rollout import STEPS
from unit.domain.world import World


def restarted(world: World, value: str | None) -> None:
    others = {k: v for k, v in world.annotations.items() if k != RESTARTED_ANNOTATION}
    world.annotations = others | ({RESTARTED_ANNOTATION: value} if value is not None else {})


def stable(world: World) -> str:
    return world.status.versions[0].stable or ""


def test_it_goes_by_the_steps_of_a_rollout() -> None:
    world = World(replicas=2, rollout={"steps": STEPS})
    settle(world)
    before = stable(world)
    restarted(world, "2026-01-01T00:00:00Z")
    seen: list[int] = []
    world.step()
    candidate = world.status.rollouts[0].to
    while world.status.rollouts:
        world.step()
        share = weights(world)[candidate]
        seen += [share] if share not in seen[-1:] else []
    assert seen == [0, 10, 50, 100]
    assert stable(world) == candidate != before


def test_the_same_value_is_the_same_revision_and_none_is_the_one_before() -> None:
    world = World()
    settle(world)
    names = [stable(world)]
    for value in ("once", "twice", "once", None):
        restarted(world, value)
        settle(world)
        names.append(stable(world))
        pods = set(world.pods)
        settle(world)
        assert set(world.pods) == pods
    first, once, twice, again, none = names
    assert len({first, once, twice}) == 3
    assert (again, none) == (once, first)


def test_every_version_is_made_anew_and_content_stays_content() -> None:
    world = World(versions=[{"name": "a", "weight": 50}, {"name": "b", "weight": 50}])
    settle(world)
    before = {v.name: v.stable for v in world.status.versions}
    restarted(world, "now")
    settle(world)
    after = {v.name: v.stable for v in world.status.versions}
    assert all(after[name] != before[name] for name in before)
    world.set(replicas=3)
    settle(world)
    assert {v.name: v.stable for v in world.status.versions} == after


def test_what_is_written_there_is_cut() -> None:
    world = World()
    restarted(world, "x" * 100_000)
    settle(world)
    (revision,) = world.revisions.values()
    assert len(revision.restarted_at) == 64
