"""How long the parts of each revision's last start took, as Prometheus metrics."""

from collections.abc import Iterator, Sequence

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from eagleray.api.status import RevisionStatus
from eagleray.kube.kinds import Key


class StartMetrics(Collector):
    """Keeps the last start of each revision, and tells it when asked."""

    def __init__(self) -> None:
        self._revisions: dict[Key, Sequence[RevisionStatus]] = {}

    def decided(self, key: Key, revisions: Sequence[RevisionStatus]) -> None:
        """Keep the revisions of one object; none where it is gone."""
        if revisions:
            self._revisions[key] = revisions
        else:
            self._revisions.pop(key, None)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Tell all of them; called by prometheus_client, in a thread of its own."""
        family = GaugeMetricFamily(
            "eagleray_revision_start_seconds",
            "Time that a part of a revision's last start took",
            labels=("namespace", "name", "version", "revision", "phase"),
        )
        for key, revisions in list(self._revisions.items()):
            for revision in revisions:
                for phase, seconds in (revision.start.seconds if revision.start else {}).items():
                    labels = (key.namespace, key.name, revision.version, revision.name, phase)
                    family.add_metric(labels, float(seconds))
        yield family
