"""Section 8.7: bad input is refused or explained, while a healthy object in the same namespace keeps answering."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from e2e.client import Load, LoadResult
from e2e.cluster import REPO, Cluster, Manifest
from e2e.deployment import ModelDeployment
from e2e.given import SQUARE_NAMESPACE, Given, Served
from e2e.then import Then
from e2e.when import When

# The same table that the unit tests ask the models.
REFUSALS: list[dict[str, Any]] = yaml.safe_load((REPO / "tests/unit/api/refusals.yaml").read_text())
SMALL = {"requests": {"cpu": "100m", "memory": "256Mi"}}
LITTLE = {"limits": {"memory": "300Mi"}}
NO_MODEL = "file:///usr/lib/os-release"
# Answers 404 to every path but /metrics, in every cluster that kubeadm made.
NOT_THERE = "http://kube-dns.kube-system.svc:9153/churn/model.joblib"


def bad(name: str, namespace: str = SQUARE_NAMESPACE, **spec: Any) -> Manifest:
    return {
        "apiVersion": "eagleray.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": f"bad-{name}", "namespace": namespace},
        "spec": {"resources": SMALL, **spec},
    }


def sklearn(**model: str) -> dict[str, str]:
    return {"framework": "sklearn", **model}


@pytest.mark.parametrize("case", REFUSALS, ids=lambda case: str(case["case"]))
def test_kubectl_refuses_and_says_why(when: When, case: dict[str, Any]) -> None:
    manifest = bad("refused", namespace="default")
    manifest["metadata"]["name"] = case.get("name", "bad-refused")
    manifest["spec"] = case["spec"]
    assert case["cel"] in when.refused(manifest)


@dataclass(frozen=True, slots=True)
class Case:
    """One thing that a user got wrong.

    Attributes:
        name: of the object, after `bad-`.
        spec: what the user wrote; `{image}` names an image of the project.
        reason: the condition's reason.
        saying: what its message must name.
        within: seconds until then; most of it is Ray's start on a busy machine.
    """

    name: str
    spec: dict[str, Any]
    reason: str
    saying: str
    within: float = 180.0

    def manifest(self, images: dict[str, str]) -> Manifest:
        """The object."""
        image = {"image": str(self.spec["image"]).format(**images)} if "image" in self.spec else {}
        return bad(self.name, **{**self.spec, **image})


APPS = "{e2e-apps}"


def hostile(way: str) -> dict[str, Any]:
    """A model whose image is the user's, and has another program where Ray's head should be."""
    env = [{"name": "HOSTILE", "value": way}]
    return {"app": {"importPath": "apps:knobs"}, "image": APPS, "env": env}


HOSTILE_HEADS = (
    Case("bomb", hostile("bomb"), "ApplicationStarting", "packed content, which nobody asked for"),
    Case("endless", hostile("endless"), "ApplicationStarting", "the answer has more than"),
)
# Each is a Ray cluster of its own: few at a time, those that start nothing together.
WAVES = (
    (
        Case("claim", {"model": sklearn(uri="pvc://nowhere/churn/1")}, "Unschedulable", '"nowhere" not found', 60),
        Case("volume", {"app": {"importPath": "apps:knobs"}, "image": APPS, "caBundle": {"configMapName": "nowhere"}},
             "PodNotStarted", '"nowhere" not found', 60),
        Case("image", {"app": {"importPath": "square:app"}, "image": "{square}-nothing"},
             "ImagePullFailed", "-nothing", 60),
    ),
    (
        Case("uri", {"model": sklearn(uri=NOT_THERE, sha256="0" * 64)}, "DownloadFailed", "404"),
        Case("pickle", {"model": sklearn(uri=NO_MODEL)}, "ModelLoadFailed", "pickle"),
        Case("import", {"app": {"importPath": "nowhere.at_all:app"}}, "ImportFailed", "nowhere"),
    ),
    (
        Case("raises", {"app": {"importPath": "apps:raises"}, "image": APPS},
             "ConstructorFailed", "the vocabulary file is empty"),
        Case("hangs", {"app": {"importPath": "apps:hangs"}, "image": APPS}, "ReplicaStarting", "constructor"),
        Case("memory", {"app": {"importPath": "apps:hungry"}, "image": APPS, "resources": LITTLE},
             "OutOfMemory", "memory"),
    ),
    (
        *HOSTILE_HEADS,
        Case("redirects", {"app": {"importPath": "apps:redirects"}, "image": APPS, "warmup": [{"path": "/"}]},
             "WarmupFailed", "answered 307: the operator goes nowhere else"),
    ),
)  # fmt: skip


@dataclass(slots=True)
class Neighbour:
    """A healthy object beside the bad ones, under a light load."""

    served: Served
    load: Load
    stack: ExitStack

    def end(self) -> LoadResult:
        """End the load."""
        self.stack.close()
        return self.load.result


@pytest.fixture(scope="module")
def neighbour(given: Given, when: When) -> Iterator[Neighbour]:
    given.operator()
    square = given.square(replicas=2)
    with ExitStack() as stack:
        yield Neighbour(square, stack.enter_context(when.loaded(square, rate=5)), stack)


@dataclass(slots=True)
class Waves:
    """Applies a wave when its first case is asked for, in place of the one before."""

    cluster: Cluster
    namespace: str
    present: tuple[Case, ...] = ()

    def show(self, case: Case) -> ModelDeployment:
        """The object of a case, applied together with those of its wave."""
        if case not in self.present:
            self.clear()
            self.present = next(wave for wave in WAVES if case in wave)
            self.cluster.apply(*(c.manifest(self.cluster.images) for c in self.present))
        return self._handle(case)

    def clear(self) -> list[ModelDeployment]:
        """Delete what is there."""
        gone = [self._handle(case) for case in self.present]
        for md in gone:
            self.cluster.delete("md", md.name, md.namespace, "--wait=false")
        self.present = ()
        return gone

    def _handle(self, case: Case) -> ModelDeployment:
        return ModelDeployment(self.cluster, self.namespace, f"bad-{case.name}")


@pytest.fixture(scope="module")
def waves(neighbour: Neighbour, cluster: Cluster, then: Then) -> Iterator[Waves]:
    waves = Waves(cluster, neighbour.served.md.namespace)
    yield waves
    for md in waves.clear():
        then.nothing_left(md)


@pytest.mark.parametrize(
    "case", [pytest.param(case, id=case.name) for wave in WAVES for case in wave if case not in HOSTILE_HEADS]
)
def test_the_condition_names_the_cause(waves: Waves, then: Then, case: Case) -> None:
    md = waves.show(case)
    then.condition(md, "Degraded", "True", reasons={case.reason}, saying=case.saying, within=case.within)
    then.condition(md, "Ready", "False", reasons={case.reason}, saying=case.saying, within=5)
    assert "\x1b" not in str(md.status())


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in HOSTILE_HEADS])
def test_a_hostile_head_is_said_and_harms_nobody(waves: Waves, then: Then, case: Case) -> None:
    md = waves.show(case)
    then.condition(md, "Progressing", "True", reasons={case.reason}, saying=case.saying, within=case.within)
    then.condition(md, "Ready", "False", reasons={case.reason}, saying=case.saying, within=5)


def test_the_healthy_one_never_failed(neighbour: Neighbour, then: Then) -> None:
    then.settled(neighbour.served.md, within=30)
    then.no_request_failed(neighbour.end(), at_least=50)
