"""Section 1 of the issue, (1) and (8): what fails fails alone, and is said; healing never stops."""

import copy
from dataclasses import replace

from eagleray.domain.facts.pods import Role
from eagleray.kube.client import FIELD_MANAGER
from eagleray.kube.kinds import CONTROLLER_REVISION, SERVICE, Manifest, Ref
from simulated.admission import Quota
from simulated.at_rest import converges, loses_nothing
from simulated.behaviours import Behaviour
from simulated.cases import case, creates_pod, model, said, served, workers
from simulated.cluster import NAMESPACE, PERSON, Cluster
from simulated.faults import Fault
from simulated.objects import ref_of, refuse

_TWO = [{"name": "v1", "weight": 50, "model": model("v1")}, {"name": "v2", "weight": 50, "model": model("v2")}]


_STRANGER = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "m", "namespace": NAMESPACE}, "spec": {}}


async def _loses_a_worker(cluster: Cluster, revision: str = "") -> None:
    """A worker is gone, and replaced within a minute."""
    lost = workers(cluster, revision)[0]
    cluster.delete(ref_of(lost), grace=0)
    count = len(workers(cluster, revision)) + 1
    await cluster.until(lambda: len([p for p in workers(cluster, revision) if _runs(p)]) >= count, 60)


def _runs(pod: Manifest) -> bool:
    return "deletionTimestamp" not in pod["metadata"] and pod.get("status", {}).get("phase") == "Running"


@case
async def a_full_quota_does_not_keep_what_frees_it(cluster: Cluster) -> None:
    cluster.behaviours.by_content["pvc://models/m/1"] = Behaviour(hangs=True)
    cluster.apply("m", model=model(1))
    cluster.start_operator()
    await cluster.until(lambda: len(cluster.pods()) == 4)
    cluster.server.admission.quotas[NAMESPACE] = Quota(pods=4)
    cluster.apply("m", model=model(2))
    await cluster.until(cluster.ready, 600)


@case
async def a_refused_candidate_does_not_keep_another_version_from_healing(cluster: Cluster) -> None:
    await served(cluster, versions=_TWO, replicas=2)
    cluster.faults.order(creates_pod("-v1-"), Fault.REFUSED, words="exceeded quota: compute")
    cluster.apply("m", versions=[{**_TWO[0], "model": model("v1b")}, _TWO[1]], replicas=2)
    await cluster.run(30)
    versions = {v["name"]: v for v in cluster.model()["status"]["versions"]}
    await _loses_a_worker(cluster, versions["v2"]["stable"])
    assert "exceeded quota: compute" in said(cluster), "the status of the look says it, in the API server's words"
    await converges(cluster)


@case
async def a_refused_spec_does_not_end_healing(cluster: Cluster) -> None:
    await served(cluster, replicas=2)
    cluster.apply("m", model=model(), replicas=2, resources={"limits": {"nvidia.com/gpu": "0.5"}})
    await cluster.until(lambda: cluster.condition("Stalled")[0] == "True", 60)
    await _loses_a_worker(cluster)


@case
async def a_flipped_setting_does_not_end_healing(cluster: Cluster) -> None:
    await served(cluster, replicas=2)
    cluster.installation = replace(cluster.installation, require_sha256=True)
    cluster.operator.kill()
    cluster.start_operator()
    await cluster.until(lambda: "sha256" in said(cluster), 120)
    await _loses_a_worker(cluster)
    assert cluster.condition()[0] == "True", "what runs is judged by what runs"


@case
async def a_taken_name_does_not_end_healing(cluster: Cluster) -> None:
    cluster.server.create(_STRANGER, PERSON)
    cluster.apply("m", model=model(), replicas=2)
    cluster.start_operator()
    await cluster.until(lambda: "Service m" in said(cluster), 60)
    cluster.delete(Ref(SERVICE, NAMESPACE, "m"))
    await cluster.until(cluster.ready, 600)
    cluster.delete(Ref(SERVICE, NAMESPACE, "m"))
    cluster.server.create(_STRANGER, PERSON)
    await cluster.until(lambda: "Service m" in said(cluster), 60)
    await _loses_a_worker(cluster)


@case
async def a_broken_webhook_is_said(cluster: Cluster) -> None:
    def broken(_: str, manifest: Manifest) -> Manifest:
        if manifest["kind"] == "Pod" and "ray" in str(manifest["spec"]["containers"]):
            raise refuse(503, "ServiceUnavailable", 'no endpoints available for service "injector"')
        return manifest

    cluster.server.admission.webhooks["injector.example.com"] = broken
    cluster.apply("m", model=model())
    cluster.start_operator()
    await cluster.until(lambda: "injector.example.com" in cluster.condition()[2], 60)
    cluster.server.admission.webhooks.clear()
    await converges(cluster, within=600)


