"""`make demo`: from whatever machine this is to a model that answers."""

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from . import bring_up, cache, chart, images, shell
from .cluster import Cluster
from .progress import HarnessError, Steps, say

NAME = "eagleray-demo"
NAMESPACE = "demo"
EXAMPLE = cache.REPO / "examples" / "churn"
ROWS = 5
DEADLINE_S = 600


def run() -> None:
    """Bring everything up, train, serve, ask, and say what to try next."""
    steps = Steps(6)
    with steps.step("Machine: Docker, and where images come from"):
        mode = bring_up.machine_ready()
    with steps.step(f"Cluster {NAME} and images"):
        cluster, tags = bring_up.cluster_and_images(NAME, mode, "demo")
    with steps.step("Operator, from its Helm chart"):
        chart.install(cluster, tags)
        chart.namespace(cluster, NAMESPACE)
        cluster.kubectl("config", "set-context", "--current", f"--namespace={NAMESPACE}")
    with steps.step("Training examples/churn, as a Job in the cluster"):
        check = _train(cluster, tags)
    with steps.step("kubectl apply -f examples/churn/model.yaml, until Ready"):
        cluster.kubectl("apply", "-f", str(EXAMPLE / "model.yaml"))
        model = _wait_ready(cluster, "churn")
    with steps.step("Asking it"):
        _ask(cluster, check)
    _farewell(cluster, model)


def _train(cluster: Cluster, tags: dict[str, str]) -> dict[str, list[object]]:
    """Train once for this program and image; return rows and what the trained estimator predicts for them."""
    script = (EXAMPLE / "train.py").read_text()
    job = f"train-churn-{cache.digest(script, tags['sklearn'])}"
    for manifest in _training(job, script, images.reference("sklearn", tags["sklearn"])):
        cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=json.dumps(manifest))
    deadline = time.monotonic() + 300
    while True:
        status = json.loads(cluster.kubectl("get", "job", job, "-o", "json"))["status"]
        if status.get("succeeded"):
            break
        if status.get("failed") or time.monotonic() > deadline:
            hint = f"delete the Job (kubectl -n {NAMESPACE} delete job {job}) and run this again"
            raise HarnessError("Training failed", log=_what_happened(cluster, job), hint=hint)
        time.sleep(1)
    lines = cluster.kubectl("logs", f"job/{job}").strip().splitlines()
    say(lines[0])
    check: dict[str, list[object]] = json.loads(lines[-1])
    return check


def _what_happened(cluster: Cluster, job: str) -> Path:
    """A log with what the training printed and what Kubernetes says of it."""
    path = shell.log_path("training")
    queries = (
        ("logs", f"job/{job}", "--tail=20"),
        ("get", "pods,pvc", "-o", "wide"),
        ("get", "events", "--field-selector=type=Warning", "--sort-by=.lastTimestamp"),
    )
    texts = []
    for query in queries:
        try:
            texts.append(cluster.kubectl(*query))
        except HarnessError as failure:
            texts.append(str(failure))
    path.write_text("\n".join(texts))
    return path


def _training(job: str, script: str, image: str) -> list[dict[str, object]]:
    """The manifests of the training: the claim that models live in, the program, the Job."""
    locked = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    container = {
        "name": "train",
        "image": image,
        "command": ["python", "/program/train.py"],
        "args": ["--out", "/models/churn/1", "--check", "-", "--check-rows", str(ROWS)],
        "env": [{"name": "HOME", "value": "/tmp"}],  # noqa: S108 - a volume of the Pod's own
        "securityContext": locked,
        "resources": {"requests": {"cpu": "200m", "memory": "512Mi"}},
        "volumeMounts": [
            {"name": "program", "mountPath": "/program"},
            {"name": "models", "mountPath": "/models"},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108
        ],
    }
    pod = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 12345,
            "fsGroup": 12345,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": [
            {"name": "program", "configMap": {"name": job}},
            {"name": "models", "persistentVolumeClaim": {"claimName": "models"}},
            {"name": "tmp", "emptyDir": {}},
        ],
    }
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    work = {"backoffLimit": 0, "template": {"spec": pod}}
    return [
        _manifest("v1", "PersistentVolumeClaim", "models", {"spec": claim}),
        _manifest("v1", "ConfigMap", job, {"data": {"train.py": script}}),
        _manifest("batch/v1", "Job", job, {"spec": work}),
    ]


