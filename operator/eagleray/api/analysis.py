"""What a candidate is judged by: figures of its requests, and answers of servers that know more."""

import re
from typing import Annotated

from pydantic import Field

from eagleray.api.base import ApiModel, Duration, PositiveDuration, Rule, map_list, matches
from eagleray.api.units import DURATION_PATTERN, parse_duration

ERROR_RATE = "error-rate"
MIRROR_AGREEMENT = "mirror-agreement"
_LATENCIES = ("latency-p50", "latency-p90", "latency-p95", "latency-p99")
_PERCENT = r"^[0-9]{1,3}([.][0-9]{1,3})?%$"
_NUMBER = r"^-?[0-9]{1,12}([.][0-9]{1,9})?$"
_CEL_LATENCIES = f"[{', '.join(repr(name) for name in _LATENCIES)}]"
_CEL_OWN = f"[{', '.join(repr(name) for name in (ERROR_RATE, MIRROR_AGREEMENT, *_LATENCIES))}]"

Percent = Annotated[
    str,
    Field(max_length=8),
    matches(_PERCENT, "write a share such as 1% or 0.5%"),
]
"""A share: `1%`, `0.5%`."""

Url = Annotated[
    str,
    Field(max_length=512),
    matches(
        "^https?://[^ /?#@]+(/[^ ?#]*)?$",
        "write a whole URL without user, query or fragment (#), such as http://prometheus.monitoring:9090",
    ),
]
"""Where a server answers."""


class Prometheus(ApiModel):
    """A query that a Prometheus server answers with one number."""

    server: Url
    """Where it answers, without `/api/v1/query`."""
    query: str = Field(min_length=1, max_length=2048)
    """PromQL for one number. `$(name)`, `$(namespace)`, `$(version)`, `$(candidate)` and `$(stable)` stand for this
    object, the version that moves, and its two revisions."""


class Web(ApiModel):
    """A server of your own that is asked with `POST`, and that answers with JSON."""

    url: Url
    """Where it answers. It gets `{"name", "namespace", "version", "candidate", "stable"}` as JSON."""
    path: str | None = Field(None, min_length=1, max_length=256)
    """Where in its answer the number is, such as `data.score`; `value` where it is left out. True counts 1, false 0."""


def _max_fits(metric: "AnalysisMetric") -> bool:
    pattern = _PERCENT if metric.name == ERROR_RATE else DURATION_PATTERN if metric.name in _LATENCIES else _NUMBER
    return metric.max is None or re.search(pattern, metric.max) is not None


def _min_fits(metric: "AnalysisMetric") -> bool:
    pattern = _PERCENT if metric.name == MIRROR_AGREEMENT else _NUMBER
    return metric.min is None or re.search(pattern, metric.min) is not None


def _limits_belong(metric: "AnalysisMetric") -> bool:
    if metric.provider:
        return metric.max_increase is None
    if metric.name == MIRROR_AGREEMENT:
        return metric.max is None and metric.max_increase is None
    return metric.min is None


