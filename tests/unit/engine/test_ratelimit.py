import pytest

from eagleray.engine.ratelimit import Backoff, RetryLimiter, TokenBucket
from eagleray.kube.kinds import Key


@pytest.mark.parametrize(("failures", "seconds"), [(1, 0.1), (2, 0.2), (3, 0.4), (10, 51.2), (11, 60), (5000, 60)])
def test_backoff_doubles_up_to_its_cap(failures: int, seconds: float) -> None:
    assert Backoff(jitter=0).delay(failures) == pytest.approx(seconds)


def test_jitter_only_shortens() -> None:
    assert Backoff(base=10, jitter=0.2, uniform=lambda: 0.5).delay(1) == pytest.approx(9)


def test_the_bucket_lets_a_burst_through_and_then_the_rate() -> None:
    bucket = TokenBucket(rate=2, burst=3)
    assert [bucket.reserve(0) for _ in range(5)] == [0, 0, 0, 0.5, 1]
    assert bucket.reserve(10) == 0


def test_the_bucket_bounds_retries_of_different_keys_together() -> None:
    limiter = RetryLimiter(Backoff(base=0.1, jitter=0), TokenBucket(rate=1, burst=1))
    assert [limiter.when(Key("ns", str(n)), 0) for n in range(3)] == [0.1, 1, 2]
