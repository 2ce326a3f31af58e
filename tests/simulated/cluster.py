"""One simulated cluster: everything around the operator, and the people who use it. All of it comes from one seed."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from eagleray.api.spec import API_VERSION, KIND
from eagleray.domain.facts import labels
from eagleray.domain.facts.pods import Role
from eagleray.kube.kinds import MODEL_DEPLOYMENT, POD, Manifest, Ref
from fakes import virtual_time
from simulated.api_server import ApiServer, Deletion
from simulated.behaviours import Behaviours
from simulated.clock import Clock
from simulated.deployments import Deployments
from simulated.faults import Faults
from simulated.garbage import GarbageCollector
from simulated.invariants import Invariants
from simulated.kubelet import Kubelets
from simulated.network import Network
from simulated.nodes import Nodes
from simulated.objects import RefusedError, labels_of, selected, with_meta
from simulated.operator import Operator, installation
from simulated.ray import Clusters
from simulated.story import Story, ViolationError
from simulated.tasks import Tasks
from simulated.traffic import Traffic

NAMESPACE = "models"
PERSON = "kubectl"
_STEP = 0.5


class Cluster:
    """Everything. Made on the loop that it lives on.

    Args:
        seed: where all chance comes from.
        nodes: how many nodes there are at first.
    """

    def __init__(self, seed: int = 0, nodes: int = 3) -> None:
        self.rng = random.Random(seed)  # noqa: S311 - a history is to be had again
        self.story = Story(seed)
        self.clock = Clock()
        self.tasks = Tasks()
        self.server = ApiServer(self.clock)
        self.faults = Faults(self.rng, self.story)
        self.nodes = Nodes(self.server, self.story)
        self.behaviours = Behaviours(self.server)
        self.network = Network(self.behaviours, Clusters(self.clock))
        self.kubelets = Kubelets(self.server, self.nodes, self.behaviours, self.network.program, self.story)
        self.network.kubelets = self.kubelets
        self.deployments = Deployments(self.server, self.rng, self.story)
        self.garbage = GarbageCollector(self.server, self.rng, self.story)
        self.traffic = Traffic(self.network.routers)
        self.installation = installation()
        self.operators: list[Operator] = []
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.invariants = Invariants(self)
        self.tasks.install()
        asyncio.get_running_loop().set_exception_handler(self._crashed)
        for number in range(nodes):
            self.nodes.add(f"node-{number}")

    def fail(self, error: BaseException) -> None:
        """Something is wrong: end the history with it."""
        if not self._failed.done():
            self._failed.set_exception(error)

    def _crashed(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception") or AssertionError(context["message"])
        wrong = self.story.violation(f"crashed: {context['message']}: {error!r}")
        wrong.__cause__ = error
        self.fail(wrong)

    async def run(self, seconds: float) -> None:
        """Let time pass.

        Raises:
            ViolationError: something that must never be was.
        """
        await asyncio.wait({self._failed}, timeout=seconds)
        if self._failed.done():
            self._failed.result()

    async def until(self, what: Callable[[], object], within: float = 300.0) -> None:
        """Let time pass until something is so.

        Raises:
            ViolationError: it was not, or something else is wrong.
        """
        ends = asyncio.get_running_loop().time() + within
        while not what():
            if asyncio.get_running_loop().time() > ends:
                raise self.story.violation(f"not within {within:g} s; the status says {self._statuses()}")
            await self.run(_STEP)

    def _statuses(self) -> str:
        found = self.server.list(MODEL_DEPLOYMENT)
        return "; ".join(f"{m['metadata']['name']}: {m.get('status', {}).get('conditions')}" for m in found)

    def start_operator(self) -> Operator:
        """One more operator begins to work; nothing keeps it from doing so beside another."""
        operator = Operator(self, f"operator-{len(self.operators) + 1}")
        self.operators.append(operator)
        operator.start()
        return operator

    def ensure_operator(self) -> None:
        """Where none is alive, one begins to work, as a Deployment sees to."""
        if not any(operator.alive for operator in self.operators):
            self.start_operator()

    def at_peace(self) -> None:
        """Nothing is broken any more, and one operator is alive."""
        self.faults.calm()
        self.server.admission.quotas.clear()
        self.server.admission.webhooks.clear()
        self.installation = installation()
        for node in list(self.nodes.machines):
            self.recover(node)
        for operator in self.operators:
            operator.kill()
        self.start_operator()

    def recover(self, node: str) -> None:
        """A lost node is back."""
        self.invariants.trouble()
        self.nodes.recover(node)
        self.kubelets.recover(node)

    @property
    def operator(self) -> Operator:
        """The operator that was started last."""
        return self.operators[-1]

    async def close(self) -> None:
        """End everything."""
        for operator in self.operators:
            operator.kill()
        for task in self.tasks.of(""):
            if task is not asyncio.current_task():
                task.cancel()
        await asyncio.sleep(0)
        structlog.reset_defaults()

    def apply(self, name: str, namespace: str = NAMESPACE, **spec: Any) -> Manifest:
        """`kubectl apply` a whole spec."""
        meta = {"name": name, "namespace": namespace}
        manifest = {"apiVersion": API_VERSION, "kind": KIND, "metadata": meta, "spec": spec}
        self.story.tell("person", "applies", name, spec)
        return self.server.apply(manifest, PERSON)

    def change(self, ref: Ref, how: Callable[[Manifest], Manifest]) -> Manifest:
        """`kubectl edit` an object."""
        self.story.tell("person", "edits", ref)
        return self.server.change(ref, how, PERSON)

    def annotate(self, name: str, key: str, value: str | None, namespace: str = NAMESPACE) -> None:
        """`kubectl annotate` a model."""

        def change(live: Manifest) -> Manifest:
            present = {**live["metadata"].get("annotations", {}), key: value}
            return with_meta(live, annotations={k: v for k, v in present.items() if v is not None} or None)

        self.change(Ref(MODEL_DEPLOYMENT, namespace, name), change)

    def delete(self, ref: Ref, propagation: str = "Background", grace: int | None = None) -> None:
        """`kubectl delete` an object."""
        self.story.tell("person", "deletes", ref, propagation)
        self.server.delete(ref, Deletion(propagation=propagation, grace=grace), PERSON)

    def model(self, name: str = "m", namespace: str = NAMESPACE) -> Manifest:
        """A ModelDeployment as it is."""
        return self.server.get(Ref(MODEL_DEPLOYMENT, namespace, name))

    def condition(self, kind: str = "Ready", name: str = "m", namespace: str = NAMESPACE) -> tuple[str, str, str]:
        """Status, reason and message of a condition; empty before there is one."""
        live = self.server.find(Ref(MODEL_DEPLOYMENT, namespace, name))
        conditions = (live or {}).get("status", {}).get("conditions", [])
        found: Manifest = next((c for c in conditions if c["type"] == kind), {})
        return found.get("status", ""), found.get("reason", ""), found.get("message", "")

    def ready(self, name: str = "m", namespace: str = NAMESPACE) -> bool:
        """Whether a model says that it is ready, of the spec as it is."""
        live = self.server.find(Ref(MODEL_DEPLOYMENT, namespace, name))
        if live is None or live.get("status", {}).get("observedGeneration") != live["metadata"]["generation"]:
            return False
        progressing = self.condition("Progressing", name, namespace)[0]
        return self.condition("Ready", name, namespace)[0] == "True" and progressing == "False"

    def pods(self, role: Role | None = None, name: str = "m", namespace: str = NAMESPACE) -> list[Manifest]:
        """The Pods of a model."""
        wanted = {labels.NAME: name, **({labels.ROLE: role} if role else {})}
        return self.server.list(POD, namespace, wanted)

    def children(self, name: str = "m", namespace: str = NAMESPACE) -> list[Manifest]:
        """Everything that carries a model's label."""
        found = self.server.everything()
        return [m for m in found if m["metadata"].get("namespace") == namespace and selected(m, {labels.NAME: name})]

    def end_container(self, pod: str, code: int = 1, reason: str = "Error", message: str = "") -> None:
        """The main container of a Pod ends."""
        life = self.kubelets.by_name(pod)
        assert life is not None, f"there is no Pod {pod}"
        life.exit(code, reason, message)

    def revision_of(self, pod: Manifest) -> str:
        return labels_of(pod).get(labels.REVISION, "")


def play(scenario: Callable[[Cluster], Awaitable[None]], seed: int = 0, nodes: int = 3) -> None:
    """Run a scenario in a cluster of its own, in virtual time.

    Raises:
        ViolationError: with the seed and the story.
    """

    async def main() -> None:
        random.seed(seed)  # for what the engine spreads by itself
        cluster = Cluster(seed, nodes)
        try:
            await scenario(cluster)
            await cluster.run(0)
        except RefusedError as e:
            raise cluster.story.violation(f"a person was refused: {e}") from e
        except ViolationError:
            raise
        except AssertionError as e:
            raise cluster.story.violation(str(e)) from e
        finally:
            await cluster.close()

    virtual_time.run(main())
