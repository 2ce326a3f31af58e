"""When: what a user does, and what goes wrong in a cluster."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from .client import Load
from .cluster import OPERATOR_NAMESPACE, Cluster, CommandError, Manifest
from .deployment import ModelDeployment
from .given import Served


@dataclass(frozen=True, slots=True)
class When:
    """Does one thing and returns at once; waiting for what comes of it is `Then`'s.

    Args:
        cluster: the cluster under test.
    """

    cluster: Cluster

    def applied(self, manifest: Manifest) -> ModelDeployment:
        """`kubectl apply` a ModelDeployment."""
        self.cluster.apply(manifest)
        meta = manifest["metadata"]
        return ModelDeployment(self.cluster, meta["namespace"], meta["name"])

    def refused(self, manifest: Manifest) -> str:
        """`kubectl apply` something that must be refused, and return kubectl's words."""
        try:
            said = self.cluster.apply(manifest)
        except CommandError as e:
            return e.stderr
        raise AssertionError(f"{manifest['metadata']['name']} was accepted: {said}")

    def scaled(self, md: ModelDeployment, replicas: int) -> None:
        """`kubectl scale`."""
        self.cluster.kubectl("scale", "md", md.name, "-n", md.namespace, f"--replicas={replicas}")

    def changed(self, md: ModelDeployment, spec: Manifest) -> None:
        """Merge into the spec, as `kubectl patch` does."""
        self.cluster.patch_spec("md", md.name, md.namespace, spec)

    def pod_killed(self, namespace: str, *names: str, force: bool = False) -> None:
        """Delete Pods: with their grace period, or by force without any."""
        options = ("--grace-period=0", "--force") if force else ()
        self.cluster.kubectl("delete", "pod", *names, "-n", namespace, "--wait=false", *options)

    def operator_killed(self, *names: str) -> None:
        """Delete operator Pods by force: no chance to say good-bye."""
        self.pod_killed(OPERATOR_NAMESPACE, *names, force=True)

    def told(self, md: ModelDeployment, verb: str, *options: str) -> str:
        """`kubectl eagleray <verb> NAME`, and what it says."""
        return self.cluster.plugin(verb, md.name, "-n", md.namespace, *options)

    def deleted(self, md: ModelDeployment) -> None:
        """`kubectl delete` the object; returns when it is gone."""
        self.cluster.delete("md", md.name, md.namespace)

    @contextmanager
    def loaded(self, served: Served, rate: float = 20.0, headers: dict[str, str] | None = None) -> Iterator[Load]:
        """Load it steadily, most requests on kept-alive connections, while the block runs."""
        request = {"body": served.body, "expected": served.expected, "headers": headers}
        with served.client.load(served.url, **request, rate=rate) as load:
            yield load

    @contextmanager
    def crowded(self, served: Served, at_once: int) -> Iterator[Load]:
        """Keep so many requests under way, however long each takes, while the block runs."""
        with served.client.load(served.url, body=served.body, expected=served.expected, at_once=at_once) as load:
            yield load
