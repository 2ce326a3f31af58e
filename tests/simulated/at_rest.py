"""The invariants that can be told when nothing is done to the cluster any more (section 5 of the design)."""

from eagleray.domain.facts import labels
from eagleray.kube.kinds import CONTROLLER_REVISION, EVENT, MODEL_DEPLOYMENT, POD, SERVICE, Manifest, Ref
from simulated.cluster import NAMESPACE, Cluster
from simulated.envoy import LOST, UNAVAILABLE
from simulated.objects import labels_of, ref_of
from simulated.traffic import REFUSED

CONVERGED_SECONDS = 1800.0
QUIET_SECONDS = 300.0
SETTLING_SECONDS = 900.0


async def converges(
    cluster: Cluster, name: str = "m", *, namespace: str = NAMESPACE, within: float = CONVERGED_SECONDS
) -> None:
    """10: without further faults a sound model becomes ready and stays so."""
    cluster.faults.calm()
    await cluster.until(lambda: cluster.ready(name, namespace), within)


async def settles(cluster: Cluster, *, reads: bool = True) -> None:
    """5: a settled object costs no write, and no read but the rounds'.

    Args:
        cluster: the cluster.
        reads: whether reads count.
    """
    quiet, passed = 0.0, 0.0
    while quiet < QUIET_SECONDS:
        before = cluster.operator.wire.counts.copy()
        await cluster.run(QUIET_SECONDS / 10)
        spent = cluster.operator.wire.counts - before
        asked = {c: n for c, n in spent.items() if c[0] not in {"get", "list"} or (reads and c[0] == "get")}
        quiet = 0.0 if asked else quiet + QUIET_SECONDS / 10
        passed += QUIET_SECONDS / 10
        if passed > SETTLING_SECONDS + QUIET_SECONDS:
            raise cluster.story.violation(f"invariant 5: after {passed:.0f} s of rest the operator still asks {asked}")


def nothing_is_left_over(cluster: Cluster, name: str = "m", namespace: str = NAMESPACE) -> None:
    """6: what is there belongs to what serves, and what serves is remembered."""
    versions = cluster.model(name, namespace)["status"]["versions"]
    stable = {version["stable"] for version in versions if version.get("stable")}
    revisions = {labels_of(m)[labels.REVISION] for m in cluster.children(name, namespace) if _of_revision(m)}
    kept = {m["metadata"]["name"] for m in cluster.server.list(CONTROLLER_REVISION, namespace, {labels.NAME: name})}
    if revisions != stable:
        raise cluster.story.violation(f"invariant 6: there are Pods and Services of {revisions}, and {stable} serve")
    if not stable <= kept:
        raise cluster.story.violation(f"invariant 6: {stable - kept} serve, and their content is not kept")


def _of_revision(manifest: Manifest) -> bool:
    return ref_of(manifest).kind in {POD, SERVICE} and labels.REVISION in labels_of(manifest)


async def leaves_nothing(
    cluster: Cluster, name: str = "m", namespace: str = NAMESPACE, *, within: float = 600.0
) -> None:
    """8: of a deleted model nothing is left."""

    def left() -> list[str]:
        found = [str(ref_of(m)) for m in cluster.children(name, namespace) if ref_of(m).kind != EVENT]
        there = cluster.server.find(Ref(MODEL_DEPLOYMENT, namespace, name))
        return [*found, *(["the model"] if there else [])]

    waited = 0.0
    while left():
        await cluster.run(5.0)
        waited += 5.0
        if waited > within:
            raise cluster.story.violation(f"invariant 8: {waited:.0f} s after the deletion there are still {left()}")


async def heals(cluster: Cluster, ref: Ref, good: Manifest, *, within: float = 30.0) -> None:
    """12: a child is as it was, in what we say of it, within seconds.

    Args:
        cluster: the cluster.
        ref: the child.
        good: as it was.
        within: seconds.
    """

    def healed() -> bool:
        live = cluster.server.find(ref)
        return live is not None and _bare(live) == _bare(good)

    await cluster.until(healed, within)


def _bare(manifest: Manifest) -> Manifest:
    meta = {k: v for k, v in manifest["metadata"].items() if k in {"labels", "ownerReferences", "annotations"}}
    meta["annotations"] = {k: v for k, v in meta.get("annotations", {}).items() if k.startswith("eagleray.dev/")}
    rest = {k: v for k, v in manifest.items() if k not in {"metadata", "status"}}
    return {**rest, "metadata": meta}


async def loses_nothing(cluster: Cluster, seconds: float, name: str = "m", namespace: str = NAMESPACE) -> None:
    """3: for so long no request is lost."""
    fates = cluster.traffic.users[namespace, name].fates
    before = fates.copy()
    await cluster.run(seconds)
    lost = {what: fates[what] - before[what] for what in (LOST, UNAVAILABLE, REFUSED) if fates[what] > before[what]}
    if lost:
        raise cluster.story.violation(f"invariant 3: requests are {lost}")
