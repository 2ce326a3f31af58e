"""What the engine must be told from outside."""

from collections.abc import Mapping
from dataclasses import dataclass

from eagleray.domain.fleet import Fleet


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """Settings of the engine.

    Attributes:
        router_image: image of the router Pods.
        images: default images of the Ray Pods: by `model.framework`, and under `base` for apps.
        image_pull_policy: of every Pod that the operator makes; "" leaves it to Kubernetes.
        image_pull_secrets: names of Secrets in the ModelDeployment's own namespace.
        fleet: what labels, taints and conditions of nodes mean.
        instance: this operator Pod, named in the Events that it writes.
        token_key: the operator's key, from which the Ray tokens are derived.
    """

    router_image: str
    images: Mapping[str, str]
    image_pull_policy: str
    image_pull_secrets: tuple[str, ...]
    fleet: Fleet
    instance: str
    token_key: bytes
