import math
from datetime import UTC, datetime
from typing import Any

import pytest

from eagleray.api.analysis import Analysis, AnalysisMetric
from eagleray.domain.facts.signals import Histogram, Window, Windows
from eagleray.domain.state.rollout import FigureState
from eagleray.domain.version.rollout.analysis import (
    Measurement,
    failed,
    failure_limit,
    initial_delay_seconds,
    interval_seconds,
    judge,
    measure,
    min_requests,
    passed,
    restart,
    take,
    undecided,
    waiting,
    wanted_count,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ERRORS = AnalysisMetric.model_validate({"name": "error-rate", "max": "1%"})
ERRORS_ABOVE = AnalysisMetric.model_validate({"name": "error-rate", "maxIncrease": "0.5%"})
ERRORS_BOTH = AnalysisMetric.model_validate({"name": "error-rate", "max": "10%", "maxIncrease": "0.5%"})
P99 = AnalysisMetric.model_validate({"name": "latency-p99", "max": "200ms"})
P50_ABOVE = AnalysisMetric.model_validate({"name": "latency-p50", "maxIncrease": "20%"})
EDGES = (50.0, 60.0, 100.0, 200.0, 250.0, math.inf)


def answers(requests: int, errors: int = 0, seconds: float = 60, *, missing: bool = False) -> Window:
    return Window(requests, errors, Histogram(), seconds, missing)


def times(*counts: int) -> Window:
    """Requests that took up to 50, 60, 100, 200, 250 ms and longer."""
    padded = (*counts, *(0 for _ in EDGES))[: len(EDGES)]
    return Window(sum(padded), 0, Histogram(EDGES, padded), 60, missing=False)


def windows(overall: Window, latest: Window | None = None) -> Windows:
    return Windows(overall, latest or answers(0, seconds=10))


NONE = windows(answers(0))


@pytest.mark.parametrize(
    ("metric", "candidate", "stable", "verdict", "message"),
    [
        (ERRORS, windows(answers(12, 12)), NONE, "NoData", "12 of 50 requests so far"),
        (ERRORS, windows(answers(99, missing=True)), NONE, "NoData", "a router Pod does not tell its figures"),
        (ERRORS, windows(answers(134, 26)), NONE, "Failed", "error-rate 19.4% of 134 requests, limit 1%"),
        (ERRORS, windows(answers(300, 3)), NONE, "Successful", "error-rate 1% of 300 requests, limit 1%"),
        (ERRORS, windows(answers(300, 4)), NONE, "Inconclusive", "error-rate 1.33% of 300 requests, limit 1%"),
        (
            ERRORS,
            windows(answers(9000, 9), answers(15, 6, seconds=10)),
            NONE,
            "Failed",
            "error-rate 40% of 15 requests in the last 10 s, limit 1%",
        ),
        (
            ERRORS,
            windows(answers(9000, 9), answers(15, 2, seconds=10)),
            NONE,
            "Successful",
            "error-rate 0.1% of 9000 requests, limit 1%",
        ),
        (
            P99,
            windows(times(0, 0, 0, 840, 60)),
            NONE,
            "Failed",
            "latency-p99 about 242 ms of 900 requests, limit 200ms",
        ),
        (
            P99,
            windows(times(0, 0, 800, 91, 9)),
            NONE,
            "Successful",
            "latency-p99 about 200 ms of 900 requests, limit 200ms",
        ),
        (
            P99,
            windows(times(0, 0, 800, 88, 0, 12)),
            NONE,
            "Inconclusive",
            "latency-p99 over 250 ms of 900 requests, limit 200ms",
        ),
        (P99, windows(answers(900)), NONE, "NoData", "0 of 50 requests so far"),
    ],
)
def test_a_figure_against_a_limit(
    metric: AnalysisMetric, candidate: Windows, stable: Windows, verdict: str, message: str
) -> None:
    assert judge(metric, candidate, stable, 50) == Measurement(metric.name, verdict, message)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("metric", "candidate", "stable", "verdict", "message"),
    [
        (ERRORS_ABOVE, answers(400, 4), answers(49), "NoData", "49 of 50 requests of the stable revision so far"),
        (
            ERRORS_ABOVE,
            answers(400, 40),
            answers(4000, 40),
            "Failed",
            "error-rate 10% of 400 requests, stable 1% of 4000, may be 0.5% above",
        ),
        (
            ERRORS_ABOVE,
            answers(400, 6),
            answers(4000, 40),
            "Successful",
            "error-rate 1.5% of 400 requests, stable 1% of 4000, may be 0.5% above",
        ),
        (
            ERRORS_ABOVE,
            answers(400, 7),
            answers(4000, 40),
            "Inconclusive",
            "error-rate 1.75% of 400 requests, stable 1% of 4000, may be 0.5% above",
        ),
        # Ten times as many errors as the stable revision, of which too little is known to say so.
        (
            ERRORS_ABOVE,
            answers(400, 40),
            answers(50, 0),
            "Inconclusive",
            "error-rate 10% of 400 requests, stable 0% of 50, may be 0.5% above",
        ),
        (ERRORS_BOTH, answers(400, 100), answers(0), "Failed", "error-rate 25% of 400 requests, limit 10%"),
        (ERRORS_BOTH, answers(400, 4), answers(0), "NoData", "0 of 50 requests of the stable revision so far"),
        (
            ERRORS_BOTH,
            answers(400, 20),
            answers(4000, 0),
            "Failed",
            "error-rate 5% of 400 requests, stable 0% of 4000, may be 0.5% above",
        ),
        (
            P50_ABOVE,
            times(0, 0, 0, 100),
            times(0, 100),
            "Failed",
            "latency-p50 about 150 ms of 100 requests, stable about 55 ms of 100, may be 20% above",
        ),
        (
            P50_ABOVE,
            times(0, 100),
            times(0, 100),
            "Successful",
            "latency-p50 about 55 ms of 100 requests, stable about 55 ms of 100, may be 20% above",
        ),
        # Up to 60 ms plus a fifth is 72 ms: a request between 60 and 100 ms may have been quicker.
        (
            P50_ABOVE,
            times(0, 0, 100),
            times(0, 100),
            "Inconclusive",
            "latency-p50 about 80 ms of 100 requests, stable about 55 ms of 100, may be 20% above",
        ),
    ],
)
def test_a_figure_against_the_stable_revision(
    metric: AnalysisMetric, candidate: Window, stable: Window, verdict: str, message: str
) -> None:
    found = judge(metric, windows(candidate), windows(stable), 50)
    assert found == Measurement(metric.name, verdict, message)  # type: ignore[arg-type]


