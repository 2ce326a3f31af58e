"""What is asked of the API server while a Pod does not start."""

import asyncio

from eagleray.engine.questions import Subjects
from eagleray.kube.errors import TransientError
from eagleray.kube.kinds import POD, Ref
from fakes.virtual_time import run
from unit.engine.test_pollers import KEY, Bench


def test_kubelets_are_asked_for_only_where_a_pod_has_not_started_for_seconds() -> None:
    async def main() -> None:
        bench = Bench()
        bench.kube.warnings["u"] = "FailedMount: no ca"
        bench.follow(0.5, whom=Subjects(unstarted=(("w", "u"),)))
        await asyncio.sleep(9)
        bench.follow(0.5, whom=Subjects())
        await asyncio.sleep(9)
        assert bench.kube.calls == []
        bench.follow(0.5, whom=Subjects(unstarted=(("w", "u"),)))
        await asyncio.sleep(31)
        assert bench.kube.calls == [("warning", Ref(POD, KEY.namespace, "w"))] * 3
        assert bench.poller.answers.warnings == {"u": "FailedMount: no ca"}
        assert len(bench.heard) == 1
        bench.kube.fail["warning"] = [TransientError("no answer")]
        await asyncio.sleep(10)
        assert bench.poller.answers.warnings == {}
        bench.follow(0.5, whom=Subjects())
        assert bench.poller.answers.warnings == {}
        await bench.poller.close()

    run(main())
