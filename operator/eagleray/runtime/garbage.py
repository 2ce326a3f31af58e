"""Garbage collections that do not stop the operator for as long as it holds objects.

A full collection of CPython goes through every object that is alive: a quarter of a second for 300 models, in which
nothing is acted upon. What has survived one is set aside (`gc.freeze`), so that the next goes through what is new.
What is set aside is still freed when nobody refers to it; only a cycle that becomes garbage later waits for the hour.
"""

import asyncio
import gc
from collections.abc import Iterator
from contextlib import contextmanager

EVERYTHING_SECONDS = 3600.0
"""How often what was set aside is gone through too."""
_OLDEST = 2


@contextmanager
def set_aside() -> Iterator[None]:
    """Set aside what survives full collections, until the end."""
    gc.callbacks.append(_after)
    try:
        yield
    finally:
        gc.callbacks.remove(_after)
        gc.unfreeze()


def _after(phase: str, info: dict[str, int]) -> None:
    if phase == "stop" and info["generation"] == _OLDEST:
        gc.freeze()


async def collect_everything(period: float = EVERYTHING_SECONDS) -> None:
    """Go through everything from time to time, for ever.

    Args:
        period: seconds.
    """
    while True:
        await asyncio.sleep(period)
        gc.unfreeze()
        gc.collect()
