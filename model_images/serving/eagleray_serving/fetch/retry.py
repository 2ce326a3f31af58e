"""Bounded retries."""

import random
import time
from collections.abc import Callable

from eagleray_serving.fetch.download import Download
from eagleray_serving.fetch.errors import GaveUpError, Reason, TransientError
from eagleray_serving.fetch.progress import say

ATTEMPTS = 5
PATIENCE_SECONDS = 300.0
"""How long one that has begun waits for its next byte: without a cache, a new Pod would begin at the first."""
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 15.0


def with_retries(
    download: Download,
    shown: str,
    pause: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Try until it is there: five times in a row without a byte more, and for minutes where bytes have come before.

    Args:
        download: What is to be done.
        shown: The URI for messages.
        pause: Sleeps for some seconds.
        clock: Seconds that only grow.

    Raises:
        GaveUpError: DownloadFailed, after the last try.
    """
    failures, moved_at = 0, clock()
    while True:
        before, received = download.done, download.received
        try:
            return download.attempt()
        except TransientError as error:
            if download.done > before:
                failures, moved_at = 0, clock()
            failures += 1
            # What is brought again and again, and is damaged each time, is not waited for.
            waits = download.done > 0 and download.received == received
            if failures >= ATTEMPTS and not (waits and clock() - moved_at < PATIENCE_SECONDS):
                raise GaveUpError(
                    Reason.DOWNLOAD_FAILED,
                    f"{shown}: {error}; gave up after {failures} attempts; check that it answers from the cluster",
                ) from None
            seconds = min(_FIRST_PAUSE * 2 ** (failures - 1), _LONGEST_PAUSE)
            seconds *= random.uniform(0.8, 1.2)  # noqa: S311 - jitter
            say(f"{shown}: {error}; attempt {failures + 1} in {seconds:.1f} s")
            pause(seconds)
