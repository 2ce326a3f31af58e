from dataclasses import replace

from unit.domain.world import World


def settled(world: World) -> World:
    world.run(30)
    assert world.condition("Ready") == ("True", "Answering")
    return world


def images(world: World) -> set[str]:
    return {world.images[name] for name in world.pods}


def test_a_moved_tag_reaches_no_pod_of_a_revision_that_runs() -> None:
    world = settled(World(replicas=1))
    assert world.status.revisions[0].image == "sklearn:1@sha256:1"
    world.bytes = "sha256:2"
    world.set(replicas=3)
    settled(world)
    assert {p.digest for p in world.pods.values()} == {"sha256:1"}
    world.kill(world.heads()[0].name)
    settled(world)
    assert {p.digest for p in world.pods.values()} == {"sha256:1"}


def test_back_at_a_revision_its_bytes_are_those_it_had() -> None:
    world = settled(World(image="own:1"))
    world.set(env=[{"name": "A", "value": "b"}])
    settled(world)
    world.run(120)
    world.bytes = "sha256:2"
    world.set(env=None)
    settled(world)
    assert images(world) == {"own:1@sha256:1"}


def test_a_digest_that_the_user_names_stays() -> None:
    world = settled(World(image="own@sha256:7"))
    assert world.status.revisions[0].image == "own@sha256:7"


def test_a_worker_that_got_other_bytes_than_the_head_is_replaced() -> None:
    world = World(replicas=2)
    world.step()
    name = world.workers()[1].name
    world.pods[name] = replace(world.pods[name], digest="sha256:2")
    settled(world)
    assert {p.digest for p in world.pods.values()} == {"sha256:1"}


def test_an_image_without_a_digest_is_not_pinned() -> None:
    world = World()
    world.bytes = ""
    settled(world)
    assert world.status.revisions[0].image == "sklearn:1"
