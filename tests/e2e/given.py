"""Given: namespaces, a client in them, a trained model, and objects that are served and settled."""

import copy
import json
from dataclasses import dataclass, field
from typing import Any

import yaml

from kind import cache

from .client import MODELS, Client
from .cluster import OPERATOR_NAMESPACE, REPO, Cluster, Manifest
from .deployment import ModelDeployment
from .installed import Operator
from .then import Then

RESTRICTED_LABEL = {"pod-security.kubernetes.io/enforce": "restricted"}
API_VERSION = "eagleray.dev/v1alpha1"
CHURN_NAMESPACE = "e2e-churn"
SQUARE_NAMESPACE = "e2e-square"
ROLLOUT_NAMESPACE = "e2e-rollout"
CLAIM = "models"
MODEL = "churn/1"
CHECK_ROWS = 1000
GPU_TAKER = "gpu-taker"


@dataclass(frozen=True, slots=True)
class Served:
    """An object that is served, and the client beside it.

    Attributes:
        md: the object.
        client: a Pod in its namespace.
        path: where it takes requests.
        body: a request that it answers.
        expected: the right answer.
    """

    md: ModelDeployment
    client: Client
    path: str
    body: Any
    expected: Any

    @property
    def url(self) -> str:
        """Where its requests go."""
        return self.md.url + self.path


