"""All of `make bench ARGS=--scale`."""

import asyncio
import signal
import sys
from collections.abc import Sequence

from bench.scale import pending, stage, table
from kind import cache
from kind.progress import Steps

OBJECTS = (100, 1000)


def run(objects: Sequence[int]) -> None:
    """Measure with each number of objects, and beside KubeRay, and write the tables.

    Args:
        objects: the numbers.
    """
    # An end by SIGTERM is to stop everything that was started, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    steps, stages = Steps(len(objects) + 1), []
    with cache.lock("bench-scale"):
        for count in objects:
            with steps.step(f"{count} objects"):
                stages.append(asyncio.run(stage.measure(count)))
        with steps.step(f"{pending.OBJECTS} pending objects, ours and KubeRay's"):
            sides = asyncio.run(pending.measure())
    table.write(stages, sides)
    sys.stdout.write("\n" + table.scale(stages) + "\n\n" + table.beside(sides) + "\n")
