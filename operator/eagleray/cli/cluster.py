"""The API server, found as `kubectl` finds it, and what the commands ask of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from eagleray.cli.errors import CliError
from eagleray.cli.model import Model, read
from eagleray.cli.pods import ListedPod, read_pod
from eagleray.cli.verbs import Ask, VerbAnswer
from eagleray.domain.facts import labels
from eagleray.kube import kubeconfig
from eagleray.kube.api_server import ApiServer
from eagleray.kube.client import LogClient, listed
from eagleray.kube.errors import ConflictError, NotFoundError
from eagleray.kube.kinds import MODEL_DEPLOYMENT, POD, Ref

PLUGIN = "kubectl-eagleray"
ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Target:
    """Where a command looks, by the options of `kubectl`.

    Attributes:
        namespace: the namespace, or None for that of the context.
        context: the kubeconfig's context, or None for the current one.
        kubeconfig: the kubeconfig file, or None for KUBECONFIG and then `~/.kube/config`.
    """

    namespace: str | None = None
    context: str | None = None
    kubeconfig: Path | None = None


class Cluster:
    """The ModelDeployments of one namespace.

    Args:
        client: the API server.
        namespace: the namespace.
    """

    def __init__(self, client: LogClient, namespace: str) -> None:
        self.client = client
        self.namespace = namespace

    async def model(self, name: str) -> Model:
        """Read a ModelDeployment.

        Raises:
            CliError: it is not there, or its status cannot be read.
            KubeError: the API server refuses, or does not answer.
        """
        try:
            return read(await self.client.get(Ref(MODEL_DEPLOYMENT, self.namespace, name)))
        except NotFoundError as e:
            raise CliError(
                f"ModelDeployment {self.namespace}/{name} is not there; `kubectl get modeldeployments -A` lists all"
            ) from e

    async def pods(self, name: str) -> list[ListedPod]:
        """Read the Pods of a ModelDeployment.

        Raises:
            KubeError: the API server refuses, or does not answer.
        """
        carried = {labels.MANAGED_BY: labels.MANAGER, labels.NAME: name}
        pages = listed(self.client, POD, self.namespace, carried)
        return [read_pod(pod) async for page in pages for pod in page.items]

    async def ask(self, name: str, ask: Ask) -> str:
        """Write what a verb comes to, decided anew where somebody changed the object meanwhile.

        Returns:
            What happens next.

        Raises:
            CliError: the verb makes no sense now, or the object does not stop changing.
            KubeError: the API server refuses, or does not answer.
        """
        for _ in range(ATTEMPTS):
            model = await self.model(name)
            answer = ask(model)
            try:
                await self._write(model, answer)
            except ConflictError:
                continue
            return answer.says
        raise CliError(f"{self.namespace}/{name} was changed by others {ATTEMPTS} times meanwhile; try again")

    async def _write(self, model: Model, answer: VerbAnswer) -> None:
        changed = {k: v for k, v in answer.annotations.items() if model.annotations.get(k) != v}
        if not changed:
            return
        # With the version that was read, the API server refuses to write over what another person asked for meanwhile.
        metadata = {"resourceVersion": model.resource_version, "annotations": changed}
        ref = Ref(MODEL_DEPLOYMENT, self.namespace, model.name)
        await self.client.patch(ref, {"metadata": metadata}, field_manager=PLUGIN)


@asynccontextmanager
async def connect(target: Target) -> AsyncIterator[Cluster]:
    """Connect as `kubectl` would.

    Raises:
        CliError: there is no kubeconfig, or it does not have what is asked for.
    """
    try:
        found = await kubeconfig.load(str(target.kubeconfig) if target.kubeconfig else None, target.context)
    except kubeconfig.KubeconfigError as e:
        raise CliError(str(e)) from e
    async with ApiServer(found.configuration, user_agent=PLUGIN) as client:
        yield Cluster(client, target.namespace or found.namespace)
