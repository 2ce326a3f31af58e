"""A Ray cluster whose head was lost hands its requests over to the next one."""

from eagleray.domain.revision.takeover import HANDOVER
from unit.domain.plan.test_plan import settle
from unit.domain.world import World


def test_the_old_workers_get_requests_until_routers_have_had_time_to_find_the_new_ones() -> None:
    """What answered the first requests may have been an old one, and a router that does not know a new one has none."""
    world = World(replicas=2)
    settle(world)
    old = {w.ip for w in world.workers()}
    world.kill(world.heads()[0].name)
    while old <= asked(world):
        world.step()
    (revision,) = world.status.revisions
    assert revision.answered_incarnation == 2
    assert revision.answered_at is not None
    assert world.now - revision.answered_at >= HANDOVER
    assert (len(asked(world)), len(world.workers())) == (2, 4), "what is under way goes on"


def asked(world: World) -> set[str]:
    assert world.router is not None
    return set(world.router.targets[0].addresses)
