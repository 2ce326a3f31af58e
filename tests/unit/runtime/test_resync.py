import asyncio

import pytest

from eagleray.kube.errors import NotFoundError, TransientError
from eagleray.kube.kinds import MODEL_DEPLOYMENT, Key, Manifest
from eagleray.runtime.resync import list_keys, resync, served
from fakes import virtual_time
from fakes.kube import FakeKube
from fakes.virtual_time import now


def md(namespace: str, name: str) -> Manifest:
    return {
        "apiVersion": MODEL_DEPLOYMENT.api_version,
        "kind": MODEL_DEPLOYMENT.kind,
        "metadata": {"namespace": namespace, "name": name},
    }


@pytest.mark.parametrize(
    ("namespaces", "expected"),
    [((), [Key("a", "x"), Key("b", "y")]), (("b",), [Key("b", "y")]), (("c",), [])],
)
async def test_what_is_looked_at(namespaces: tuple[str, ...], expected: list[Key]) -> None:
    assert await list_keys(FakeKube(md("a", "x"), md("b", "y")), namespaces) == expected


def test_rounds_come_at_once_and_then_every_period_and_a_failed_one_again_soon() -> None:
    async def scenario() -> None:
        kube = FakeKube(md("a", "x"))
        kube.fail["list"] = [TransientError("away")]
        added: list[float] = []
        rounds: list[float] = []
        task = asyncio.create_task(
            resync(kube, (), add=lambda _: added.append(now()), synced=lambda: rounds.append(now()), period=600)
        )
        await asyncio.sleep(1300)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert added == rounds
        assert added[0] == 5
        assert len(added) in {2, 3}
        assert 540 <= added[1] - added[0] <= 660

    virtual_time.run(scenario())


def test_a_late_crd_is_waited_for() -> None:
    async def scenario() -> None:
        kube = FakeKube()
        kube.fail["list"] = [NotFoundError("no such kind"), TransientError("storage is (re)initializing")]
        await served(kube, ())
        assert now() == 10

    virtual_time.run(scenario())
