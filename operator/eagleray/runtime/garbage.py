"""Memory of a process that holds thousands of objects: collected without a stop, and given back.

A full collection of CPython goes through every object that is alive: a quarter of a second for 300 models, in which
nothing is acted upon. What has survived one is set aside (`gc.freeze`), so that the next goes through what is new.
That is done when as much is new as CPython itself waits for: a quarter. What is set aside is still freed when nobody
refers to it; only a cycle that becomes garbage later waits for the hour.

The C library keeps what was freed between what is held: a third of the process, after the starts of a thousand models.
"""

import asyncio
import ctypes
import gc
from collections.abc import Iterator
from contextlib import contextmanager

EVERYTHING_SECONDS = 3600.0
"""How often what was set aside is gone through too."""
GIVE_BACK_SECONDS = 60.0
"""How often freed memory is given back, which takes some ten milliseconds of another thread."""
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
        new = len(gc.get_objects(generation=_OLDEST))
        if new > gc.get_freeze_count() / 4:
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


async def give_back(period: float = GIVE_BACK_SECONDS) -> None:
    """Give what was freed back to the system from time to time, for ever, where the C library can.

    Args:
        period: seconds.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    while trim is not None:
        await asyncio.sleep(period)
        await asyncio.to_thread(trim, 0)
