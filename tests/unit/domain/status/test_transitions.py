from datetime import UTC, datetime
from typing import Literal

import pytest

from eagleray.api.conditions import ConditionType
from eagleray.api.status import Condition, ModelDeploymentStatus, VersionStatus
from eagleray.domain.status.transitions import transitions

Truth = Literal["True", "False", "Unknown"]
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def status(kind: ConditionType, truth: Truth, reason: str = "X", message: str = "m") -> ModelDeploymentStatus:
    condition = Condition(type=kind, status=truth, reason=reason, message=message, last_transition_time=NOW)
    return ModelDeploymentStatus(conditions=[condition])


@pytest.mark.parametrize(
    ("kind", "before", "after", "event"),
    [
        (ConditionType.READY, "False", "True", "Normal"),
        (ConditionType.READY, "True", "False", "Warning"),
        (ConditionType.READY, "True", "True", None),
        (ConditionType.READY, "False", "Unknown", None),
        (ConditionType.DEGRADED, "False", "True", "Warning"),
        (ConditionType.DEGRADED, "True", "False", None),
        (ConditionType.PROGRESSING, "False", "True", None),
    ],
)
def test_an_event_tells_of_a_flip(kind: ConditionType, before: Truth, after: Truth, event: str | None) -> None:
    found = transitions(status(kind, before), status(kind, after))
    assert [e.type for e in found] == ([event] if event else [])


def test_another_reason_is_news_and_another_message_is_not() -> None:
    before = status(ConditionType.DEGRADED, "True", "Unschedulable", "Pod a")
    assert transitions(before, status(ConditionType.DEGRADED, "True", "Unschedulable", "Pod b")) == ()
    assert len(transitions(before, status(ConditionType.DEGRADED, "True", "ImagePullFailed"))) == 1


def test_a_first_status_that_is_not_ready_is_no_event() -> None:
    assert transitions(ModelDeploymentStatus(), status(ConditionType.READY, "False")) == ()


def test_a_replaced_revision_is_told() -> None:
    before = ModelDeploymentStatus(versions=[VersionStatus(name="default", weight=100, stable="m-default-1")])
    after = ModelDeploymentStatus(versions=[VersionStatus(name="default", weight=100, stable="m-default-2")])
    assert ["m-default-2" in e.message for e in transitions(before, after)] == [True]
