"""What the stub node knows: the Pods that run, what was deployed on the heads, and what the routers were told."""

import re
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from eagleray.domain.facts import labels
from eagleray.domain.facts.pods import Role

Manifest = dict[str, Any]
Model = tuple[str, str]
_ENDPOINTS = "envoy.config.endpoint.v3.ClusterLoadAssignment"
_VERSION, _REVISION, _ADDRESS = (
    re.compile(rf"""["']?{field}["']?\s*:\s*["']([^"']+)["']""")
    for field in ("version_info", "cluster_name", r"\baddress")
)


@dataclass(slots=True)
class StubPod:
    """A Pod that runs.

    Attributes:
        name: its name.
        model: namespace and name of its ModelDeployment.
        role: what it does.
        revision: its revision, "" for a router.
        incarnation: of which Ray cluster.
        ip: its loopback address.
        born: when it began to run, in seconds of the epoch.
        deployed: of a head, the application that was PUT.
        targets: of a head, replicas by Serve deployment.
    """

    name: str
    model: Model
    role: str
    revision: str
    incarnation: str
    ip: str
    born: float = field(default_factory=time.time)
    deployed: Manifest = field(default_factory=dict)
    targets: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, manifest: Manifest, ip: str) -> "StubPod":
        """Read a Pod of ours."""
        meta = manifest["metadata"]
        marks = meta["labels"]
        return cls(
            name=meta["name"],
            model=(meta["namespace"], marks[labels.NAME]),
            role=marks[labels.ROLE],
            revision=marks.get(labels.REVISION, ""),
            incarnation=marks.get(labels.INCARNATION, ""),
            ip=ip,
        )

    @property
    def cluster(self) -> tuple[str, str, str]:
        """The Ray cluster that it belongs to."""
        return self.model[0], self.revision, self.incarnation


@dataclass(frozen=True, slots=True)
class RouterFiles:
    """What a router's ConfigMap says.

    Attributes:
        version: the configuration's version.
        addresses: by revision, where its replicas may answer.
    """

    version: str
    addresses: dict[str, tuple[str, ...]]

    @classmethod
    def read(cls, files: Iterable[str]) -> "RouterFiles":
        """Read Envoy's files, in JSON or in protobuf's text format: only the version and the endpoints matter here."""
        version, addresses = "", {}
        for text in files:
            version = next(iter(_VERSION.findall(text)), version)
            if _ENDPOINTS in text:
                addresses[_REVISION.findall(text)[0]] = tuple(dict.fromkeys(_ADDRESS.findall(text)))
        return cls(version, addresses)


class World:
    """Everything that runs on the stub node.

    Attributes:
        by_ip: the Pods by address.
        files: by model, what its routers were told.
        asked: by model, when one of its Pods was asked last, in seconds of the epoch.
        questions: how many questions there were, by what was asked.
    """

    def __init__(self) -> None:
        self.by_ip: dict[str, StubPod] = {}
        self.files: dict[Model, RouterFiles] = {}
        self.asked: dict[Model, float] = {}
        self.questions: Counter[str] = Counter()
        self._workers: defaultdict[tuple[str, str, str], dict[str, StubPod]] = defaultdict(dict)
        self._heads: dict[tuple[str, str, str], StubPod] = {}

    def add(self, pod: StubPod) -> None:
        """A Pod runs."""
        self.by_ip[pod.ip] = pod
        if pod.role == Role.WORKER:
            self._workers[pod.cluster][pod.name] = pod
        elif pod.role == Role.HEAD:
            self._heads[pod.cluster] = pod

    def remove(self, pod: StubPod) -> None:
        """A Pod has ended."""
        self.by_ip.pop(pod.ip, None)
        if self._workers.get(pod.cluster, {}).pop(pod.name, None) and not self._workers[pod.cluster]:
            del self._workers[pod.cluster]
        if self._heads.get(pod.cluster) is pod:
            del self._heads[pod.cluster]

    def note(self, pod: StubPod, question: str) -> None:
        """Somebody asks a Pod."""
        self.asked[pod.model] = time.time()
        self.questions[question] += 1

    def replicas(self, head: StubPod) -> list[StubPod]:
        """The workers of a head that hold a replica: the first of them, one each."""
        workers = self._workers.get(head.cluster, {})
        return [workers[name] for name in sorted(workers)[: sum(head.targets.values())]]

    def healthy(self, addresses: Iterable[str]) -> int:
        """How many of the addresses answer a health check."""
        return sum(self.answers(ip) for ip in addresses)

    def answers(self, ip: str) -> bool:
        """Whether the Pod at an address holds a replica."""
        pod = self.by_ip.get(ip)
        head = self._heads.get(pod.cluster) if pod else None
        return pod is not None and head is not None and pod in self.replicas(head)
