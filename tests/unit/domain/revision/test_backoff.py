"""When what fails is tried again."""

from datetime import UTC, datetime, timedelta

import pytest

from eagleray.domain.facts.probe import ProbeResult
from eagleray.domain.revision.backoff import probe_retry

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(("failures", "seconds"), [(1, 1), (2, 2), (3, 4), (5, 16), (6, 30), (10_000, 30)])
def test_a_warm_up_is_sent_again_ever_more_seldom(failures: int, seconds: float) -> None:
    assert probe_retry(ProbeResult(1, NOW, failures), NOW) == NOW + timedelta(seconds=seconds)


def test_a_clock_that_was_put_back_does_not_put_it_off() -> None:
    assert probe_retry(ProbeResult(1, NOW + timedelta(hours=1), 1), NOW) == NOW
