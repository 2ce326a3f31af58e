"""How users' models and apps behave in this cluster: how long each thing takes, and what goes wrong with it."""

from dataclasses import dataclass

from eagleray.domain.facts import labels
from eagleray.kube.kinds import CONTROLLER_REVISION, Manifest, Ref
from simulated.api_server import ApiServer
from simulated.objects import labels_of


@dataclass(frozen=True, slots=True)
class Behaviour:
    """One content's.

    Attributes:
        pull: seconds to pull its image.
        missing: what the registry says, where it does not have the image.
        fetch: seconds to download the model.
        fetch_error: reason and message with which the download fails, or None.
        head: seconds until the head's Serve API answers.
        join: seconds until a worker has joined its head.
        build: seconds in which Serve builds the application.
        deploy_error: the message with which Serve gives up on it, or "".
        start: seconds in which a replica starts.
        hangs: whether replicas never start.
        warmup_error: what the first request is answered with, or "".
        crash: seconds after which the main container of a worker ends by itself, or None.
        latency_ms: how long an answer takes.
        errors: share of the answers that are 5xx.
        cores: how much CPU each replica uses.
    """

    pull: float = 0.5
    missing: str = ""
    fetch: float = 1.0
    fetch_error: tuple[str, str] | None = None
    head: float = 3.0
    join: float = 2.0
    build: float = 3.0
    deploy_error: str = ""
    start: float = 2.0
    hangs: bool = False
    warmup_error: str = ""
    crash: float | None = None
    latency_ms: float = 10.0
    errors: float = 0.0
    cores: float = 0.1


class Behaviours:
    """What each content does, by the address of the model or the import path of the app.

    Args:
        server: where contents are read.
    """

    def __init__(self, server: ApiServer) -> None:
        self.by_content: dict[str, Behaviour] = {}
        self._server = server
        self._contents: dict[tuple[str, str], str] = {}

    def of_revision(self, namespace: str, revision: str) -> Behaviour:
        """What a revision does."""
        content = self._contents.get((namespace, revision))
        if content is None:
            record = self._server.find(Ref(CONTROLLER_REVISION, namespace, revision))
            if record is None:
                return Behaviour()
            template = record["data"]["template"]
            content = (template.get("model") or {}).get("uri") or (template.get("app") or {}).get("importPath", "")
            self._contents[namespace, revision] = content
        return self.by_content.get(content, Behaviour())

    def of_pod(self, pod: Manifest) -> Behaviour:
        """What a Pod's revision does; a router is like any other."""
        return self.of_revision(pod["metadata"]["namespace"], labels_of(pod).get(labels.REVISION, ""))
