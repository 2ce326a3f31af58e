"""The example `image-classifier`, and PyTorch without code: right answers, on GPUs, in batches."""

import subprocess
from typing import Any

import numpy as np
import pytest

from e2e.client import Client
from e2e.cluster import GPU_NODE, Manifest
from e2e.deployment import ModelDeployment
from e2e.given import ROLLOUT_NAMESPACE, Given
from e2e.then import Then
from e2e.when import When

# Two replicas on one GPU, which only Ray shares out: Serve starts both where it counts halves.
SHARED: Manifest = {
    "replicas": 2,
    "workers": {"replicasPerPod": 2},
    "resources": {"requests": {"cpu": "100m", "memory": "512Mi"}, "limits": {"nvidia.com/gpu": "0.5"}},
    "placement": {"tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}]},
}
CHECK = "print(open('/opt/models/image-classifier/check.json').read())"


@pytest.fixture(scope="module")
def client(given: Given) -> Client:
    given.operator()
    return given.client(ROLLOUT_NAMESPACE)


def expected(md: ModelDeployment) -> dict[str, Any]:
    """Images that the network was not trained on, and what it said of them where it was."""
    found: dict[str, Any] = md.in_worker(md.live_pods("worker")[0], CHECK)
    assert found["accuracy"] > 0.9
    return found


def test_what_serves_pytorch_models_does_so_in_its_image(given: Given) -> None:
    run = ["docker", "run", "--rm", "--network", "none", given.cluster.images["torch-tests"]]
    done = subprocess.run(run, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_digits_are_told_on_two_gpus(given: Given, client: Client) -> None:
    applied = given.settled(given.own_image("image-classifier"))
    check = expected(applied)
    assert [pod["spec"]["nodeName"] for pod in applied.pods("worker")] == [GPU_NODE, GPU_NODE]
    for image, probs in zip(check["images"][:5], check["probs"], strict=False):
        assert np.allclose(client.ask("POST", applied.url, {"image": image}).json()["probs"], probs, atol=1e-5)
    assert client.count(applied.url, 200, at_once=32, body={"image": check["images"][0]}).statuses == {"200": 200}
    refused = client.ask("POST", applied.url, {"image": check["images"][0][:2]})
    assert (refused.status, "expected an image of shape [3, 32, 32]" in refused.body) == (422, True)
    given.cluster.delete("md", applied.name, ROLLOUT_NAMESPACE)


def test_the_same_weights_need_no_code_and_two_replicas_share_a_gpu(
    given: Given, client: Client, when: When, then: Then
) -> None:
    """The image is one for CPUs, and says so rather than let the GPU idle."""
    applied = when.applied(given.own_image("image-classifier", file="no-code.yaml", **SHARED))
    unused = "cannot use (it is built for CPUs): use an image for GPUs (eagleray/torch-gpu), ask for no GPU"
    then.condition(applied, "Degraded", "True", reasons={"ModelLoadFailed"}, saying=unused, within=90)
    when.changed(applied, {"env": [{"name": "EAGLERAY_DEVICE", "value": "cpu"}]})
    then.settled(applied)
    assert [pod["spec"]["nodeName"] for pod in applied.pods("worker")] == [GPU_NODE]
    assert applied.status()["readyReplicas"] == 2
    check, url = expected(applied), f"{applied.url}/v1/models/digits:predict"
    images, probs = check["images"][:3], check["probs"][:3]
    scores = np.array(client.ask("POST", url, {"instances": images}).json()["predictions"])
    assert np.allclose(np.exp(scores) / np.exp(scores).sum(1, keepdims=True), probs, atol=1e-5)
    bad = [images[0], images[1][:2]]
    refused = client.ask("POST", url, {"instances": bad}).json()
    assert (refused["row"], "expected numbers of shape [3, 32, 32]" in refused["error"]) == (1, True)
    told = client.ask("GET", f"{applied.url}/v2/models/digits").json()
    assert told["inputs"] == [{"name": "image", "datatype": "FP32", "shape": [-1, 3, 32, 32]}]
    given.cluster.delete("md", applied.name, ROLLOUT_NAMESPACE)