def _manifest(version: str, kind: str, name: str, body: dict[str, object]) -> dict[str, object]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": NAMESPACE}, **body}


def _wait_ready(cluster: Cluster, name: str) -> dict[str, object]:
    """Wait until the object is Ready, and say why it is not whenever that changes."""
    deadline = time.monotonic() + DEADLINE_S
    said = ""
    while True:
        model: dict[str, object] = json.loads(cluster.kubectl("get", "md", name, "-o", "json"))
        ready, told = readiness(model)
        if told != said:
            say(f"    {told}")
            said = told
        if ready:
            return model
        if time.monotonic() > deadline:
            hint = f"kubectl -n {NAMESPACE} describe md {name}, and get pods; docs/troubleshooting.md"
            raise HarnessError(f"{name} was not Ready after {DEADLINE_S} s: {told}", hint=hint)
        time.sleep(0.5)


def readiness(model: dict[str, object]) -> tuple[bool, str]:
    """Whether an object is Ready for what its spec says now, and in which words."""
    status = model.get("status")
    metadata = model["metadata"]
    if not isinstance(status, dict) or not isinstance(metadata, dict):
        return False, "the operator has not looked at it yet"
    condition = next((c for c in status.get("conditions", []) if c["type"] == "Ready"), None)
    if condition is None or status.get("observedGeneration") != metadata["generation"]:
        return False, "the operator has not looked at it yet"
    return condition["status"] == "True", f"{condition['reason']}: {condition['message']}"


def _ask(cluster: Cluster, check: dict[str, list[object]]) -> None:
    with _forwarded(cluster, "svc/churn", 80) as address:
        body = json.dumps({"instances": check["instances"]}).encode()
        url = f"{address}/v1/models/churn:predict"
        say(f"    POST /v1/models/churn:predict, {len(check['instances'])} customers, the first of them:")
        say(f"    {json.dumps(check['instances'][0])}")
        headers = {"content-type": "application/json"}
        request = urllib.request.Request(url, data=body, headers=headers)  # noqa: S310 - always http
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as response:
                answer = json.load(response)
        except urllib.error.HTTPError as e:
            raise HarnessError(f"The model answered {e.code}: {e.read().decode(errors='replace')}") from e
    say(f"    -> {json.dumps(answer)}")
    if answer["predictions"] != check["predictions"]:
        raise HarnessError(f"The trained estimator says {check['predictions']}")
    say("    the same as the trained estimator's own")


@contextmanager
def _forwarded(cluster: Cluster, target: str, port: int) -> Iterator[str]:
    """A port of a Service on this machine, for as long as the block lasts; its address is given."""
    kubectl = cache.folder() / "bin" / "kubectl"
    command: list[str | Path] = [
        kubectl,
        "--kubeconfig",
        cluster.kubeconfig,
        "-n",
        NAMESPACE,
        "port-forward",
        target,
        f":{port}",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            if not line.startswith("Forwarding from "):
                raise HarnessError(f"kubectl port-forward {target}: {line.strip()}")
            yield "http://" + line.split()[2]
        finally:
            process.terminate()


def _farewell(cluster: Cluster, model: dict[str, object]) -> None:
    status = model["status"]
    url = status.get("url", "") if isinstance(status, dict) else ""
    listing = cluster.kubectl("get", "md").rstrip().replace("\n", "\n  ")
    say("Done")
    sys.stdout.write(f"""

  {listing}

  In the cluster its URL is {url}

Next:
  export KUBECONFIG={cluster.kubeconfig} PATH={cache.folder() / "bin"}:$PATH
  kubectl get md churn -o yaml                   what it says of itself
  kubectl get pods                               one Ray cluster for the revision, two routers
  kubectl scale md churn --replicas=4            more replicas
  kubectl port-forward svc/churn 8080:80 &       then:
  curl localhost:8080/v2/models/churn            its inputs and outputs
  make up CLUSTER={NAME}                  the images of the other frameworks, too
  make demo-down                                 remove the cluster
""")
