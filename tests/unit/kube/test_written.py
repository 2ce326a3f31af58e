from typing import Any

import pytest

from eagleray.kube.errors import ConflictError
from eagleray.kube.kinds import LEASE, POD, SERVICE, Key, Manifest, Ref
from eagleray.kube.store import Store
from eagleray.kube.written import Written
from fakes.kube import FakeKube
from unit.kube.objects import child, made, model, pod

CHURN = Key("ns", "churn")


class World:
    """A server with one ModelDeployment that the store holds."""

    def __init__(self) -> None:
        self.kube = FakeKube(model())
        self.store = Store()
        self.woken: list[Key] = []
        self.client = Written(self.kube, self.store, self.woken.append)
        (self.model,) = self.kube.objects.values()
        self.store.put(self.model)

    def held(self, ref: Ref) -> Manifest | None:
        found = self.store.get(ref)
        return found.body if found else None


@pytest.fixture
def world() -> World:
    return World()


def bare(manifest: Manifest) -> Manifest:
    manifest["metadata"].pop("uid")
    manifest["metadata"].pop("resourceVersion")
    return manifest


async def test_every_write_is_held_at_once_and_wakes_whom_it_concerns(world: World) -> None:
    service = bare(child(SERVICE, "s", world.model, rest={"spec": {"a": 1}}))
    ref = Ref.of(service)
    await world.client.create(service)
    assert world.held(ref) is not None
    for write in (
        world.client.apply({**service, "spec": {"a": 2}}),
        world.client.patch(ref, {"spec": {"a": 3}}),
        world.client.replace({**service, "spec": {"a": 4}}),
    ):
        answer: dict[str, Any] = await write
        body = world.held(ref)
        assert body is not None
        assert (body["spec"], body["metadata"]["resourceVersion"]) == (
            answer["spec"],
            answer["metadata"]["resourceVersion"],
        )
    assert world.woken == [CHURN] * 4


async def test_its_own_status_is_held_and_wakes_nobody(world: World) -> None:
    await world.client.apply_status({**bare(model()), "status": {"url": "u"}})
    body = world.held(Ref.of(model()))
    assert body is not None
    assert body["status"] == {"url": "u"}
    assert world.woken == []


async def test_a_write_that_fails_changes_nothing(world: World) -> None:
    service = bare(child(SERVICE, "s", world.model))
    world.kube.fail["apply"] = [ConflictError("no")]
    with pytest.raises(ConflictError):
        await world.client.apply(service)
    assert world.held(Ref.of(service)) is None


async def test_a_live_read_is_news_too(world: World) -> None:
    ref = Ref.of(await world.kube.create(bare(pod("p", world.model))))
    await world.client.get(ref)
    assert world.held(ref) is not None
    assert (await world.client.list(POD)).items
    assert world.woken == [CHURN]


async def test_what_is_gone_is_held_no_more(world: World) -> None:
    ref = Ref.of(await world.client.create(bare(pod("p", world.model))))
    held = world.store.get(ref)
    assert held is not None
    assert await world.client.delete(ref, uid=held.uid) is None
    assert world.held(ref) is None
    assert world.store.gone(held.uid)
    assert world.woken == [CHURN] * 2


async def test_what_ends_is_held_as_ending(world: World) -> None:
    ref = Ref.of(await world.client.create(bare(pod("p", world.model))))
    world.kube.ending.add(ref)
    ending = await world.client.delete(ref)
    assert ending is not None
    held = world.store.get(ref)
    assert held is not None
    assert held.deleting


async def test_another_of_the_same_name_is_not_taken_for_the_deleted_one(world: World) -> None:
    ref = Ref.of(await world.client.create(bare(pod("p", world.model))))
    held = world.store.get(ref)
    assert held is not None
    world.store.put(pod("p", world.model, held.version + 100, uid="second"))
    await world.client.delete(ref, uid=held.uid)
    now = world.store.get(ref)
    assert now is not None
    assert now.uid == "second"


async def test_kinds_that_are_not_held_pass_through(world: World) -> None:
    lease = bare(made(LEASE, "l"))
    assert (await world.client.create(lease))["metadata"]["name"] == "l"
    assert await world.client.delete(Ref.of(lease)) is None
    assert world.woken == []
