from datetime import UTC, datetime, timedelta

import pytest

from eagleray.api.conditions import Reason
from eagleray.domain.actions.actions import CreateHead, DeletePod
from eagleray.engine.parts import BASE_SECONDS, MAX_SECONDS, NameLeavingError, NameTakenError, PartLog, reason_of
from eagleray.kube.errors import ConflictError, ForbiddenError, InvalidError, KubeError, TransientError

START = datetime(2026, 1, 1, tzinfo=UTC)
HEAD, OTHER = (CreateHead("r", "i", 1),), (CreateHead("r", "i", 2),)
FREE = (DeletePod("p", "u", "why"),)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ForbiddenError("exceeded quota"), Reason.PODS_REFUSED),
        (InvalidError("spec.x: invalid"), Reason.PODS_REFUSED),
        (NameTakenError("Service m exists"), Reason.NAME_CONFLICT),
        (TransientError("502"), Reason.API_UNREACHABLE),
        (ConflictError("changed"), Reason.API_UNREACHABLE),
        (NameLeavingError("still there"), Reason.API_UNREACHABLE),
    ],
)
def test_the_reason_follows_from_the_kind_of_failure(error: KubeError, reason: Reason) -> None:
    assert reason_of(error) is reason


def waits(log: PartLog, tries: int) -> list[float]:
    """Seconds from each failure to the next try."""
    now, found = START, []
    for _ in range(tries):
        log.failed("r writes", "r", HEAD, ForbiddenError("no"), now)
        due = log.next_try()
        assert due is not None
        assert not log.due("r writes", HEAD, due - timedelta(milliseconds=1))
        assert log.due("r writes", HEAD, due)
        found.append((due - now).total_seconds())
        now = due
    return found


def test_a_part_that_is_refused_waits_longer_each_time_up_to_a_bound() -> None:
    found = waits(PartLog(), 8)
    assert found[0] == BASE_SECONDS
    assert found == sorted(found)
    assert found[-1] == MAX_SECONDS


def test_frees_and_writes_of_a_part_and_other_parts_wait_apart() -> None:
    log = PartLog()
    log.failed("r writes", "r", HEAD, ForbiddenError("no"), START)
    assert log.due("r frees", FREE, START)
    assert log.due("other writes", HEAD, START)


def test_another_try_is_not_held_back_by_the_last_one() -> None:
    log = PartLog()
    log.failed("r writes", "r", HEAD, ForbiddenError("no"), START)
    assert log.due("r writes", OTHER, START)


def test_an_outcome_keeps_the_time_of_the_first_failure_and_the_words_of_the_last() -> None:
    log = PartLog()
    log.failed("r writes", "r", HEAD, ForbiddenError("first"), START)
    log.failed("r writes", "r", HEAD, TransientError("second"), START + timedelta(seconds=9))
    outcome = log.outcomes["r"]
    assert (outcome.at, outcome.message, outcome.reason) == (START, "second", Reason.API_UNREACHABLE)
    log.done("r writes")
    assert not log.outcomes
    assert log.next_try() is None


def test_what_is_not_part_of_a_plan_any_more_is_forgotten() -> None:
    log = PartLog()
    log.failed("r writes", "r", HEAD, ForbiddenError("no"), START)
    log.keep(["other writes"])
    assert not log.outcomes
