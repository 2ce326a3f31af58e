"""What the engine must be told from outside."""

from dataclasses import dataclass

from eagleray.domain.goals.installation import Installation


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
