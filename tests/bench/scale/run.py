"""All of `make bench ARGS=--scale`."""

import asyncio
import resource
import signal
import sys
from collections.abc import Sequence

from bench.scale import pending, stage, table
from kind import cache
from kind.progress import Steps

OBJECTS = (100, 1000)
# The operator and the stub node keep a connection to each other for every Pod that is asked.
FILES = 20_000


def run(objects: Sequence[int]) -> None:
    """Measure with each number of objects, and beside KubeRay, and write the tables.

    Args:
        objects: the numbers.
    """
    # An end by SIGTERM is to stop everything that was started, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES if most == resource.RLIM_INFINITY else min(FILES, most), most))
    steps, stages = Steps(len(objects) + 1), []
    with cache.lock("bench-scale"):
        for count in objects:
            with steps.step(f"{count} objects"):
                stages.append(asyncio.run(stage.measure(count)))
        with steps.step(f"{pending.OBJECTS} pending objects, ours and KubeRay's"):
            sides = asyncio.run(pending.measure())
    table.write(stages, sides)
    sys.stdout.write("\n" + table.scale(stages) + "\n\n" + table.beside(sides) + "\n")
