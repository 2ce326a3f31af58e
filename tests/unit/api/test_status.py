from datetime import UTC, datetime, timedelta, timezone

import pytest
from pydantic import ValidationError

from eagleray.api.conditions import ConditionType, Reason
from eagleray.api.start_status import StartStatus
from eagleray.api.status import Condition, Failure, ModelDeploymentStatus, RevisionStatus

NOW = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)


def condition(kind: str = "Ready") -> Condition:
    return Condition(type=kind, status="True", reason=Reason.ANSWERING, last_transition_time=NOW)


def test_times_are_written_as_kubernetes_does() -> None:
    written = condition().model_dump(mode="json", by_alias=True)
    assert written["lastTransitionTime"] == "2026-01-02T03:04:05Z"


def test_times_are_written_in_utc() -> None:
    at = NOW.astimezone(timezone(timedelta(hours=2)))
    assert Failure(reason="x", at=at).model_dump(mode="json")["at"] == "2026-01-02T03:04:05Z"


def test_times_without_a_zone_are_refused() -> None:
    with pytest.raises(ValidationError, match="timezone"):
        Failure(reason="x", at=datetime(2026, 1, 2))  # noqa: DTZ001  (that is the point)


def test_a_status_reads_back() -> None:
    revision = RevisionStatus(
        name="churn-default-12345678",
        version="default",
        hash="12345678",
        created_at=NOW.replace(microsecond=0),
        failure=Failure(reason=Reason.UNSCHEDULABLE, at=NOW.replace(microsecond=0), count=3),
    )
    status = ModelDeploymentStatus(replicas=2, revisions=[revision])
    assert ModelDeploymentStatus.model_validate(status.as_written()) == status


def test_what_is_empty_is_left_out_as_server_side_apply_would_make_null_of_it() -> None:
    again = StartStatus(incarnation=1, phase="schedule", since=NOW.replace(microsecond=0), seconds={})
    revision = RevisionStatus(
        name="churn-default-12345678", version="default", hash="12345678", created_at=NOW.replace(microsecond=0)
    )
    status = ModelDeploymentStatus(revisions=[revision.model_copy(update={"start": again})])
    written = status.as_written()
    assert "conditions" not in written
    assert written["revisions"][0]["start"].keys() == {"incarnation", "phase", "since"}
    assert written["replicas"] == 0
    assert ModelDeploymentStatus.model_validate(written) == status


def test_conditions_are_found_by_type() -> None:
    status = ModelDeploymentStatus(conditions=[condition()])
    assert status.condition(ConditionType.READY) == condition()
    assert status.condition(ConditionType.STALLED) is None


def test_a_condition_of_a_newer_operator_is_read() -> None:
    assert condition("Novel").type == "Novel"


def test_two_conditions_of_one_type_are_refused() -> None:
    with pytest.raises(ValidationError, match="two items are called Ready"):
        ModelDeploymentStatus(conditions=[condition(), condition()])


@pytest.mark.parametrize("constant", [*ConditionType, *Reason], ids=str)
def test_every_type_and_reason_is_a_constant_word_with_a_meaning(constant: ConditionType | Reason) -> None:
    assert constant.isalpha()
    assert constant[0].isupper()
    assert constant.meaning.endswith(".")


def test_reasons_are_found_by_value() -> None:
    assert Reason("OutOfMemory") is Reason.OUT_OF_MEMORY
