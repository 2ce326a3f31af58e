"""What moves is progress, however long it takes: a download, or a constructor that says that it lives."""

from dataclasses import replace

from eagleray.domain.facts.pods import Container
from eagleray.domain.facts.progress import STALLED_SECONDS, Progress
from eagleray.domain.version.rollout.course import DEFAULT_DEADLINE_SECONDS
from unit.domain.version.test_rollout import canary, rollout, until
from unit.domain.world import World

GIB = 2**30


def downloading(**settings: int) -> World:
    """A world whose candidate downloads its model, and whose deadline is a minute where nobody says otherwise."""
    world = canary([], **{"progressDeadlineSeconds": 60, **settings})
    for pod in [w for w in world.workers() if w.revision == rollout(world).to]:
        fetch = Container("fetch", running=True, init=True)
        waiting = replace(pod, phase="Pending", started=False, ready=False, containers=(fetch,))
        world.pods[pod.name] = waiting
    return world


def constructing() -> World:
    """A world whose candidate's constructors do not return, and whose deadline is a minute."""
    world = canary([], progressDeadlineSeconds=60)
    world.constructing = {rollout(world).to}
    world.run(10)
    return world


def told(world: World, progress: Progress) -> None:
    """The last of its Pods tells how far it is."""
    pod = [w for w in world.workers() if w.revision == rollout(world).to][-1]
    world.progress = {pod.name: progress}


def test_it_has_no_deadline_and_says_how_far_it_is() -> None:
    world = downloading()
    world.run(90)
    assert rollout(world).phase == "Progressing"
    for done in range(10):
        told(world, Progress(done * GIB, 10 * GIB, 2**20, still=done))
        world.run(30)
    assert rollout(world).phase == "Progressing"
    (message,) = (c.message for c in world.status.conditions if c.type == "Progressing")
    assert "container fetch downloads the model: 9.0 GiB of 10.0 GiB (90 %), 1.0 MiB/s" in message


def test_ten_gibibytes_over_a_slow_link_take_over_with_the_default_deadline() -> None:
    """Twice as long as that, with the longest pauses that are no standstill; then they are loaded."""
    world = downloading(progressDeadlineSeconds=int(DEFAULT_DEADLINE_SECONDS))
    candidate, minutes = rollout(world).to, 2 * DEFAULT_DEADLINE_SECONDS / 60
    for done in range(int(minutes)):
        told(world, Progress(int(done / minutes * 10 * GIB), 10 * GIB, 10 * GIB / minutes / 60))
        world.run(30)
        told(world, replace(*world.progress.values(), still=STALLED_SECONDS - 1))
        world.run(30)
    world.progress = {}
    for pod in [w for w in world.workers() if w.revision == candidate]:
        world.pods[pod.name] = replace(pod, phase="Running", started=True, ready=True, containers=())
    until(world, lambda: not world.status.rollouts)
    assert world.status.versions[0].stable == candidate


def test_one_that_brings_nothing_any_more_is_taken_back_and_why_is_said() -> None:
    world = downloading()
    told(world, Progress(GIB, 10 * GIB, 2**20))
    world.run(90)
    told(world, Progress(GIB, 10 * GIB, 0.0, STALLED_SECONDS))
    until(world, lambda: rollout(world).phase == "Aborted", 70)
    assert "1.0 GiB of 10.0 GiB (10 %), no byte for 120 s" in rollout(world).message


def test_one_that_moves_again_has_all_of_the_deadline_again() -> None:
    world = downloading()
    for _ in range(3):
        told(world, Progress(GIB, None, 0.0, STALLED_SECONDS))
        world.run(50)
        told(world, Progress(2 * GIB, None, 5.0))
        world.run(3)
    assert rollout(world).phase == "Progressing"


def said(world: World, condition: str) -> str:
    return next(c.message for c in world.status.conditions if c.type == condition)


def test_a_constructor_of_twenty_minutes_that_says_that_it_lives_is_waited_for() -> None:
    world = constructing()
    for shard in range(12):
        told(world, Progress(0, still=10 * shard, said=f"shard {shard} of 12"))
        world.run(100)
        assert f"a constructor runs: shard {shard} of 12" in said(world, "Progressing")
        assert said(world, "Degraded") == "nothing is wrong"
    world.constructing, world.progress = set(), {}
    until(world, lambda: not world.status.rollouts, 60)
    assert world.status.revisions[0].outcome != "Aborted"


def test_a_constructor_that_says_nothing_new_or_nothing_at_all_has_the_deadline() -> None:
    world = constructing()
    told(world, Progress(0, still=STALLED_SECONDS, said="shard 3 of 12"))
    until(world, lambda: rollout(world).phase == "Aborted", 70)
    assert "its constructor has not returned in Pod" in rollout(world).message
    assert "shard 3 of 12, nothing new for 120 s" in rollout(world).message
    silent = constructing()
    until(silent, lambda: rollout(silent).phase == "Aborted", 70)


def test_what_was_told_of_a_constructor_that_has_returned_counts_no_more() -> None:
    world = constructing()
    told(world, Progress(0, still=STALLED_SECONDS, said="shard 3 of 12"))
    world.run(5)
    world.constructing = set()
    until(world, lambda: not world.status.rollouts, 60)
