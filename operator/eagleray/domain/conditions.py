"""The four conditions, as kstatus and Argo CD read them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from eagleray.api.conditions import ConditionType, Reason
from eagleray.api.status import Condition
from eagleray.domain.problem import Problem
from eagleray.domain.revision_state import RevisionView
from eagleray.domain.rollout import VersionView

Truth = Literal["True", "False", "Unknown"]

# Only a change of the spec, or of what it points to, makes these better.
_NEED_A_PERSON = {
    Reason.CHECKSUM_MISMATCH,
    Reason.CONSTRUCTOR_FAILED,
    Reason.DEPLOY_FAILED,
    Reason.DOWNLOAD_FAILED,
    Reason.IMPORT_FAILED,
    Reason.INVALID_SPEC,
    Reason.MODEL_LOAD_FAILED,
    Reason.NAME_CONFLICT,
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one condition is to say."""

    status: Truth
    reason: Reason
    message: str


Verdicts = dict[ConditionType, Verdict]


def serving(version: VersionView, leaving: int) -> Verdicts:
    """Judge an object whose spec can be acted on.

    Args:
        version: the version as it stands.
        leaving: how many Pods are still to go.
    """
    problem = _worst(version)
    return {
        ConditionType.READY: _ready(version),
        ConditionType.PROGRESSING: _progressing(version, leaving),
        ConditionType.DEGRADED: _degraded(problem),
        ConditionType.STALLED: _stalled(problem),
    }


def stalled(reason: Reason, message: str, serving_still: Verdict | None = None) -> Verdicts:
    """Judge an object that the operator cannot act on until a person changes something."""
    failed = Verdict("True", reason, message)
    return {
        ConditionType.READY: serving_still or Verdict("False", reason, message),
        ConditionType.PROGRESSING: Verdict("False", reason, message),
        ConditionType.DEGRADED: failed,
        ConditionType.STALLED: failed,
    }


def write(verdicts: Verdicts, before: list[Condition], generation: int, now: datetime) -> list[Condition]:
    """Turn verdicts into conditions; a transition time moves only when the status flips."""
    known = {c.type: c for c in before}
    return [_condition(kind, verdict, known.get(kind), generation, now) for kind, verdict in verdicts.items()]


def _condition(
    kind: ConditionType, verdict: Verdict, before: Condition | None, generation: int, now: datetime
) -> Condition:
    same = before is not None and before.status == verdict.status
    return Condition(
        type=kind,
        status=verdict.status,
        reason=verdict.reason,
        message=verdict.message,
        observed_generation=generation,
        last_transition_time=before.last_transition_time if before is not None and same else now,
    )


def _ready(version: VersionView) -> Verdict:
    view = version.stable
    if view is None:
        return _not_yet(version.candidate)
    if view.wanted == 0:
        return Verdict("False", Reason.SCALED_TO_ZERO, "spec.replicas is 0: requests are answered with 503")
    if view.answering is None:
        return Verdict("Unknown", Reason.ROUTER_STARTING, _said(view, "no router Pod can be asked"))
    if view.answering > 0:
        count = min(view.answering, view.wanted)
        return Verdict("True", Reason.ANSWERING, f"{count} of {view.wanted} replicas of {view.revision.name} answer")
    reason = view.problem.reason if view.problem else Reason.NOT_ANSWERING
    return Verdict("False", reason, _said(view, "no replica answers"))


def _not_yet(view: RevisionView | None) -> Verdict:
    if view is None:
        return Verdict("False", Reason.STARTING, "the first revision is to be created")
    if view.problem:
        return Verdict("False", view.problem.reason, view.problem.message)
    return Verdict("False", _phase(view), view.waiting or "the first revision starts")


def _phase(view: RevisionView) -> Reason:
    """The reason that goes with what a revision without a problem waits for."""
    if view.cluster.head is None or not view.cluster.head.started:
        return Reason.HEAD_STARTING
    if view.cluster.started_workers < len(view.cluster.workers):
        return Reason.WORKERS_STARTING
    if view.running < view.wanted:
        return Reason.APPLICATION_STARTING
    if view.answering is None:
        return Reason.ROUTER_STARTING
    return Reason.WARMING_UP


def _progressing(version: VersionView, leaving: int) -> Verdict:
    if version.candidate:
        view = version.candidate
        reason = Reason.ROLLOUT_IN_PROGRESS if version.stable else _phase(view)
        return Verdict("True", reason, f"revision {view.revision.name}: {_said(view, 'starts')}")
    stable = version.stable
    if stable is not None and not stable.settled:
        said = _said(stable, "Pods that are not needed any more go")
        return Verdict("True", _moving(stable), f"revision {stable.revision.name}: {said}")
    if leaving:
        return Verdict("True", Reason.DRAINING, f"{leaving} Pods of replaced revisions are still to go")
    return Verdict("False", Reason.SETTLED, "everything is as spec says")


def _said(view: RevisionView, otherwise: str) -> str:
    return view.problem.message if view.problem else view.waiting or otherwise


def _moving(view: RevisionView) -> Reason:
    return Reason.DRAINING if view.complete else _phase(view)


def _degraded(problem: Problem | None) -> Verdict:
    if problem is None:
        return Verdict("False", Reason.SETTLED, "nothing is wrong")
    return Verdict("True", problem.reason, problem.message)


def _stalled(problem: Problem | None) -> Verdict:
    if problem is not None and problem.reason in _NEED_A_PERSON:
        return Verdict("True", problem.reason, problem.message)
    return Verdict("False", Reason.SETTLED, "nothing waits for a person")


def _worst(version: VersionView) -> Problem | None:
    problems = [v.problem for v in reversed(version.views) if v.problem]
    return problems[0] if problems else None
