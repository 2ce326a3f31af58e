"""What the engine must be told and given from outside."""

from collections.abc import Callable
from dataclasses import dataclass

from eagleray.api.status import ModelDeploymentStatus
from eagleray.domain.installation import Installation
from eagleray.engine.nodes import NodeBook
from eagleray.kube.client import KubeClient
from eagleray.kube.kinds import Key
from eagleray.kube.store import Store


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """Settings of the engine.

    Attributes:
        router_image: image of the router Pods.
        installation: what users may ask for.
        image_pull_policy: of every Pod that the operator makes; "" leaves it to Kubernetes.
        image_pull_secrets: names of Secrets in the ModelDeployment's own namespace.
        instance: this operator Pod, named in the Events that it writes.
        token_key: the operator's key, from which the Ray tokens are derived.
    """

    router_image: str
    installation: Installation
    image_pull_policy: str
    image_pull_secrets: tuple[str, ...]
    instance: str
    token_key: bytes


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the engine works in.

    Attributes:
        kube: the API server, whose answers are in the store at once.
        store: the world as it is held.
        settings: what it is told.
        nodes: what was seen of the cluster's nodes.
        add: has a key looked at soon: somebody or something changed it.
        add_later: has a key looked at when nothing urgent waits.
        decided: is told the status of an object, None where it is gone.
    """

    kube: KubeClient
    store: Store
    settings: EngineSettings
    nodes: NodeBook
    add: Callable[[Key], None]
    add_later: Callable[[Key], None]
    decided: Callable[[Key, ModelDeploymentStatus | None], None]
