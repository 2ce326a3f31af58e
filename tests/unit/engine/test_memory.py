"""What is done beside the looks is done once at a time, and not again at once, whatever the plans say."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from eagleray.engine.answers import RouterAnswer
from eagleray.engine.memory import APART_SECONDS, Memory
from eagleray.engine.pollers import Poller
from eagleray.engine.questions import Asker
from eagleray.kube.kinds import Key
from fakes import virtual_time
from fakes.kube import FakeKube
from simulated.background import time


class _Unasked:
    """Peers that nobody asks."""


def _sampled(_: Mapping[str, RouterAnswer]) -> None:
    """Nobody asks routers."""


def _ran(ends: str) -> list[float]:
    """When work ran that each look wants done again.

    Args:
        ends: how it ends: "well", "badly", or "crashes".
    """
    times: list[float] = []

    async def work() -> bool:
        times.append(time())
        if ends == "crashes":
            raise RuntimeError("a defect of ours")
        return ends == "well"

    async def main() -> None:
        looks = asyncio.Event()
        poller = Poller(Asker(Key("ns", "m"), _Unasked(), FakeKube(), float), looks.set, _sampled)  # type: ignore[arg-type]
        memory = Memory("uid", poller, looks.set, None)
        looks.set()
        async with asyncio.timeout(10):
            while True:
                await looks.wait()
                looks.clear()
                memory.start("probe", work)

    try:
        virtual_time.run(main())
    except TimeoutError:
        return times
    raise AssertionError


def test_what_each_look_wants_again_is_done_no_oftener_than_its_pause() -> None:
    times = _ran("well")
    assert {round(b - a, 3) for a, b in pairwise(times)} == {APART_SECONDS}


@pytest.mark.parametrize("ends", ["badly", "crashes"])
def test_what_fails_or_crashes_is_tried_again_ever_more_seldom(ends: str) -> None:
    times = _ran(ends)
    assert [round(b - a, 3) for a, b in pairwise(times)] == [1, 2, 4]


def test_a_failed_probe_counts_until_one_succeeds_or_another_ray_cluster_is_asked() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    memory = Memory("uid", None, lambda: None, None)  # type: ignore[arg-type]
    counted = []
    for incarnation, message in ((1, "boom"), (1, "boom"), (2, "boom"), (2, ""), (2, "boom")):
        memory.probed("m-1", incarnation, message, now)
        counted.append(memory.probes["m-1"].failures)
    assert counted == [1, 2, 1, 0, 1]
