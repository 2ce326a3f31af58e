"""The example `vision-stream`: vehicles are found, a burst waits up to the bound, and what is beyond is counted."""

import base64
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from e2e.client import Client
from e2e.cluster import GPU_NODE, REPO, Manifest
from e2e.deployment import ModelDeployment
from e2e.given import ROLLOUT_NAMESPACE, Given
from e2e.metrics import metric
from e2e.wait import NotYetError, eventually
from e2e.when import When

QUEUE, BATCH = 64, 4
# Four cameras at once, each with ten frames; prints the share of vehicles that were found.
CAMERAS = """
import base64, json, sys, urllib.request
from concurrent.futures import ThreadPoolExecutor

def film(camera):
    found = total = 0
    for number in range(10):
        pixels, boxes = frame(camera, number)
        body = {"camera": f"c{camera}", "frame": base64.b64encode(pixels.tobytes()).decode()}
        with urllib.request.urlopen(sys.argv[1], json.dumps(body).encode(), timeout=20) as answer:
            told = json.load(answer)["boxes"]
        found += sum(any(overlap(box, t) >= 0.5 for t in told) for box in boxes)
        total += len(boxes)
    return found, total

with ThreadPoolExecutor() as pool:
    films = list(pool.map(film, range(4)))
print(json.dumps(sum(found for found, _ in films) / sum(total for _, total in films)))
"""
# Sends a signal to the process of the detector.
SIGNAL = """
import os, pathlib, signal
for process in pathlib.Path("/proc").glob("[0-9]*"):
    if (process / "cmdline").read_text().startswith("ray::ServeReplica:vision-stream:Detection"):
        os.kill(int(process.name), signal.{signal})
        print(process.name)
"""


@pytest.fixture(scope="module")
def client(given: Given) -> Client:
    given.operator()
    return given.client(ROLLOUT_NAMESPACE)


@pytest.fixture(scope="module")
def stream(given: Given, client: Client) -> Iterator[ModelDeployment]:  # noqa: ARG001 - a client must be there
    manifest = given.own_image("vision-stream")
    manifest["spec"]["app"]["args"] |= {"queue": QUEUE, "batch": BATCH}
    md = When(given.cluster).applied(manifest)
    given.then.ready(md)
    yield md
    given.cluster.delete("md", md.name, ROLLOUT_NAMESPACE)


def part(md: ModelDeployment, name: str) -> Manifest:
    """The only Pod of a part of the application."""
    (found,) = (p for p in md.pods("worker") if p["metadata"]["labels"]["eagleray.dev/group"] == name)
    return found


def test_vehicles_are_found_on_the_gpu_node(stream: ModelDeployment, client: Client) -> None:
    assert part(stream, "Detection")["spec"]["nodeName"] == GPU_NODE
    assert part(stream, "Ingestion")["spec"]["nodeName"] != GPU_NODE
    frames = (REPO / "examples/vision-stream/frames.py").read_text()
    assert json.loads(client.run_source(frames + CAMERAS, stream.url)) > 0.9
    assert client.ask("POST", stream.url, {"camera": "gate", "frame": "AAAA"}).status == 422


def test_a_burst_waits_up_to_the_bound_and_what_is_beyond_is_counted(stream: ModelDeployment, client: Client) -> None:
    """The detector stands still meanwhile, so that the numbers are certain."""
    ingestion, detector = part(stream, "Ingestion"), part(stream, "Detection")["metadata"]["name"]
    body = {"camera": "gate", "frame": base64.b64encode(bytes(64 * 64)).decode()}
    sent = 2 * QUEUE

    def some_refused() -> None:
        if not metric(client, ingestion, "ray_frames_refused_total", camera="gate"):
            raise NotYetError("none is counted")

    stream.in_worker(detector, SIGNAL.format(signal="SIGSTOP"))
    try:
        with ThreadPoolExecutor() as pool:
            burst = pool.submit(client.count, stream.url, sent, at_once=sent, body=body, timeout=60)
            eventually("frames are refused", some_refused, within=40, poll=0.5)
            stream.in_worker(detector, SIGNAL.format(signal="SIGCONT"))
            statuses = burst.result().statuses
    finally:
        stream.in_worker(detector, SIGNAL.format(signal="SIGCONT"))
    assert statuses.keys() == {"200", "429"}
    assert QUEUE <= statuses["200"] <= QUEUE + BATCH, "those that wait, and those that are being looked at"

    def all_counted() -> None:
        if (found := metric(client, ingestion, "ray_frames_refused_total", camera="gate")) != statuses["429"]:
            raise NotYetError(f"{found} are counted, {statuses} were answered")

    eventually("each refusal is counted", all_counted, within=60)
