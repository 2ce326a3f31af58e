"""Then: what must be so, or come about in time."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .client import Client, LoadResult
from .cluster import Cluster, Manifest
from .deployment import ModelDeployment, condition, first_rollout, name_of
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

    def rollout(self, md: ModelDeployment, what: str, check: Callable[[Manifest], bool], within: float) -> Manifest:
        """The rollout to what spec asks for now comes to be so."""

        def look() -> Manifest:
            manifest = md.manifest()
            found = first_rollout(manifest)
            seen = manifest["status"].get("observedGeneration") == manifest["metadata"]["generation"]
            if not seen or not found or not check(found):
                raise NotYetError(f"the rollout is {found or 'not there'}")
            return found

        return eventually(f"{md.name}: the rollout {what}", look, within=within)

    def phase(self, md: ModelDeployment, phase: str, within: float = SETTLED_SECONDS) -> Manifest:
        """The rollout comes into a phase."""
        return self.rollout(md, f"is {phase}", lambda r: bool(r["phase"] == phase), within)

    def weight(self, md: ModelDeployment, percent: int, within: float = SETTLED_SECONDS) -> Manifest:
        """The routers have taken over the candidate's share."""
        wanted = f"gives {percent}% to the candidate"
        return self.rollout(md, wanted, lambda r: r["weight"] == percent and "weightChangedAt" in r, within)

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
    status, spec = manifest["status"], manifest["spec"]
    versions = spec.get("versions", [{}])
    wanted = max(spec["replicas"], len(versions)) if spec["replicas"] else 0
    if "autoscaling" in spec:
        wanted = sum(decision["desired"] for decision in status.get("scaling", []))
    per_pod = spec.get("workers", {}).get("replicasPerPod", 1)
    workers = md.pods("worker")
    ready = sum(condition(pod, "Ready").get("status") == "True" for pod in workers)
    present = [r for r in status.get("revisions", []) if "lastActiveAt" not in r]
    counts = {
        "readyReplicas": (status.get("readyReplicas"), wanted),
        "replicas": (status.get("replicas"), wanted),
        "worker Pods": (len(workers), -(-wanted // per_pod)),
        "worker Pods that are ready": (ready, -(-wanted // per_pod)),
        "head Pods": (len(md.pods("head")), len(versions)),
        "router Pods": (len(md.pods("router")), ROUTERS),
        "revisions": (len(present), len(versions)),
        "rollouts": (len(status.get("rollouts", [])), 0),
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
