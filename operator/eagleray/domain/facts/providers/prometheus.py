"""Prometheus, and what speaks its API."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from eagleray.domain.facts.providers.query import NoValueError, ProviderRequest


@dataclass(frozen=True, slots=True)
class PrometheusQuery:
    """A question in PromQL (https://prometheus.io/docs/prometheus/latest/querying/api/#instant-queries).

    Attributes:
        url: where the server answers, without `/api/v1/query`.
        promql: the query.
    """

    url: str
    promql: str

    @classmethod
    def of(cls, server: str, query: str, about: Mapping[str, str]) -> Self:
        """Fill in a query.

        Args:
            server: where it is asked.
            query: PromQL, in which `$(name)` stands for what `about` says of it.
            about: by name, what is to stand there.
        """
        for name, value in about.items():
            query = query.replace(f"$({name})", value)
        return cls(server, query)

    def request(self) -> ProviderRequest:
        """How to ask it."""
        return ProviderRequest("GET", f"{self.url.rstrip('/')}/api/v1/query", {"query": self.promql})

    def value(self, answer: Any) -> float:  # noqa: ANN401 -- JSON
        """The number of a scalar, or of the only series.

        Raises:
            NoValueError: there is not one number in it.
        """
        try:
            kind, result = answer["data"]["resultType"], answer["data"]["result"]
            count = 1 if kind == "scalar" else len(result)
            pairs = [result] if kind == "scalar" else [series["value"] for series in result[:1]]
            values = [float(value) for _, value in pairs]
        except (KeyError, IndexError, TypeError, ValueError, OverflowError) as e:
            raise NoValueError("write a query for an instant vector or a scalar") from e
        if count != 1:
            raise NoValueError(f"{count} series; write a query that gives one, as sum(…) does")
        return values[0]
