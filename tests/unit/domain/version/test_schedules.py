"""Bounds by the clock."""

from datetime import UTC, datetime
from typing import Any

import pytest

from eagleray.api.autoscaling import Autoscaling
from eagleray.domain.facts.problem import InvalidSpecError
from eagleray.domain.version.scaling.schedules import bounds, check_schedules

EVENING = {"name": "evening", "cron": "0 18 * * 1-5", "timeZone": "Europe/Berlin", "minReplicas": 4, "maxReplicas": 8}
NIGHT = {"name": "night", "cron": "0 23 * * *", "timeZone": "Europe/Berlin", "maxReplicas": 3}


def rules(*schedules: dict[str, Any]) -> Autoscaling:
    return Autoscaling.model_validate({"minReplicas": 2, "maxReplicas": 6, "schedules": list(schedules) or None})


@pytest.mark.parametrize(
    ("now", "wanted"),
    [
        ("2026-01-05T16:59:00", (2, 3)),  # Monday, 17:59 in Berlin: since the night before
        ("2026-01-05T17:01:00", (4, 8)),
        ("2026-01-05T22:01:00", (2, 3)),
        ("2026-01-10T17:01:00", (2, 3)),  # a Saturday
        ("2026-07-06T16:01:00", (4, 8)),  # in summer an hour earlier
    ],
)
def test_that_which_began_last_counts(now: str, wanted: tuple[int, int]) -> None:
    found = bounds(rules(EVENING, NIGHT), datetime.fromisoformat(now).replace(tzinfo=UTC))
    assert (found.least, found.most) == wanted


def test_without_a_schedule_they_are_the_versions_own() -> None:
    found = bounds(rules(), datetime(2026, 1, 1, tzinfo=UTC))
    assert (found.least, found.most) == (2, 6)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"cron": "61 * * * *"}, "schedules[evening].cron"),
        ({"cron": "a b c d e"}, "schedules[evening].cron"),
        ({"timeZone": "Europe/Atlantis"}, "schedules[evening].timeZone"),
        ({"timeZone": "../../etc/passwd"}, "schedules[evening].timeZone"),
    ],
)
def test_what_no_clock_can_follow_is_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidSpecError) as refused:
        check_schedules(rules({**EVENING, **wrong}))
    assert said in str(refused.value)
