"""Memory of a process that holds thousands of objects: collected by the clock, and given back.

A full collection of CPython goes through every object that is alive, half a second for a thousand models in which
nothing is acted upon, and comes every few seconds where objects are read all the time. Here it comes once a minute, and
goes through what is new: what has survived is set aside (`gc.freeze`) as soon as it is much. What is set aside is still
freed when nobody refers to it; only a cycle that becomes garbage later waits for the hour.

The C library keeps what was freed between what is held: a third of the process, after the starts of a thousand models.
"""

import asyncio
import ctypes
import gc
import itertools
from collections.abc import Iterator
from contextlib import contextmanager

PERIOD_SECONDS = 60.0
EVERYTHING_ROUNDS = 60
"""Every so many rounds what was set aside is gone through too."""
MANY = 50_000
"""So many objects are gone through within a twentieth of a second."""
_OLDEST = 2
_NEVER = 2**31 - 1


@contextmanager
def by_the_clock() -> Iterator[None]:
    """Leave full collections to `tidy`, until the end."""
    young, middle, old = gc.get_threshold()
    gc.set_threshold(young, middle, _NEVER)
    try:
        yield
    finally:
        gc.set_threshold(young, middle, old)
        gc.unfreeze()


async def tidy(period: float = PERIOD_SECONDS, many: int = MANY) -> None:
    """Collect what is garbage and give freed memory back to the system, where the C library can, for ever.

    Args:
        period: seconds.
        many: surviving objects beyond this number are set aside.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    for number in itertools.count(1):
        await asyncio.sleep(period)
        everything = number % EVERYTHING_ROUNDS == 0
        if everything:
            gc.unfreeze()
        gc.collect()
        if everything or len(gc.get_objects(generation=_OLDEST)) > many:
            gc.freeze()
        if trim:
            await asyncio.to_thread(trim, 0)
