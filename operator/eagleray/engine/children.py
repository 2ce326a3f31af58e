"""The children that live in the cluster, and writing only those that differ."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from eagleray.domain import labels
from eagleray.kube.client import KubeClient
from eagleray.kube.errors import AlreadyExistsError
from eagleray.kube.kinds import Manifest, Ref


class NameTakenError(Exception):
    """A child cannot be created: an object of its name exists and is not ours.

    Attributes:
        ref: that object.
    """

    def __init__(self, ref: Ref) -> None:
        super().__init__(
            f"{ref.kind.kind} {ref.name} exists in namespace {ref.namespace} and was not made by Eagleray;"
            " delete it, or give the ModelDeployment another name"
        )
        self.ref = ref


def content_hash(manifest: Mapping[str, Any]) -> str:
    """Hash what we would write, so that it is written only where it differs."""
    text = json.dumps(manifest, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(slots=True)
class Children:
    """Children of one object as they were read, by place.

    Args:
        client: the API server.
        found: the manifests that were read.
    """

    client: KubeClient
    found: dict[Ref, Manifest] = field(default_factory=dict)

    @classmethod
    def of(cls, client: KubeClient, manifests: Iterable[Manifest]) -> "Children":
        """Index what was read."""
        return cls(client, {Ref.of(m): m for m in manifests})

    async def ensure(self, manifest: Manifest) -> Manifest:
        """Create the child, or apply it where it differs from what was written last.

        Raises:
            NameTakenError: an object of this name exists and is not ours.
            KubeError: the API server refused, or did not answer.
        """
        ref = Ref.of(manifest)
        digest = content_hash(manifest)
        meta = manifest["metadata"]
        marked = {**manifest, "metadata": {**meta, "annotations": {**meta.get("annotations", {})}}}
        marked["metadata"]["annotations"][labels.HASH_ANNOTATION] = digest
        live = self.found.get(ref)
        if live is None:
            self.found[ref] = await self._create(marked, ref)
        elif live["metadata"].get("annotations", {}).get(labels.HASH_ANNOTATION) != digest:
            self.found[ref] = await self.client.apply(marked)
        return self.found[ref]

    async def _create(self, manifest: Manifest, ref: Ref) -> Manifest:
        try:
            return await self.client.create(manifest)
        except AlreadyExistsError as e:
            raise NameTakenError(ref) from e
