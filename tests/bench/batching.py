"""What batching is worth: requests per second with it and without, what a lone request pays, and the server adds."""

import json
import subprocess
import sys
import time
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from bench import report
from e2e.client import Client
from e2e.cluster import REPO, Manifest
from e2e.deployment import ModelDeployment
from e2e.given import CHURN_NAMESPACE, Given, example

COMMAND = "make bench-batching"
AT_ONCE = 64
ROUNDS = 5
SECONDS = 6.0
BATCH = 256
CNN, TREES = "image-classifier: a CNN by PyTorch", "fraud: 200 trees by LightGBM"
# What the framework alone takes, in milliseconds, for one row and for a batch.
BARE_CNN = """
import json, time, torch
from network import SimpleCNN
network = SimpleCNN()
network.load_state_dict(torch.load("/opt/models/image-classifier/weights.pt", weights_only=True))
network.eval()
rows = torch.rand(256, 3, 32, 32)
run = torch.inference_mode()(network)
"""
BARE_TREES = """
import json, time, lightgbm, numpy
model = lightgbm.Booster(model_file="/mnt/pvc/models/fraud/1/model.txt")
rows = numpy.random.default_rng(0).random((256, model.num_feature()))
run = model.predict
"""
TIMED = """
def timed(rows, times=200):
    run(rows)
    began = time.perf_counter()
    for _ in range(times):
        run(rows)
    return 1000 * (time.perf_counter() - began) / times
print(json.dumps([timed(rows[:1]), timed(rows)]))
"""


@dataclass(slots=True)
class Way:
    """One way to serve a model, and what was measured of it.

    Attributes:
        model: the model.
        label: how it is served.
        url: where.
        body: a request of one row.
        headers: that choose the version.
        rates: requests per second, a round each.
        alone: p50 of a lone caller, in milliseconds, a round each.
    """

    model: str
    label: str
    url: str
    body: Any
    headers: dict[str, str] = field(default_factory=dict)
    rates: list[float] = field(default_factory=list)
    alone: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Found:
    """What was measured.

    Attributes:
        ways: the ways, those of one model after each other.
        bare: by model, milliseconds of the framework alone for one row and for a whole batch.
        whole: milliseconds of a request of a whole batch of payments, a round each.
    """

    ways: list[Way]
    bare: dict[str, tuple[float, float]]
    whole: list[float]


def measure(given: Given) -> Found:
    """Measure all ways in turns: each has a replica of its own, and all share the machine."""
    client = given.model_claim()
    rows = train_fraud(client)
    fraud = given.settled(_two_ways(example("fraud", CHURN_NAMESPACE)))
    digits, app = _digits(given)
    image = {"instances": [_image()]}
    ways = [
        *_both(CNN, digits, "digits", image, "32 rows, 10 ms"),
        Way(CNN, "`@serve.batch`, 8 requests, 10 ms", app.url, {"image": image["instances"][0]}),
        *_both(TREES, fraud, "fraud", {"instances": rows[:1]}, f"{BATCH} rows, 10 ms"),
    ]
    whole: list[float] = []
    for _ in range(ROUNDS):
        for way in ways:
            way.rates.append(_rate(client, way))
            way.alone.append(_p50(client, way))
        whole.append(_p50(client, Way("", "", ways[-1].url, {"instances": rows}, ways[-1].headers)))
    bare = {CNN: _bare(app, BARE_CNN), TREES: _bare(fraud, BARE_TREES)}
    for md in (fraud, digits, app):
        given.cluster.delete("md", md.name, md.namespace)
    return Found(ways, bare, whole)


def train_fraud(client: Client) -> list[Any]:
    """Train the example's model onto the volume; a batch of payments."""
    folder = REPO / "build" / "bench"
    train = [sys.executable, str(REPO / "examples/fraud/train.py"), "--out", str(folder), "--check", "-"]
    out = subprocess.check_output([*train, "--check-rows", str(BATCH)], text=True, timeout=120)
    client.put("fraud/1/model.txt", (folder / "model.txt").read_bytes())
    rows: list[Any] = json.loads(out.splitlines()[-1])["instances"]
    return rows


