"""What one condition is to say, and the condition that says it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from eagleray.api.conditions import ConditionType, Reason
from eagleray.api.status import Condition
from eagleray.domain.facts.text import clean

Truth = Literal["True", "False", "Unknown"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one condition is to say."""

    status: Truth
    reason: Reason
    message: str


Verdicts = dict[ConditionType, Verdict]


def write(verdicts: Verdicts, before: Sequence[Condition], generation: int, now: datetime) -> tuple[Condition, ...]:
    """Turn verdicts into conditions; a transition time moves only when the status flips."""
    known = {c.type: c for c in before}
    return tuple(_condition(kind, verdict, known.get(kind), generation, now) for kind, verdict in verdicts.items())


def _condition(
    kind: ConditionType, verdict: Verdict, before: Condition | None, generation: int, now: datetime
) -> Condition:
    same = before is not None and before.status == verdict.status
    return Condition(
        type=kind,
        status=verdict.status,
        reason=verdict.reason,
        message=clean(verdict.message),
        observed_generation=generation,
        last_transition_time=before.last_transition_time if before is not None and same else now,
    )
