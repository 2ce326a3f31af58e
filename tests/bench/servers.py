"""Our model server beside MLServer: the same model, framework, protocol, Python and machine."""

import json
from dataclasses import dataclass
from typing import Any

from bench import report
from bench.batching import train_fraud
from bench.router import replicas, service, speed
from e2e.client import LOCKED_DOWN, MODELS, RESTRICTED, Client
from e2e.cluster import Manifest
from e2e.given import CHURN_NAMESPACE, CLAIM, Given, example
from kind.bring_up import machine_ready
from kind.build import ensure
from kind.images import reference

COMMAND = "make bench ARGS=--servers"
IMAGE = "mlserver"
PORT = 8080
PATH = "/v2/models/fraud/infer"
ROWS = 64
START_SECONDS = 120
MEASURED_SECONDS = 900.0
DIRECT, ROUTED = "Eagleray, at the replica's port", "Eagleray, through the router"
THEIRS = "MLServer, in one process"


@dataclass(frozen=True, slots=True)
class Found:
    """What was measured; see client/speed.py for the fields.

    Attributes:
        one: with one row in a request.
        many: with `ROWS` of them.
    """

    one: dict[str, Any]
    many: dict[str, Any]


def measure(given: Given) -> Found:
    """Measure all servers in turns, with one row in a request and with many."""
    image = reference(IMAGE, ensure(machine_ready(), [IMAGE])[IMAGE])
    client = given.model_claim()
    rows = [row for row in train_fraud(client) if None not in row.values()][:ROWS]
    manifest = example("fraud", CHURN_NAMESPACE)
    manifest["spec"]["replicas"] = 1
    md = given.settled(manifest)
    addresses = {DIRECT: replicas(client, md), ROUTED: [service(md)]}
    pod = _pod(image)
    given.cluster.apply(pod)
    addresses[THEIRS] = [_ready(given, pod["metadata"]["name"])]
    bodies = [_body(rows[:1]), _body(rows)]
    _check_alike(client, addresses, bodies[1])
    one, many = (speed(client, _ways(addresses, body), MEASURED_SECONDS) for body in bodies)
    given.cluster.delete("pod", pod["metadata"]["name"], CHURN_NAMESPACE)
    given.cluster.delete("md", md.name, md.namespace)
    return Found(one, many)


def _body(rows: list[dict[str, float]]) -> str:
    values = [list(row.values()) for row in rows]
    flat = [float(value) for row in values for value in row]
    tensor = {"name": "payments", "datatype": "FP64", "shape": [len(rows), len(values[0])], "data": flat}
    return json.dumps({"inputs": [tensor]})


def _ways(addresses: dict[str, list[str]], body: str) -> dict[str, Any]:
    return {label: {"path": PATH, "body": body, "addresses": found} for label, found in addresses.items()}


def _pod(image: str) -> Manifest:
    container: Manifest = {
        "name": "mlserver",
        "image": image,
        "workingDir": "/tmp",  # noqa: S108 - inside the container
        "env": [
            # Its worker processes do not start with Python 3.13; and without them there is one hop less.
            {"name": "MLSERVER_PARALLEL_WORKERS", "value": "0"},
            {"name": "HOME", "value": "/tmp"},  # noqa: S108
            # As Ray tells a replica of one CPU: otherwise the trees of one request take both cores.
            {"name": "OMP_NUM_THREADS", "value": "1"},
        ],
        "resources": {"requests": {"cpu": "250m", "memory": "512Mi"}},
        "securityContext": LOCKED_DOWN,
        "readinessProbe": {"httpGet": {"path": "/v2/models/fraud/ready", "port": PORT}, "periodSeconds": 1},
        "volumeMounts": [
            {"name": "models", "mountPath": MODELS, "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108
        ],
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "mlserver", "namespace": CHURN_NAMESPACE},
        "spec": {
            "automountServiceAccountToken": False,
            "securityContext": RESTRICTED,
            "containers": [container],
            "volumes": [
                {"name": "models", "persistentVolumeClaim": {"claimName": CLAIM}},
                {"name": "tmp", "emptyDir": {}},
            ],
        },
    }


def _ready(given: Given, name: str) -> str:
    """The Pod's address, when its model is loaded."""
    wait = ("wait", "--for=condition=Ready", f"pod/{name}", "-n", CHURN_NAMESPACE, f"--timeout={START_SECONDS}s")
    given.cluster.kubectl(*wait, timeout=START_SECONDS + 10)
    address = given.cluster.get("pod", name, CHURN_NAMESPACE)["status"]["podIP"]
    return f"{address}:{PORT}"


def _check_alike(client: Client, addresses: dict[str, list[str]], body: str) -> None:
    answers = [client.ask("POST", f"http://{found[0]}{PATH}", body).json() for found in addresses.values()]
    first, *others = (_frauds(answer["outputs"][0]["data"]) for answer in answers)
    assert all(other == first for other in others), answers


def _frauds(data: list[float]) -> list[float]:
    """The probability of fraud in each row: the last value of it."""
    width = len(data) // ROWS
    return [round(value, 9) for value in data[width - 1 :: width]]


def write(found: Found) -> None:
    """Put the table into the page."""
    latency, many = found.one["latency_ms"], found.many["latency_ms"]
    base = latency[ROUTED]["p50"], found.one["throughput"][ROUTED]["rps"], many[ROUTED]["p50"]
    rows = [
        "### Our server beside MLServer",
        "",
        "`examples/fraud` (200 trees by LightGBM) by the Open Inference Protocol in JSON, one replica and one thread",
        f"for the trees each, in turns: a lone caller, {found.one['clients']} callers, and {ROWS} rows in a request.",
        "",
        f"| | p50 alone, ms | p99 | requests per second | p50 of {ROWS} rows, ms |",
        "|---|---|---|---|---|",
    ]
    for label, alone in latency.items():
        rate, whole = found.one["throughput"][label]["rps"], many[label]["p50"]
        ratios = [f"{value / of:.2f}x" for value, of in zip((alone["p50"], rate, whole), base, strict=True)]
        cells = [f"{alone['p50']:.2f}, {ratios[0]}", f"{alone['p99']:.2f}", f"{rate:.0f}, {ratios[1]}"]
        rows.append(f"| {label} | {' | '.join(cells)} | {whole:.2f}, {ratios[2]} |")
    report.put(COMMAND, report.where(), "\n".join(rows))