def _digits(given: Given) -> tuple[ModelDeployment, ModelDeployment]:
    given.namespace("e2e-rollout")
    digits = given.settled(_two_ways(given.own_image("image-classifier", file="no-code.yaml")))
    manifest = given.own_image("image-classifier", replicas=1, placement=None)
    del manifest["spec"]["resources"]["limits"]
    return digits, given.settled(manifest)


def _two_ways(manifest: Manifest) -> Manifest:
    batching = manifest["spec"].pop("batching")
    ways = [{"name": "alone", "weight": 50}, {"name": "batched", "weight": 50, "batching": batching}]
    manifest["spec"] |= {"versions": ways, "replicas": 2}
    return manifest


def _both(model: str, md: ModelDeployment, name: str, body: Any, size: str) -> list[Way]:
    url = f"{md.url}/v1/models/{name}:predict"
    labels = {"alone": "no batching", "batched": f"`batching`, {size}"}
    return [Way(model, label, url, body, {"x-eagleray-version": version}) for version, label in labels.items()]


def _image() -> list[Any]:
    return [[[round((row * 32 + column) % 7 / 7, 2) for column in range(32)] for row in range(32)] for _ in range(3)]


def _rate(client: Client, way: Way) -> float:
    with client.load(way.url, body=way.body, expected=None, headers=way.headers, at_once=AT_ONCE) as load:
        time.sleep(SECONDS)
    assert load.result.failed == 0, load.result.told()
    answered = load.result.revisions.values()
    whole = max(r["last"] for r in answered) - min(r["first"] for r in answered)
    return sum(r["count"] for r in answered) / whole


def _p50(client: Client, way: Way) -> float:
    with client.load(way.url, body=way.body, expected=None, headers=way.headers, at_once=1) as load:
        time.sleep(SECONDS / 2)
    assert load.result.failed == 0, load.result.told()
    return float(load.result.raw["latency_ms"]["p50"])


def _bare(md: ModelDeployment, source: str) -> tuple[float, float]:
    one, batch = md.in_worker(md.live_pods("worker")[0], source + TIMED)
    return float(one), float(batch)


def write(found: Found) -> None:
    """Put the tables into the page."""
    rows = [
        "### What batching is worth",
        "",
        f"One replica each; {AT_ONCE} callers, each with one row at a time, or a lone one; {ROUNDS} rounds in turns,",
        "medians (least to most).",
        "",
        "| | requests per second | | p50 of a lone caller, ms |",
        "|---|---|---|---|",
    ]
    for way in found.ways:
        base = next(w for w in found.ways if w.model == way.model)
        ratio = f"**{median(way.rates) / median(base.rates):.2f}x**"
        rows.append(f"| {way.model}: {way.label} | {report.spread(way.rates)} | {ratio} | {report.spread(way.alone)} |")
    rows += ["", "| the framework alone, in the same Pod | one row | a row of 256 |", "|---|---|---|"]
    for model, (one, batch) in found.bare.items():
        rows.append(f"| {model} | {1000 * one:.0f} µs | {1000 * batch / BATCH:.1f} µs |")
    took, bare = 1000 * median(found.whole) / BATCH, 1000 * found.bare[TREES][1] / BATCH
    rows += [
        "",
        f"A request of {BATCH} payments is answered in {report.spread(found.whole)} ms: {took:.0f} µs a payment, of",
        f"which LightGBM takes {bare:.1f} µs; JSON, checks of values, the router and the client take the rest.",
        "",
        "Callers, router and replica share the cores here: of the 2 to 3 ms that a request takes, the model is the",
        "smaller part, and batching can save no more than that. Three times as many requests are for a GPU to show.",
    ]
    report.put(COMMAND, report.where(), "\n".join(rows))
