from datetime import UTC, datetime

from eagleray.api.start_status import StartStatus
from eagleray.api.status import ModelDeploymentStatus, RevisionStatus
from eagleray.kube.kinds import Key
from eagleray.runtime.metrics import Metrics
from unit.runtime.test_metrics import samples

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_the_parts_of_a_start_are_told_until_the_object_is_gone() -> None:
    metrics, key = Metrics(concurrency=1, lease="op"), Key("ns", "m")
    start = StartStatus(incarnation=1, since=NOW, seconds={"head": 7, "warm-up": 1})
    revision = RevisionStatus(name="m-v-1", version="v", hash="1", created_at=NOW, start=start)
    metrics.decided(key, ModelDeploymentStatus(revisions=[revision]))
    label = "{{name=m,namespace=ns,phase={},revision=m-v-1,version=v}}"
    found = {k: v for k, v in samples(metrics).items() if k.startswith("eagleray_revision")}
    name = "eagleray_revision_start_seconds"
    assert found == {name + label.format("head"): 7, name + label.format("warm-up"): 1}
    metrics.decided(key, None)
    assert not [k for k in samples(metrics) if k.startswith("eagleray_revision")]
