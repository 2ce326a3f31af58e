"""A revision: one version of a ModelDeployment at one content; immutable, and one Ray cluster at a time."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from eagleray.api.template import VersionTemplate
from eagleray.domain.goals.groups import WorkerGroup, groups_of

HASH_LENGTH = 8
RESTARTED_ANNOTATION = "kubectl.kubernetes.io/restartedAt"
"""What an object's annotation of this name says is content of its revisions: another text, and they are made anew."""
_MOST_RESTARTED = 64

# What a version may change without a change of what its Pods run.
_NOT_CONTENT: dict[str, Any] = {
    "replicas": True,
    "request_timeout": True,
    "autoscaling": True,
    "app": {"deployments": {"__all__": {"replicas", "autoscaling"}}},
}


@dataclass(frozen=True, slots=True)
class Revision:
    """One version at one content.

    Attributes:
        name: `<model>-<version>-<hash>`; a DNS label of at most 58 characters.
        model: name of the ModelDeployment.
        namespace: namespace of the ModelDeployment.
        version: name of the version (`default` where the object names none).
        template: the version's resolved template.
        image: the image of every Pod of the revision, resolved once and kept.
        restarted_at: what the object's annotation said when it was made, or "".
    """

    name: str
    model: str
    namespace: str
    version: str
    template: VersionTemplate
    image: str
    restarted_at: str = ""

    @property
    def groups(self) -> tuple[WorkerGroup, ...]:
        """Its worker groups, in the order of spec."""
        return groups_of(self.template)

    @property
    def calls(self) -> bool:
        """Whether its replicas answer gRPC calls, at ports of their own, and nothing else."""
        return self.template.app is not None and bool(self.template.app.grpc_servicers)

    @property
    def most_per_pod(self) -> int:
        """The most replicas that share one worker Pod."""
        return max(group.replicas_per_pod for group in self.groups)


def restarted_at(annotations: Mapping[str, str]) -> str:
    """What a person, or Git, says of the last restart: any text; "" before the first."""
    return annotations.get(RESTARTED_ANNOTATION, "")[:_MOST_RESTARTED]


def revision_name(model: str, version: str, template: VersionTemplate, restarted: str = "") -> str:
    """Name the revision of `version` at one content: what its Pods run, without how many there are.

    The name ends in a hash over all of it, as `a-b` of `c` and `a` of `b-c` would else be called alike; equal contents
    give equal hashes, whatever the order of keys.

    Args:
        model: name of the ModelDeployment.
        version: name of the version.
        template: what its Pods run.
        restarted: what `restarted_at` gives.
    """
    content = template.model_dump(mode="json", by_alias=True, exclude_none=True, exclude=_NOT_CONTENT)
    told = [model, version, content, *([restarted] if restarted else [])]
    text = json.dumps(told, sort_keys=True, separators=(",", ":"))
    return f"{model}-{version}-{hashlib.sha256(text.encode()).hexdigest()[:HASH_LENGTH]}"