def analysis(**fields: Any) -> Analysis:
    return Analysis.model_validate({"metrics": [{"name": "error-rate", "max": "1%"}, P99], **fields})


def test_every_figure_is_measured_with_the_least_number_of_requests() -> None:
    found = measure(analysis(minRequests=10), windows(answers(10)), NONE)
    assert [(m.name, m.verdict) for m in found] == [("error-rate", "Successful"), ("latency-p99", "NoData")]


def test_what_is_left_out_has_the_value_that_the_api_names() -> None:
    unset, given = analysis(), analysis(interval="1m", initialDelay="5s", count=3, failureLimit=2, minRequests=7)
    assert (interval_seconds(unset), interval_seconds(given)) == (10, 60)
    assert (initial_delay_seconds(unset), initial_delay_seconds(given)) == (0, 5)
    assert (wanted_count(unset), wanted_count(given)) == (1, 3)
    assert (failure_limit(unset), failure_limit(given)) == (0, 2)
    assert (min_requests(unset), min_requests(given)) == (50, 7)


def said(*verdicts: str, name: str = "error-rate") -> tuple[FigureState, ...]:
    status: tuple[FigureState, ...] = ()
    for verdict in verdicts:
        status = take(status, [Measurement(name, verdict, f"{verdict}!")], NOW)  # type: ignore[arg-type]
    return status


def counts(status: FigureState) -> tuple[int, int, int]:
    return status.successful, status.failed, status.inconclusive


def test_measurements_are_counted_and_those_without_data_are_not() -> None:
    (status,) = said("Successful", "Failed", "Inconclusive", "Successful", "NoData")
    assert counts(status) == (2, 1, 1)
    assert (status.verdict, status.message, status.measured_at) == ("NoData", "NoData!", NOW)


def test_a_figure_that_was_not_measured_stays_as_it_was() -> None:
    before = said("Failed")
    after = take(before, [Measurement("latency-p99", "Successful", "fine")], NOW)
    assert after[0] == before[0]
    assert counts(after[1]) == (1, 0, 0)


def test_a_change_of_the_share_keeps_failures_alone() -> None:
    (status,) = restart(said("Successful", "Failed", "Inconclusive"))
    assert counts(status) == (0, 1, 0)


ONLY = {"metrics": [{"name": "error-rate", "max": "1%"}]}


@pytest.mark.parametrize(
    ("verdicts", "fields", "waits"),
    [
        ([], {}, "error-rate is not measured yet"),
        (["NoData"], {}, "error-rate: NoData!"),
        (["Inconclusive"], {}, "Inconclusive!: above, but not yet proven"),
        (["Failed"], {"failureLimit": 1}, "Failed!: failed"),
        (["Successful"], {}, ""),
        (["Successful"], {"count": 3}, "error-rate: 1 of 3 measurements passed"),
        (["Successful", "Inconclusive"], {}, "Inconclusive!: above, but not yet proven"),
        (["Successful", "NoData"], {}, "error-rate: NoData!"),
        (["Successful", "NoData", "Successful"], {"count": 2}, ""),
    ],
)
def test_it_passes_when_every_figure_did_often_enough_and_last(
    verdicts: list[str], fields: dict[str, Any], waits: str
) -> None:
    status = said(*verdicts)
    assert waiting(analysis(**ONLY, **fields), status) == waits
    assert passed(analysis(**ONLY, **fields), status) is (not waits)
    assert not passed(analysis(**fields), status)


@pytest.mark.parametrize(("limit", "fails"), [(None, True), (1, True), (2, False)])
def test_it_fails_with_one_failure_more_than_allowed(limit: int | None, *, fails: bool) -> None:
    status = said("Failed", "Successful", "Failed")
    found = failed(analysis(**ONLY, failureLimit=limit), status)
    assert found == (status[0] if fails else None)
    assert failed(analysis(metrics=[P99]), status) is None


@pytest.mark.parametrize(("limit", "stops"), [(None, False), (1, True), (2, False)])
def test_it_is_undecided_with_one_measurement_without_proof_more_than_allowed(
    limit: int | None, *, stops: bool
) -> None:
    status = said("Inconclusive", "Inconclusive")
    assert undecided(analysis(**ONLY, inconclusiveLimit=limit), status) == (status[0] if stops else None)
