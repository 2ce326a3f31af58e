import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from eagleray.kube.errors import ConflictError, KubeError, TransientError
from eagleray.kube.kinds import LEASE, Manifest, Ref
from eagleray.kube.lease import Lease, LeaseLostError
from fakes import virtual_time
from fakes.kube import FakeKube
from fakes.virtual_time import now

REF = Ref(LEASE, "system", "op")
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


def bid(kube: FakeKube, identity: str = "me") -> Lease:
    return Lease(kube, REF, identity, now=lambda: EPOCH + timedelta(seconds=now()))


def held_by(identity: str) -> Manifest:
    return {
        "apiVersion": LEASE.api_version,
        "kind": LEASE.kind,
        "metadata": {"namespace": REF.namespace, "name": REF.name},
        "spec": {"holderIdentity": identity, "leaseTransitions": 3, "renewTime": "t0"},
    }


def spec(kube: FakeKube) -> dict[str, Any]:
    found: dict[str, Any] = kube.objects[REF]["spec"]
    return found


@pytest.mark.parametrize(
    ("before", "earliest", "latest", "transitions"),
    [
        pytest.param(None, 0, 0, 0, id="none yet"),
        pytest.param(held_by(""), 0, 0, 4, id="released"),
        pytest.param(held_by("me"), 0, 0, 3, id="ours from before"),
        # client-go: taken once it was seen unchanged for 15 s, at the next of the tries every 2 to 2.4 s.
        pytest.param(held_by("other"), 15, 17.4, 4, id="holder died"),
    ],
)
def test_when_the_lease_is_taken(before: Manifest | None, earliest: float, latest: float, transitions: int) -> None:
    async def scenario() -> None:
        kube = FakeKube(*([before] if before else []))
        lease = bid(kube)
        await lease.acquire()
        assert earliest <= now() <= latest
        assert lease.holder == "me"
        assert spec(kube)["holderIdentity"] == "me"
        assert spec(kube)["leaseDurationSeconds"] == 15
        assert spec(kube)["leaseTransitions"] == transitions

    virtual_time.run(scenario())


def test_a_living_holder_is_never_robbed() -> None:
    async def scenario() -> None:
        kube = FakeKube()
        holder = bid(kube, "other")
        await holder.acquire()
        holding = asyncio.create_task(holder.hold())
        waiting = asyncio.create_task(bid(kube).acquire())
        await asyncio.sleep(3600)
        assert not waiting.done()
        assert spec(kube)["holderIdentity"] == "other"
        for task in (holding, waiting):
            task.cancel()
        await asyncio.gather(holding, waiting, return_exceptions=True)

    virtual_time.run(scenario())


def test_release_lets_a_successor_in_at_its_next_try() -> None:
    async def scenario() -> None:
        kube = FakeKube()
        first = bid(kube, "first")
        await first.acquire()
        waiting = asyncio.create_task(bid(kube, "second").acquire())
        await asyncio.sleep(5)
        await first.release()
        await waiting
        assert now() <= 5 + 2.4
        assert spec(kube)["holderIdentity"] == "second"

    virtual_time.run(scenario())


def test_release_leaves_another_holder_alone() -> None:
    async def scenario() -> None:
        kube = FakeKube()
        lease = bid(kube)
        await lease.acquire()
        kube.objects[REF]["spec"]["holderIdentity"] = "other"
        kube.objects[REF]["metadata"]["resourceVersion"] = "99"
        await lease.release()
        assert spec(kube)["holderIdentity"] == "other"

    virtual_time.run(scenario())


@pytest.mark.parametrize(
    ("errors", "lost_at"),
    [
        pytest.param([TransientError("x")] * 4, None, id="a few failures are survived"),
        pytest.param([TransientError("x")] * 100, 10, id="ten seconds of failures are not"),
    ],
)
def test_how_long_renewing_may_fail(errors: list[KubeError], lost_at: float | None) -> None:
    async def scenario() -> None:
        kube = FakeKube()
        lease = bid(kube)
        await lease.acquire()
        kube.fail["replace"] = list(errors)
        holding = asyncio.create_task(lease.hold())
        done, _ = await asyncio.wait({holding}, timeout=60)
        if lost_at is None:
            assert not done
            holding.cancel()
            await asyncio.gather(holding, return_exceptions=True)
        else:
            with pytest.raises(LeaseLostError, match="not renewed in 10 s"):
                await holding

    virtual_time.run(scenario())


def test_a_request_that_hangs_counts_as_a_failure() -> None:
    class Hanging(FakeKube):
        async def replace(self, manifest: Manifest) -> Manifest:
            await asyncio.Event().wait()
            return manifest

    async def scenario() -> None:
        lease = bid(Hanging())
        await lease.acquire()
        with pytest.raises(LeaseLostError):
            await lease.hold()
        assert now() == 10

    virtual_time.run(scenario())


def test_being_overthrown_ends_the_hold_at_once() -> None:
    async def scenario() -> None:
        kube = FakeKube()
        lease = bid(kube)
        await lease.acquire()
        kube.objects[REF] = {**held_by("other"), "metadata": {**kube.objects[REF]["metadata"]}}
        with pytest.raises(LeaseLostError, match="held by other"):
            await lease.hold()
        assert now() == 0

    virtual_time.run(scenario())


def test_a_lost_race_is_not_a_win() -> None:
    async def scenario() -> None:
        kube = FakeKube(held_by(""))
        kube.fail["replace"] = [ConflictError("changed")]
        await bid(kube).acquire()
        assert now() >= 2

    virtual_time.run(scenario())
