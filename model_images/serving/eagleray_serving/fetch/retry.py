"""Bounded retries."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

from eagleray_serving.fetch.errors import FetchError, Reason, TransientError
from eagleray_serving.fetch.progress import say

ATTEMPTS = 5
_FIRST_PAUSE = 0.5

Result = TypeVar("Result")


def with_retries(action: Callable[[], Result], shown: str, pause: Callable[[float], None] = time.sleep) -> Result:
    """Call until it works: at most five times, over about eight seconds plus the calls' own time.

    Args:
        action: Raises TransientError when another try makes sense.
        shown: The URI for messages.
        pause: Sleeps for some seconds.

    Raises:
        FetchError: DownloadFailed, after the last try.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return action()
        except TransientError as error:
            if attempt == ATTEMPTS:
                raise FetchError(
                    Reason.DOWNLOAD_FAILED,
                    f"{shown}: {error}; gave up after {ATTEMPTS} attempts; check that it answers from the cluster",
                ) from None
            seconds = _FIRST_PAUSE * 2 ** (attempt - 1) * random.uniform(0.8, 1.2)  # noqa: S311 - jitter
            say(f"{shown}: {error}; attempt {attempt + 1} of {ATTEMPTS} in {seconds:.1f} s")
            pause(seconds)
    raise AssertionError("unreachable")
