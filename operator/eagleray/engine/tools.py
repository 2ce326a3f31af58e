"""What the engine works with, shared by all objects."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from eagleray.api.status import ModelDeploymentStatus
from eagleray.domain.version.scaling.live import LiveLoad
from eagleray.engine.nodes import NodeBook
from eagleray.engine.settings import EngineSettings
from eagleray.kube.client import KubeClient
from eagleray.kube.kinds import Key
from eagleray.kube.store import Store
from eagleray.peers.peers import PeerClient


@dataclass(frozen=True, slots=True)
class Tools:
    """What the engine works with.

    Attributes:
        kube: the API server, whose answers are in the store at once.
        store: the world as it is held.
        peers: everything else that is asked.
        nodes: what was seen of the cluster's nodes.
        settings: what the engine is told.
        now: the wall clock.
        pace: seconds between two questions that are to be so many apart, as busy as the process is.
        add: has a key looked at soon.
        decided: is told the status of an object, None where it is gone, and the live figures of scaling.
    """

    kube: KubeClient
    store: Store
    peers: PeerClient
    nodes: NodeBook
    settings: EngineSettings
    now: Callable[[], datetime]
    pace: Callable[[float], float]
    add: Callable[[Key], None]
    decided: Callable[[Key, ModelDeploymentStatus | None, Sequence[LiveLoad]], None]
