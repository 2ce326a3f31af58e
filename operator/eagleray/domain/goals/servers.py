"""Servers that know figures, which users name and the operator asks from where it is in the network."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import urlsplit

from eagleray.api.analysis import Analysis, Web
from eagleray.api.spec import ModelDeploymentSpec

Origin = tuple[str, str, int]
_PORTS: Final = {"http": 80, "https": 443}


def origin(url: str) -> Origin:
    """Scheme, host and port of a URL; two that are written differently and mean the same are equal.

    Raises:
        ValueError: it is no URL of a server, or says more than where the server is.
    """
    parts = urlsplit(url)
    host, port = parts.hostname, parts.port
    if parts.scheme not in _PORTS or not host:
        raise ValueError(f"{url!r} is no URL that begins with http:// or https://")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("the URL of a server has no user, query or fragment (#)")
    return parts.scheme, host.rstrip("."), port or _PORTS[parts.scheme]


@dataclass(frozen=True, slots=True)
class Servers:
    """Those that may be asked.

    Attributes:
        allowed: by scheme, host and port; empty for any.
    """

    allowed: frozenset[Origin] = frozenset()

    @classmethod
    def read(cls, urls: Iterable[str]) -> Self:
        """Read the URLs of those that are allowed.

        Raises:
            ValueError: one is no URL of a server.
        """
        return cls(frozenset(map(origin, urls)))

    def allows(self, url: str) -> bool:
        """Whether a server may be asked, by what its URL says when it is parsed."""
        try:
            return not self.allowed or origin(url) in self.allowed
        except ValueError:
            return False

    def refusal(self, spec: ModelDeploymentSpec) -> str:
        """What a spec asks of servers that are not allowed, in a sentence; "" where it asks nothing of those."""
        if not self.allowed:
            return ""
        named = dict.fromkeys((field, url) for field, url in _named(spec) if not self.allows(url))
        return "; ".join(
            f"{field}: this operator does not ask {url} (analysis.allowedServers of the chart); name a server of "
            "that list, or have it added"
            for field, url in named
        )


def _named(spec: ModelDeploymentSpec) -> Iterator[tuple[str, str]]:
    """Every server of a spec, with the field that names it."""
    rollout = spec.rollout
    if rollout is not None:
        yield from _of_analysis("rollout.analysis", rollout.analysis)
        for step in rollout.steps or []:
            yield from _of_analysis("rollout.steps[].analysis", step.analysis)
    for lane in spec.lanes():
        apps = lane.template.app.deployments if lane.template.app else None
        for scaling in (lane.template.autoscaling, *(deployment.autoscaling for deployment in apps or [])):
            for metric in (scaling.metrics if scaling else None) or []:
                if metric.server is not None:
                    yield "autoscaling.metrics[].server", metric.server


def _of_analysis(field: str, analysis: Analysis | None) -> Iterator[tuple[str, str]]:
    for metric in analysis.metrics if analysis else []:
        provider = metric.provider
        if provider is not None:
            kind, url = (
                ("web.url", provider.url) if isinstance(provider, Web) else ("prometheus.server", provider.server)
            )
            yield f"{field}.metrics[].{kind}", url
