"""How long to wait before trying again: per key, growing; and over all keys together, a token bucket."""

import random
from collections.abc import Callable, Hashable
from dataclasses import dataclass


def _uniform() -> float:
    return random.random()  # noqa: S311 - spreads load, hides nothing


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential growth to a cap, less a random part that spreads keys which failed together.

    Attributes:
        base: seconds after the first failure.
        cap: seconds that no delay exceeds.
        jitter: the largest part of a delay that is taken off, 0 to 1.
        uniform: random numbers in [0, 1).
    """

    base: float = 0.1
    cap: float = 60.0
    jitter: float = 0.2
    uniform: Callable[[], float] = _uniform

    def delay(self, failures: int) -> float:
        """Seconds to wait after `failures` (1 and up) failures in a row."""
        # Beyond 2**62 a float cannot grow usefully and an int would grow without bound.
        full = min(self.cap, self.base * 2.0 ** min(failures - 1, 62))
        return full * (1 - self.jitter * self.uniform())


class TokenBucket:
    """A bound on all retries together: `rate` a second, `burst` at once (client-go: 10 and 100).

    Args:
        rate: tokens that flow in per second.
        burst: tokens that it holds at most, and at the start.
    """

    def __init__(self, rate: float = 10.0, burst: int = 100) -> None:
        self._rate = rate
        self._burst = float(burst)
        self._tokens = float(burst)
        self._at: float | None = None

    def reserve(self, now: float) -> float:
        """Take one token.

        Args:
            now: seconds on any steady clock.

        Returns:
            Seconds until the token is there; 0 where it is already.
        """
        elapsed = 0.0 if self._at is None else max(0.0, now - self._at)
        self._at = now
        self._tokens = min(self._burst, self._tokens + elapsed * self._rate) - 1
        return max(0.0, -self._tokens / self._rate)


class RetryLimiter:
    """Counts failures per key and says when to try again: the later of backoff and bucket.

    Args:
        backoff: growth per key.
        bucket: the bound over all keys.
    """

    def __init__(self, backoff: Backoff | None = None, bucket: TokenBucket | None = None) -> None:
        self._backoff = backoff or Backoff()
        self._bucket = bucket or TokenBucket()
        self._failures: dict[Hashable, int] = {}

    def when(self, key: Hashable, now: float) -> float:
        """Count a failure of `key`; seconds until it may be tried again."""
        self._failures[key] = self._failures.get(key, 0) + 1
        return max(self._backoff.delay(self._failures[key]), self._bucket.reserve(now))

    def failures(self, key: Hashable) -> int:
        """Failures of `key` in a row."""
        return self._failures.get(key, 0)

    def forget(self, key: Hashable) -> None:
        """`key` succeeded, or is gone."""
        self._failures.pop(key, None)