@case
async def ready_tells_the_truth_without_a_worker(cluster: Cluster) -> None:
    await served(cluster)
    cluster.faults.order(creates_pod("-w"), Fault.REFUSED, words="exceeded quota: compute")
    cluster.delete(ref_of(workers(cluster)[0]), grace=0)
    await cluster.until(lambda: cluster.condition()[0] == "False", 60)
    await cluster.until(lambda: "exceeded quota: compute" in cluster.condition()[2], 60)
    await converges(cluster, within=900)


@case
async def a_deadline_runs_while_pods_are_refused(cluster: Cluster) -> None:
    await served(cluster, rollout={"progressDeadlineSeconds": 60})
    cluster.faults.order(creates_pod("-w"), Fault.REFUSED, words="exceeded quota: compute")
    cluster.apply("m", model=model(2), rollout={"progressDeadlineSeconds": 60})
    await cluster.until(lambda: any(r.get("phase") == "Aborted" for r in _rollouts(cluster)), 300)


def _rollouts(cluster: Cluster) -> list[Manifest]:
    found: list[Manifest] = cluster.model()["status"].get("rollouts") or []
    return found


@case
async def many_long_names_are_cut_and_not_refused(cluster: Cluster) -> None:
    def named(prefix: str) -> list[Manifest]:
        names = [f"{prefix}-{'x' * 16}-{i}" for i in range(5)]
        return [{"name": name, "weight": 20, "model": model(name)} for name in names]

    await served(cluster, versions=named("a"), replicas=5)
    cluster.apply("m", versions=named("b"), replicas=5)
    await cluster.until(cluster.ready, 900)


@case
async def a_figure_of_forty_digits_is_clamped(cluster: Cluster) -> None:
    judge = {"metrics": [{"name": "own", "max": "1", "web": {"url": "http://judge"}}]}
    rollout = {"steps": [{"setWeight": 50}, {"pause": {"duration": "60s"}}], "analysis": judge}
    await served(cluster, rollout=rollout)
    cluster.operator.peers.figure = 1e40
    cluster.apply("m", model=model(2), rollout=rollout)
    await cluster.until(lambda: any(r.get("phase") == "Aborted" for r in _rollouts(cluster)), 600)
    await _loses_a_worker(cluster, cluster.model()["status"]["versions"][0]["stable"])


@case
async def a_load_of_forty_digits_is_clamped(cluster: Cluster) -> None:
    prometheus = {"type": "Prometheus", "server": "http://prometheus:9090", "query": "sum(x)", "target": "5"}
    cluster.apply("m", model=model(), autoscaling={"minReplicas": 1, "maxReplicas": 3, "metrics": [prometheus]})
    cluster.start_operator().peers.figure = 1e40
    await cluster.until(lambda: len(workers(cluster)) == 3, 300)


@case
async def a_remembered_content_of_another_version_stops_nothing(cluster: Cluster) -> None:
    await served(cluster, replicas=2)
    live = cluster.server.list(CONTROLLER_REVISION, NAMESPACE)[0]
    old = copy.deepcopy(live)
    meta = old["metadata"]
    old["metadata"] = {k: meta[k] for k in ("namespace", "labels", "ownerReferences")} | {"name": "m-default-0ld00000"}
    old["metadata"]["labels"]["eagleray.dev/revision"] = "m-default-0ld00000"
    old["data"]["template"]["model"] |= {"framework": "prolog", "inference": {"unheardOf": True}}
    cluster.server.apply(old, FIELD_MANAGER)
    await cluster.run(60)
    await _loses_a_worker(cluster)
    assert len(cluster.pods(Role.HEAD)) == 1


@case
async def an_abandoned_candidate_that_alone_answers_stays_until_others_do(cluster: Cluster) -> None:
    rollout = {"steps": [{"setWeight": 20}, {"pause": {}}]}
    await served(cluster, replicas=2, rollout=rollout)
    cluster.traffic.send(NAMESPACE, "m", 10)
    cluster.apply("m", model=model(2), replicas=2, rollout=rollout)
    await cluster.until(lambda: "Paused" in str(cluster.model()["status"].get("rollouts")))
    stable = cluster.model()["status"]["versions"][0]["stable"]
    cluster.behaviours.by_content["pvc://models/m/1"] = Behaviour(hangs=True)
    for pod in cluster.pods():
        if cluster.revision_of(pod) == stable:
            cluster.delete(ref_of(pod), grace=0)
    await cluster.run(60)
    cluster.apply("m", model=model(3), replicas=2, rollout=rollout)
    await loses_nothing(cluster, 120)
    await cluster.until(cluster.ready)
