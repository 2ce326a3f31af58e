"""Who can be reached where: an address is a Pod's, and what answers there is the program of its main container."""

from collections.abc import Iterable
from typing import TypeVar

from eagleray.domain.facts import labels
from eagleray.domain.facts.pods import Role
from simulated.background import time
from simulated.behaviours import Behaviour, Behaviours
from simulated.envoy import Router
from simulated.envoy_files import Endpoint
from simulated.kubelet import Kubelets, Life, Program
from simulated.objects import is_ending, labels_of
from simulated.ray import Clusters, Head, Worker
from simulated.serve import Actor
from simulated.traffic import Key

P = TypeVar("P", Head, Worker, Router)


class Network:
    """The network between Pods, and the programs in them.

    Args:
        behaviours: what revisions do.
        clusters: the Ray clusters.

    Attributes:
        kubelets: the kubelets that run the programs; set when they are there.
    """

    kubelets: Kubelets

    def __init__(self, behaviours: Behaviours, clusters: Clusters) -> None:
        self._behaviours = behaviours
        self._clusters = clusters

    def program(self, life: Life) -> Program:
        """What runs in a Pod."""
        behaviour = self._behaviours.of_pod(life.pod)
        match labels_of(life.pod).get(labels.ROLE):
            case Role.HEAD:
                return Head(self._clusters, life, behaviour)
            case Role.WORKER:
                return Worker(self._clusters, life, behaviour)
            case _:
                return Router(life.ref.name, self, life.ref.namespace)

    def at(self, ip: str, kind: type[P]) -> P | None:
        """The program at an address, where it is of a kind and can be reached."""
        life = self.kubelets.by_address.get(ip)
        found = life.program if life is not None and life.reachable else None
        return found if isinstance(found, kind) else None

    def actor_at(self, endpoint: Endpoint) -> Actor | None:
        """The replica that listens there and can be reached, if any."""
        worker = self.at(endpoint[0], Worker)
        return next((a for a in worker.actors if a.port == endpoint[1]), None) if worker else None

    def behaviour(self, namespace: str, revision: str) -> Behaviour:
        """What a revision does with requests."""
        return self._behaviours.of_revision(namespace, revision)

    def routers(self, model: Key) -> Iterable[Router]:
        """The router Pods that a model's Service leads to."""
        for life in self.kubelets.lives.values():
            marks = labels_of(life.pod)
            ours = (life.ref.namespace, marks.get(labels.NAME)) == model and marks.get(labels.ROLE) == Role.ROUTER
            if ours and life.state.ready and life.reachable and not is_ending(life.pod):
                assert isinstance(life.program, Router)
                yield life.program

    def answering(self, namespace: str, revision: str, seconds: float = 0.0) -> int:
        """How many replicas of a revision have answered for so long, whoever knows of them."""
        count, latest = 0, time() - seconds
        for life in self.kubelets.lives.values():
            if life.ref.namespace == namespace and labels_of(life.pod).get(labels.REVISION) == revision:
                worker = life.program
                count += sum(a.up and a.since <= latest for a in worker.actors) if isinstance(worker, Worker) else 0
        return count
