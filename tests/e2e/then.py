"""Then: what must be so, or come about in time."""

from dataclasses import dataclass
from typing import Any

from .client import Client, LoadResult
from .cluster import Cluster, Manifest
from .deployment import ModelDeployment, condition, name_of
from .wait import NotYetError, eventually

# A Ray cluster takes 15 to 30 s to start where it has two cores to itself; a few at once take longer.
SETTLED_SECONDS = 240.0
ROUTERS = 2


@dataclass(frozen=True, slots=True)
class Then:
    """Looks, and waits where something takes its time.

    Args:
        cluster: the cluster under test.
    """

    cluster: Cluster

    def settled(self, md: ModelDeployment, within: float = SETTLED_SECONDS) -> Manifest:
        """Everything is as spec says: conditions, counts and Pods, and nothing is left of anything before."""
        return eventually(f"{md.name} is settled", lambda: _settled(md), within=within)

    def ready(self, md: ModelDeployment, within: float = SETTLED_SECONDS) -> None:
        """The object says that it answers, about its present spec."""

        def look() -> None:
            manifest = md.manifest()
            _expect_condition(manifest, "Ready", "True")

        eventually(f"{md.name} is ready", look, within=within)

    def condition(
        self, md: ModelDeployment, kind: str, status: str, *, reasons: set[str], saying: str, within: float
    ) -> Manifest:
        """A condition takes one of these reasons, and its message names the cause."""

        def look() -> Manifest:
            found = md.condition(kind)
            right = found.get("status") == status and found.get("reason") in reasons
            if not right or saying.lower() not in str(found.get("message", "")).lower():
                raise NotYetError(f"{kind} is {found or 'absent'}")
            return found

        wanted = f"{md.name}: {kind}={status} for {' or '.join(sorted(reasons))}, saying {saying!r}"
        return eventually(wanted, look, within=within)

    def pods(self, md: ModelDeployment, role: str, count: int, within: float = SETTLED_SECONDS) -> list[str]:
        """So many live Pods of a role, and none that is still going."""

        def look() -> list[str]:
            names = sorted(name_of(p) for p in md.pods(role))
            if len(names) != count or names != md.live_pods(role):
                raise NotYetError(f"{role} Pods: {', '.join(names) or 'none'}")
            return names

        return eventually(f"{md.name} has {count} {role} Pods", look, within=within)

    def answers(self, client: Client, url: str, body: object, expected: Any) -> None:
        """A request is answered rightly."""
        answer = client.ask("POST", url, body)
        assert (answer.status, answer.json()) == (200, expected), f"{url}: {answer}"

    def no_request_failed(self, result: LoadResult, at_least: int = 1) -> None:
        """Every request of a load was answered rightly, and there were enough to mean something."""
        assert result.sent >= at_least, f"only {result.sent} requests were sent"
        assert result.failed == 0, result.told()

    def nothing_left(self, md: ModelDeployment, within: float = 120.0) -> None:
        """No child of the object is left."""

        def look() -> None:
            if left := md.children():
                raise NotYetError(", ".join(left))

        eventually(f"nothing is left of {md.name}", look, within=within)


def _settled(md: ModelDeployment) -> Manifest:
    manifest = md.manifest()
    for kind, status in {"Ready": "True", "Progressing": "False", "Degraded": "False", "Stalled": "False"}.items():
        _expect_condition(manifest, kind, status)
    status, wanted = manifest["status"], manifest["spec"]["replicas"]
    per_pod = manifest["spec"].get("workers", {}).get("replicasPerPod", 1)
    counts = {
        "readyReplicas": (status.get("readyReplicas"), wanted),
        "replicas": (status.get("replicas"), wanted),
        "worker Pods": (len(md.pods("worker")), -(-wanted // per_pod)),
        "head Pods": (len(md.pods("head")), 1),
        "router Pods": (len(md.pods("router")), ROUTERS),
        "revisions": (len(status.get("revisions", [])), 1),
    }
    wrong = [f"{what} is {found}, not {right}" for what, (found, right) in counts.items() if found != right]
    if wrong:
        raise NotYetError("; ".join(wrong))
    return manifest


def _expect_condition(manifest: Manifest, kind: str, status: str) -> None:
    found = condition(manifest, kind)
    generation = manifest["metadata"]["generation"]
    if found.get("status") != status:
        raise NotYetError(f"{kind} is {found or 'absent'}")
    if found.get("observedGeneration") != generation:
        raise NotYetError(f"{kind} is about generation {found.get('observedGeneration')}, not {generation}")
