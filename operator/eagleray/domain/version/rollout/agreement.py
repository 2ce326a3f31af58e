"""Whether a candidate that gets copies answers them as users were answered."""

from eagleray.api.analysis import MIRROR_AGREEMENT, AnalysisMetric
from eagleray.domain.facts.comparison import agreement
from eagleray.domain.version.rollout.analysis import ALPHA, Measurement, min_requests, proven_above
from eagleray.domain.version.rollout.evidence import Inquiry


def measured(inquiry: Inquiry) -> list[Measurement]:
    """Judge the agreement, where the analysis asks for it and it is due."""
    metric = next((m for m in inquiry.analysis.metrics if m.name == MIRROR_AGREEMENT), None)
    if metric is None or inquiry.evidence.now < inquiry.due(metric):
        return []
    return [judge(metric, inquiry.evidence.agreed, inquiry.evidence.compared, min_requests(inquiry.analysis))]


def judge(metric: AnalysisMetric, agreed: int, compared: int, least: int) -> Measurement:
    """Judge the agreement as an error rate is judged: failed only where an exact test proves that too many differ.

    Args:
        metric: with the least share that has to agree.
        agreed: copies that were answered as the user was.
        compared: copies whose answers were compared.
        least: how many there must be.
    """
    if compared < least:
        told = f"{compared} of {least} answers compared so far; traffic.mirror must name this version and compare"
        return Measurement(metric.name, "NoData", told)
    allowed, differ = 1 - float((metric.min or "100%")[:-1]) / 100, compared - agreed
    told = f"{metric.name} {agreement(agreed, compared)} of {compared} answers, min {metric.min}"
    if proven_above(differ, compared, allowed, ALPHA):
        return Measurement(metric.name, "Failed", told)
    return Measurement(metric.name, "Successful" if differ <= compared * allowed else "Inconclusive", told)
