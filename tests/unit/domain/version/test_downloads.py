"""A download that moves is progress, however long it takes; one that brings nothing any more is none."""

from dataclasses import replace

from eagleray.domain.facts.download import STALLED_SECONDS, Download
from eagleray.domain.facts.pods import Container
from eagleray.domain.version.rollout.course import DEFAULT_DEADLINE_SECONDS
from unit.domain.version.test_rollout import canary, rollout, until
from unit.domain.world import World

GIB = 2**30


def downloading(**settings: int) -> World:
    """A world whose candidate downloads its model."""
    world = canary([], **settings)
    for pod in [w for w in world.workers() if w.revision == rollout(world).to]:
        fetch = Container("fetch", running=True, init=True)
        waiting = replace(pod, phase="Pending", started=False, ready=False, containers=(fetch,))
        world.pods[pod.name] = waiting
    return world


def told(world: World, download: Download) -> None:
    """The last of its Pods tells how far it is."""
    pod = [w for w in world.workers() if w.revision == rollout(world).to][-1]
    world.downloads = {pod.name: download}


def test_it_has_no_deadline_and_says_how_far_it_is() -> None:
    world = downloading(progressDeadlineSeconds=60)
    world.run(90)
    assert rollout(world).phase == "Progressing"
    for done in range(10):
        told(world, Download(done * GIB, 10 * GIB, 2**20, still=done))
        world.run(30)
    assert rollout(world).phase == "Progressing"
    (message,) = (c.message for c in world.status.conditions if c.type == "Progressing")
    assert "container fetch downloads the model: 9.0 GiB of 10.0 GiB (90 %), 1.0 MiB/s" in message


def test_ten_gibibytes_over_a_slow_link_take_over_with_every_default() -> None:
    """Twice as long as the default deadline, with the longest pauses that are no standstill; then they are loaded."""
    world = downloading()
    candidate, minutes = rollout(world).to, 2 * DEFAULT_DEADLINE_SECONDS / 60
    for done in range(int(minutes)):
        told(world, Download(int(done / minutes * 10 * GIB), 10 * GIB, 10 * GIB / minutes / 60))
        world.run(30)
        told(world, replace(*world.downloads.values(), still=STALLED_SECONDS - 1))
        world.run(30)
    world.downloads = {}
    for pod in [w for w in world.workers() if w.revision == candidate]:
        world.pods[pod.name] = replace(pod, phase="Running", started=True, ready=True, containers=())
    until(world, lambda: not world.status.rollouts)
    assert world.status.versions[0].stable == candidate


def test_one_that_brings_nothing_any_more_is_taken_back_and_why_is_said() -> None:
    world = downloading(progressDeadlineSeconds=60)
    told(world, Download(GIB, 10 * GIB, 2**20))
    world.run(90)
    told(world, Download(GIB, 10 * GIB, 0.0, STALLED_SECONDS))
    until(world, lambda: rollout(world).phase == "Aborted", 70)
    assert "1.0 GiB of 10.0 GiB (10 %), no byte for 120 s" in rollout(world).message


def test_one_that_moves_again_has_all_of_the_deadline_again() -> None:
    world = downloading(progressDeadlineSeconds=60)
    for _ in range(3):
        told(world, Download(GIB, None, 0.0, STALLED_SECONDS))
        world.run(50)
        told(world, Download(2 * GIB, None, 5.0))
        world.run(3)
    assert rollout(world).phase == "Progressing"
