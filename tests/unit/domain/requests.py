"""Users' requests in a small world: how many, who answers them, how well and how fast."""

import math
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from eagleray.domain.actions.router_config import SLOTS, RouterConfig
from eagleray.domain.facts.router_stats import RevisionStats

BOUNDS = (10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, math.inf)


@dataclass
class Requests:
    """A steady load, shared out as the router is told. Whole requests are carried over, so that none is lost.

    Attributes:
        rate: requests per second at each of the routers.
        errors: by revision, the share of answers with an error.
        latency_ms: by revision, how long an answer takes; 10 ms unless told.
        failed: requests that met a revision without a replica, or nobody.
        held: by revision, requests that wait for it to start.
    """

    rate: float = 0.0
    errors: dict[str, float] = field(default_factory=dict)
    latency_ms: dict[str, float] = field(default_factory=dict)
    failed: float = 0.0
    answered: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    held: Counter[str] = field(default_factory=Counter)
    _rest: defaultdict[tuple[str, str], float] = field(default_factory=lambda: defaultdict(float))

    def send(self, router: RouterConfig, seconds: float, answering: Callable[[str], int]) -> None:
        """Send what comes in so many seconds."""
        if not router.split:
            self.failed += self.rate * seconds
        holding = {t.revision for t in router.targets if t.hold}
        for share in router.split:
            sent = self.rate * seconds * share.slots / SLOTS
            if share.revision in holding:
                self.held[share.revision] += self._whole("sent", share.revision, sent)
                continue
            sent += self.held.pop(share.revision, 0)
            if not answering(share.revision) and not answering(router.target(share.revision).fallback):
                self.failed += sent
                continue
            self.answered[share.revision] += self._whole("sent", share.revision, sent)
            wrong = sent * self.errors.get(share.revision, 0.0)
            self.wrong[share.revision] += self._whole("wrong", share.revision, wrong)

    def stats(self, revision: str, version: str, healthy: int) -> RevisionStats:
        """What a router says of a revision."""
        requests, took = self.answered[revision], self.latency_ms.get(revision, 10.0)
        return RevisionStats(
            config_version=version,
            healthy_endpoints=healthy,
            requests=requests,
            errors=self.wrong[revision],
            latency_count=requests,
            latency_sum_ms=took * requests,
            latency_buckets=tuple((bound, requests if took < bound else 0) for bound in BOUNDS),
        )

    def _whole(self, what: str, revision: str, number: float) -> int:
        whole, self._rest[what, revision] = divmod(number + self._rest[what, revision], 1)
        return int(whole)
