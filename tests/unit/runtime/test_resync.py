import asyncio
from typing import Any

import pytest

from eagleray.kube.errors import NotServedError, TransientError
from eagleray.kube.kinds import CHILD_LABELS, HELD, MODEL_DEPLOYMENT, OPTIONAL, POD, SERVICE, Key, Kind, Manifest
from eagleray.kube.store import Store
from eagleray.runtime.resync import Resync, kinds_served, served
from fakes import virtual_time
from fakes.kube import FakeKube
from fakes.virtual_time import now

LABELS = {**CHILD_LABELS, "eagleray.dev/name": "x"}


def made(kind: Kind, namespace: str, name: str, **meta: Any) -> Manifest:
    metadata = {"namespace": namespace, "name": name, **meta}
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata}


class Rounds:
    """A resync that runs for a while in virtual time, and what it did."""

    def __init__(self, kube: FakeKube, namespaces: tuple[str, ...] = (), kinds: tuple[Kind, ...] = HELD) -> None:
        self.kube = kube
        self.store = Store()
        self.urgent: list[Key] = []
        self.later: list[tuple[float, Key]] = []
        self.synced: list[float] = []
        self.appeared: list[float] = []
        self._resync = Resync(
            client=kube,
            store=self.store,
            namespaces=namespaces,
            add=self.urgent.append,
            add_later=lambda key: self.later.append((now(), key)),
            period=600,
            kinds=kinds,
            appeared=lambda: self.appeared.append(now()),
        )

    async def run(self, seconds: float) -> None:
        task = asyncio.create_task(self._resync.run(lambda: self.synced.append(now())))
        await asyncio.sleep(seconds)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize(
    ("namespaces", "expected"),
    [((), {Key("a", "x"), Key("b", "x")}), (("b",), {Key("b", "x")}), (("c",), set())],
)
def test_everything_in_the_namespaces_is_held_after_the_first_round(
    namespaces: tuple[str, ...], expected: set[Key]
) -> None:
    async def scenario() -> None:
        manifests = (made(kind, namespace, "x", labels=LABELS) for kind in HELD for namespace in "ab")
        rounds = Rounds(FakeKube(*manifests), namespaces)
        await rounds.run(1)
        assert rounds.store.keys() == expected
        assert set(rounds.urgent) == expected
        assert {key for _, key in rounds.later} == expected
        assert rounds.synced == [0]

    virtual_time.run(scenario())


def test_children_of_others_are_not_asked_for() -> None:
    async def scenario() -> None:
        rounds = Rounds(FakeKube(made(POD, "a", "foreign"), made(POD, "a", "ours", labels=LABELS)))
        await rounds.run(1)
        assert rounds.urgent == [Key("a", "x")]

    virtual_time.run(scenario())


def test_every_key_comes_again_in_every_period_and_changes_unseen_come_at_once() -> None:
    async def scenario() -> None:
        kube = FakeKube(made(MODEL_DEPLOYMENT, "a", "x"), made(POD, "a", "p", labels=LABELS))
        rounds = Rounds(kube)
        asyncio.get_running_loop().call_at(100, kube.lose, made(POD, "a", "p"))
        await rounds.run(1300)
        times = [at for at, _ in rounds.later]
        assert len(times) in {2, 3}
        assert times[0] == 0
        assert 540 <= times[1] - times[0] <= 660
        assert rounds.urgent == [Key("a", "x")] * 3, "the object, its Pod, and that the Pod is gone"
        assert rounds.store.gone("uid-2")
        assert rounds.synced == [0]

    virtual_time.run(scenario())


def test_a_list_that_fails_is_tried_again_and_no_other_waits_for_it() -> None:
    async def scenario() -> None:
        kube = FakeKube(made(MODEL_DEPLOYMENT, "a", "x"), made(SERVICE, "a", "s", labels=LABELS))
        kube.unlisted[POD] = 3
        rounds = Rounds(kube)
        await rounds.run(1)
        assert rounds.urgent == [Key("a", "x")] * 2
        assert rounds.synced == [], "to half a world, children that were not listed are missing"
        await rounds.run(60)
        assert len(rounds.synced) == 1
        asked = [ref.kind for verb, ref in kube.calls if verb == "list"]
        assert asked.count(SERVICE) == 2

    virtual_time.run(scenario())


def test_a_late_crd_is_waited_for() -> None:
    async def scenario() -> None:
        kube = FakeKube()
        kube.fail["list"] = [NotServedError("no such kind"), TransientError("storage is (re)initializing")]
        await served(kube, ("a", "b"))
        assert now() == 10
        assert [ref.namespace for _, ref in kube.calls] == ["a", "a", "a", "b"]

    virtual_time.run(scenario())


def test_a_cluster_without_a_kind_of_others_is_one_like_any_other() -> None:
    async def scenario() -> None:
        kube = FakeKube(made(MODEL_DEPLOYMENT, "a", "x"))
        kube.missing = OPTIONAL
        kube.fail["list"] = [TransientError("storage is (re)initializing")]
        kinds = await kinds_served(kube, ())
        assert set(HELD) - set(kinds) == OPTIONAL
        rounds, start = Rounds(kube, kinds=kinds), now()
        await rounds.run(600)
        assert rounds.synced == [start]
        assert rounds.appeared == []

    virtual_time.run(scenario())


def test_a_kind_that_comes_later_is_told_of_once() -> None:
    async def scenario() -> None:
        kube = FakeKube()
        rounds = Rounds(kube, kinds=tuple(kind for kind in HELD if kind not in OPTIONAL))
        kube.missing = OPTIONAL
        asyncio.get_running_loop().call_at(150, setattr, kube, "missing", frozenset())
        await rounds.run(600)
        assert rounds.appeared == [180], "it is there, and has no watch"

    virtual_time.run(scenario())


def test_others_work_while_a_long_list_is_taken() -> None:
    """A loop that counts has a turn for some of the objects, not one for all of a page."""

    async def scenario() -> None:
        count, turns = 1000, 0
        rounds = Rounds(FakeKube(*(made(MODEL_DEPLOYMENT, "a", f"x{i}") for i in range(count))))

        async def other() -> None:
            nonlocal turns
            while not rounds.store.keys():  # noqa: ASYNC110 - turns of the loop are what is counted
                await asyncio.sleep(0)
            while not rounds.synced:
                turns += 1
                await asyncio.sleep(0)

        await asyncio.gather(other(), rounds.run(1))
        assert turns >= 10
        assert len(rounds.store.keys()) == count

    virtual_time.run(scenario())
