import asyncio

from eagleray.kube.errors import TransientError
from eagleray.kube.kinds import LEASE, Ref
from eagleray.kube.lease import Lease
from eagleray.runtime.leader import Leader
from fakes import virtual_time
from fakes.kube import FakeKube

REF = Ref(LEASE, "system", "op")


class Died(list[str]):
    def __call__(self) -> None:
        self.append("died")


def leader(kube: FakeKube, identity: str = "me") -> tuple[Leader, Died]:
    died = Died()
    return Leader(Lease(kube, REF, identity), died), died


def test_a_leader_leads_until_it_resigns() -> None:
    async def scenario() -> None:
        kube = FakeKube()
        first, died = leader(kube)
        assert await first.lead(asyncio.Event())
        await asyncio.sleep(3600)
        await first.resign()
        assert died == []
        assert kube.objects[REF]["spec"]["holderIdentity"] == ""

    virtual_time.run(scenario())


def test_a_stop_ends_the_wait_of_a_standby() -> None:
    async def scenario() -> None:
        kube = FakeKube()
        first, _ = leader(kube, "other")
        assert await first.lead(asyncio.Event())
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(100, stop.set)
        second, died = leader(kube)
        assert not await second.lead(stop)
        assert kube.objects[REF]["spec"]["holderIdentity"] == "other"
        assert died == []
        await first.resign()

    virtual_time.run(scenario())


def test_losing_the_lease_ends_the_process() -> None:
    async def scenario() -> None:
        kube = FakeKube()
        first, died = leader(kube)
        assert await first.lead(asyncio.Event())
        kube.fail["get"] = [TransientError("away")] * 100
        await asyncio.sleep(30)
        assert died == ["died"]

    virtual_time.run(scenario())