@dataclass(slots=True)
class Given:
    """Makes what a test starts from; what is there already is brought to the state that is asked for.

    Args:
        cluster: the cluster under test.
        then: for waiting until it is so.
        namespaces: those that were used, for the diagnostics of a failure.
    """

    cluster: Cluster
    then: Then
    namespaces: set[str] = field(default_factory=set)
    _clients: dict[str, Client] = field(default_factory=dict)
    _check: Manifest = field(default_factory=dict)

    def namespace(self, name: str) -> str:
        """A namespace that accepts nothing but restricted Pods."""
        manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": RESTRICTED_LABEL}}
        self.namespaces.add(name)
        self.cluster.apply(manifest)
        return name

    def client(self, namespace: str, claim: str = "") -> Client:
        """A client Pod in a namespace, with a volume claim at /models if one is named."""
        if namespace not in self._clients:
            self.namespace(namespace)
            client = Client(self.cluster, namespace, claim)
            # Another worker may want the same Pod.
            with cache.lock(f"client-{namespace}"):
                client.start()
            self._clients[namespace] = client
        return self._clients[namespace]

    def operator(self) -> Operator:
        """The installed operator, with all of its Pods ready."""
        self.namespaces.add(OPERATOR_NAMESPACE)
        operator = Operator(self.cluster)
        operator.install()
        return operator

    def trained_churn(self) -> Manifest:
        """The churn model on the volume `models`, and rows with the right answers: {"instances", "predictions"}."""
        client = self.model_claim()
        if not self._check:
            train = (REPO / "examples" / "churn" / "train.py").read_text()
            out = client.run_source(
                train, "--out", f"{MODELS}/{MODEL}", "--check", "-", "--check-rows", str(CHECK_ROWS)
            )
            self._check = json.loads(out.splitlines()[-1])
        return self._check

    def model_claim(self) -> Client:
        """The volume `models`, and a client that has it at /models."""
        self.namespace(CHURN_NAMESPACE)
        self.cluster.apply(volume_claim(CHURN_NAMESPACE, CLAIM))
        return self.client(CHURN_NAMESPACE, CLAIM)

    def churn(self, replicas: int) -> Served:
        """The example's churn model, settled at `replicas`."""
        check = self.trained_churn()
        manifest = example("churn", CHURN_NAMESPACE)
        manifest["spec"]["replicas"] = replicas
        md = self.settled(manifest)
        return Served(
            md=md,
            client=self.client(CHURN_NAMESPACE, CLAIM),
            path="/v1/models/churn:predict",
            body={"instances": check["instances"][:2]},
            expected={"predictions": check["predictions"][:2]},
        )

    def square(self, replicas: int) -> Served:
        """The example's own application, settled at `replicas`."""
        client = self.client(SQUARE_NAMESPACE)
        manifest = self.square_manifest(SQUARE_NAMESPACE)
        manifest["spec"]["replicas"] = replicas
        md = self.settled(manifest)
        return Served(md=md, client=client, path="/", body={"num": 7}, expected={"result": 49})

    def knobs(self, name: str, **spec: Any) -> Served:
        """An application that answers as well as its arguments say, settled."""
        client = self.client(ROLLOUT_NAMESPACE)
        md = self.settled(self.knobs_manifest(name, **spec))
        return Served(md=md, client=client, path="/", body={"num": 7}, expected=None)

    def predictor(self, **spec: Any) -> Served:
        """The example of an application that is scaled, settled; with small requests, as ten do not fit a test."""
        client = self.client(ROLLOUT_NAMESPACE)
        manifest = self.own_image("autoscaled-predictor", **spec)
        manifest["spec"]["resources"]["requests"]["cpu"] = "100m"
        return Served(md=self.settled(manifest), client=client, path="/", body={"num": 7}, expected={"result": 49})

    def gpu_taken(self) -> None:
        """Let somebody else's Pod have a GPU, until `gpu_given_back`."""
        manifest = Client(self.cluster, self.namespace(ROLLOUT_NAMESPACE), name=GPU_TAKER).manifest()
        manifest["spec"]["tolerations"] = [{"key": "nvidia.com/gpu", "operator": "Exists"}]
        manifest["spec"]["volumes"] = manifest["spec"]["containers"][0]["volumeMounts"] = []
        manifest["spec"]["containers"][0]["resources"]["limits"] = {"nvidia.com/gpu": "1"}
        self.cluster.apply(manifest)
        where = (f"pod/{GPU_TAKER}", "-n", ROLLOUT_NAMESPACE)
        self.cluster.kubectl("wait", "--for=condition=Ready", *where, "--timeout=60s", timeout=70)

    def gpu_given_back(self) -> None:
        """End the Pod that has a GPU."""
        self.cluster.delete("pod", GPU_TAKER, ROLLOUT_NAMESPACE)

    def knobs_manifest(self, name: str, **spec: Any) -> Manifest:
        """Its manifest, with fields of spec of one's own."""
        return {
            "apiVersion": API_VERSION,
            "kind": "ModelDeployment",
            "metadata": {"name": name, "namespace": ROLLOUT_NAMESPACE},
            "spec": {
                "app": {"importPath": "apps:knobs"},
                "image": self.cluster.images["e2e-apps"],
                "replicas": 1,
                "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}},
                **spec,
            },
        }

    def square_manifest(self, namespace: str, name: str = "square") -> Manifest:
        """The example's own application as a manifest for this cluster."""
        manifest = self.own_image("square")
        manifest["metadata"] = {"name": name, "namespace": namespace}
        return manifest

    def own_image(self, name: str, image: str = "", file: str = "model.yaml", **spec: Any) -> Manifest:
        """An example that has an image of its own, or that of another, as a manifest for this cluster."""
        manifest = example(name, ROLLOUT_NAMESPACE, file)
        manifest["spec"] |= {"image": self.cluster.images[image or name], **spec}
        return manifest

    def settled(self, manifest: Manifest) -> ModelDeployment:
        """Apply a manifest as a user would and wait until everything is as it says."""
        meta = manifest["metadata"]
        self.cluster.apply(manifest)
        md = ModelDeployment(self.cluster, meta["namespace"], meta["name"])
        self.then.settled(md)
        return md


def example(name: str, namespace: str, file: str = "model.yaml") -> Manifest:
    """The manifest of one of the examples, for a namespace."""
    manifest: Manifest = yaml.safe_load((REPO / "examples" / name / file).read_text())
    found = copy.deepcopy(manifest)
    found["metadata"]["namespace"] = namespace
    return found


def volume_claim(namespace: str, name: str) -> Manifest:
    """A claim on the default storage class."""
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "100Mi"}}},
    }
