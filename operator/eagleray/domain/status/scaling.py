"""What scaling says in conditions: HPA's own, for each metric and each limit of each revision."""

from collections.abc import Sequence

from eagleray.api.conditions import ConditionType, Reason
from eagleray.domain.facts.problem import known_reason
from eagleray.domain.state.scaling import MetricState, ScalingState
from eagleray.domain.status.verdict import Verdict, Verdicts


def scaling_verdicts(records: Sequence[ScalingState]) -> Verdicts:
    """Judge how scaling goes; nothing where nothing is scaled by its load.

    Args:
        records: what was decided last about each revision.
    """
    if not records:
        return {}
    asleep = {r.revision for r in records if r.idle_since is not None}
    awake = [r for r in records if r.revision not in asleep]
    if not awake:
        said = Verdict("False", Reason.SCALING_DISABLED, "nothing is scaled, as nothing runs")
        return {ConditionType.SCALING_ACTIVE: said, ConditionType.SCALING_LIMITED: said}
    return {ConditionType.SCALING_ACTIVE: _active(awake), ConditionType.SCALING_LIMITED: _limited(awake)}


def _active(records: Sequence[ScalingState]) -> Verdict:
    missing = [(r, m) for r in records for m in r.metrics if m.missing_since]
    if missing:
        return Verdict("False", Reason.FAILED_GET_METRIC, "; ".join(_missing(r, m) for r, m in missing))
    return Verdict("True", Reason.VALID_METRIC_FOUND, "every metric is known")


def _missing(record: ScalingState, metric: MetricState) -> str:
    return (
        f"{metric.name} of {record.subject} is not known in full since {metric.missing_since:%Y-%m-%d %H:%M:%S} UTC,"
        f" so nothing is scaled down: {metric.message or 'no figures'}"
    )


def _limited(records: Sequence[ScalingState]) -> Verdict:
    limited = next((r for r in records if r.reason != Reason.DESIRED_WITHIN_RANGE), None)
    if limited is None or limited.reason == Reason.FAILED_GET_METRIC:
        return Verdict("False", Reason.DESIRED_WITHIN_RANGE, "there are as many replicas as the metrics ask for")
    return Verdict(
        "True", known_reason(limited.reason, Reason.DESIRED_WITHIN_RANGE), f"{limited.subject}: {limited.message}"
    )
