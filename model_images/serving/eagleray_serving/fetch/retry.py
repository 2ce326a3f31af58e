"""Bounded retries."""

import random
import time
from collections.abc import Callable

from eagleray_serving.fetch.download import Download
from eagleray_serving.fetch.errors import FetchError, Reason, TransientError
from eagleray_serving.fetch.progress import say

ATTEMPTS = 5
_FIRST_PAUSE = 0.5


def with_retries(download: Download, shown: str, pause: Callable[[float], None] = time.sleep) -> None:
    """Try until it is there: at most five times in a row without a byte more, over about eight seconds of pauses.

    Args:
        download: What is to be done.
        shown: The URI for messages.
        pause: Sleeps for some seconds.

    Raises:
        FetchError: DownloadFailed, after the last try.
    """
    failures = 0
    while True:
        before = download.done
        try:
            return download.attempt()
        except TransientError as error:
            failures = 1 if download.done > before else failures + 1
            if failures == ATTEMPTS:
                raise FetchError(
                    Reason.DOWNLOAD_FAILED,
                    f"{shown}: {error}; gave up after {ATTEMPTS} attempts; check that it answers from the cluster",
                ) from None
            seconds = _FIRST_PAUSE * 2 ** (failures - 1) * random.uniform(0.8, 1.2)  # noqa: S311 - jitter
            say(f"{shown}: {error}; attempt {failures + 1} of {ATTEMPTS} in {seconds:.1f} s")
            pause(seconds)