class AnalysisMetric(ApiModel):
    """A figure of the candidate, and its limits."""

    cel_rules = (
        Rule(
            "has(self.max) || has(self.maxIncrease) || has(self.min)",
            "write max (a limit), maxIncrease (a limit above the stable revision's figure), or min",
            python=lambda m: any(limit is not None for limit in (m.max, m.max_increase, m.min)),
        ),
        Rule(
            f"(has(self.prometheus) || has(self.web)) != (self.name in {_CEL_OWN})",
            "the router measures error-rate, mirror-agreement and latency-p50, -p90, -p95 and -p99; a metric of "
            "another name needs prometheus or web, and has that name to itself",
            field_path=".name",
            python=lambda m: (m.provider is not None) != (m.name in {ERROR_RATE, MIRROR_AGREEMENT, *_LATENCIES}),
        ),
        Rule(
            "!(has(self.prometheus) && has(self.web))",
            "write prometheus or web, one in each metric",
            python=lambda m: m.prometheus is None or m.web is None,
        ),
        Rule(
            "has(self.prometheus) || has(self.web) ? !has(self.maxIncrease) : "
            f"self.name == '{MIRROR_AGREEMENT}' ? !has(self.max) && !has(self.maxIncrease) : !has(self.min)",
            "min belongs to prometheus, web and mirror-agreement, max to all but mirror-agreement, and maxIncrease to "
            "error-rate and the latencies",
            python=_limits_belong,
        ),
        Rule(
            f"!has(self.max) || self.max.matches(self.name == '{ERROR_RATE}' ? '{_PERCENT}' : "
            f"self.name in {_CEL_LATENCIES} ? '{DURATION_PATTERN}' : '{_NUMBER}')",
            "write the max of error-rate as a share such as 1%, that of a latency as a duration such as 200ms, and any "
            "other as a number in quotes, such as '0.05'",
            field_path=".max",
            python=_max_fits,
        ),
        Rule(
            f"!has(self.min) || self.min.matches(self.name == '{MIRROR_AGREEMENT}' ? '{_PERCENT}' : '{_NUMBER}')",
            "write the min of mirror-agreement as a share such as 99%, and any other as a number in quotes, such as "
            "'0.95'",
            field_path=".min",
            python=_min_fits,
        ),
    )

    name: Annotated[
        str,
        Field(max_length=63),
        matches("^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$", "write a name of lower-case letters, digits and hyphens"),
    ]
    """What is measured. `error-rate`, the share of answers with a status from 500 on, and `latency-p50`, `-p90`, `-p95`
    and `-p99`, quantiles of the time to the answer, are the router's; so is `mirror-agreement`, the share of copies
    that were answered as the user was, while `traffic.mirror` compares. Any other name is that of your own figure."""
    max: str | None = Field(None, max_length=24)
    """Highest value that passes: `1%`, `200ms`, or a number in quotes."""
    min: str | None = Field(None, max_length=24)
    """Lowest value that passes: `99%` of `mirror-agreement`, a number in quotes of your own figure."""
    max_increase: Percent | None = None
    """How far the candidate may be above the stable revision in the same time: percentage points of an error rate
    (`0.5%`), a share of a latency (`20%`)."""
    prometheus: Prometheus | None = None
    """Asks a Prometheus server for the figure."""
    web: Web | None = None
    """Asks a server of your own for the figure."""

    @property
    def provider(self) -> Prometheus | Web | None:
        """Who is asked for the figure; None where the router measures it."""
        return self.prometheus or self.web

    @property
    def limit(self) -> float | None:
        """`max` as a share of 1, or in seconds."""
        if self.max is None:
            return None
        return float(self.max[:-1]) / 100 if self.name == ERROR_RATE else parse_duration(self.max)

    @property
    def margin(self) -> float | None:
        """`max_increase` as a share of 1."""
        return None if self.max_increase is None else float(self.max_increase[:-1]) / 100


class Analysis(ApiModel):
    """Figures that a candidate is judged by while it gets requests."""

    interval: PositiveDuration | None = None
    """Time between two measurements; 10s where it is left out."""
    initial_delay: Duration | None = None
    """Time from a change of the candidate's share to its first measurement."""
    count: int | None = Field(None, ge=1, le=1000)
    """Measurements that must pass before the next change of the share; 1 where it is left out."""
    failure_limit: int | None = Field(None, ge=0, le=1000)
    """Measurements of one figure that may fail; one more takes the rollout back. 0 where it is left out."""
    inconclusive_limit: int | None = Field(None, ge=0, le=1000)
    """Measurements of one figure that may be above its limit without proof; one more pauses the rollout for a person.
    Without it the rollout waits until there is proof."""
    min_requests: int | None = Field(None, ge=1, le=1_000_000)
    """Requests that the candidate must have answered before it is judged; 50 where it is left out. With fewer the
    rollout waits."""
    metrics: Annotated[list[AnalysisMetric], map_list("name")] = Field(min_length=1, max_length=8)
    """What is measured."""
