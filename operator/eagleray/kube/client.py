"""What the operator asks of the API server: plain dicts, so that the client library is one file deep."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from eagleray.kube.kinds import Kind, Manifest, Ref

FIELD_MANAGER = "eagleray"

# A method is called `list`, so the built-in type needs another name in the annotations after it.
Manifests = list[Manifest]


@dataclass(frozen=True, slots=True)
class Listed:
    """Objects as they were at one moment: all of them, or as many as come at a time.

    Attributes:
        items: the objects.
        version: the resourceVersion of that moment.
        more: what asks for those that follow; "" where none do.
    """

    items: Manifests
    version: str
    more: str = ""


def selector(labels: Mapping[str, str]) -> str:
    """Write labels as a selector: "" stands for any value."""
    return ",".join(f"{name}={value}" if value else name for name, value in sorted(labels.items()))


class KubeClient(Protocol):
    """Reads and writes of single objects; every call has a deadline and fails with a `KubeError`."""

    async def get(self, ref: Ref) -> Manifest:
        """Read one object from the API server, not from a cache.

        Raises:
            NotFoundError: it is not there.
            NotServedError: its kind is not served there.
        """

    async def list(
        self, kind: Kind, namespace: str | None = None, labels: Mapping[str, str] | None = None, *, more: str = ""
    ) -> Listed:
        """Read the objects of a kind, some hundreds at a time, all as they were at the moment of the first question.

        Args:
            kind: their kind.
            namespace: their namespace, or None for every namespace.
            labels: labels that they must carry, "" for any value.
            more: what the answer before gave to ask for those that follow.

        Raises:
            TransientError: too much time has passed since the first question; it is to be asked again.
        """

    async def warning(self, ref: Ref, uid: str) -> str:
        """What was warned of last about one object, by reason and note; "" where nothing was, or it is forgotten.

        Args:
            ref: the object.
            uid: its uid, by which Events name it.
        """

    async def create(self, manifest: Manifest) -> Manifest:
        """Create an object.

        Raises:
            AlreadyExistsError: one of this name exists.
        """

    async def replace(self, manifest: Manifest) -> Manifest:
        """Replace a whole object; with `metadata.resourceVersion` only if it is still at that version.

        Raises:
            ConflictError: it changed in between.
        """

    async def apply(self, manifest: Manifest, *, field_manager: str = FIELD_MANAGER, force: bool = True) -> Manifest:
        """Server-side apply: create the object, or make the fields given here (and no others) ours.

        Args:
            manifest: the fields to own, with apiVersion, kind, name and namespace.
            field_manager: the owner's name.
            force: take fields from other managers instead of failing with ConflictError.
        """

    async def apply_status(
        self, manifest: Manifest, *, field_manager: str = FIELD_MANAGER, force: bool = True
    ) -> Manifest:
        """The same for the `status` subresource."""

    async def patch(self, ref: Ref, patch: Manifest, *, field_manager: str = FIELD_MANAGER) -> Manifest:
        """JSON merge patch of one object; with `metadata.resourceVersion` only if it is still at that version.

        Args:
            ref: the object.
            patch: the fields to change.
            field_manager: the owner's name.

        Raises:
            ConflictError: it changed in between.
        """

    async def delete(
        self,
        ref: Ref,
        *,
        uid: str | None = None,
        resource_version: str | None = None,
        grace_seconds: int | None = None,
    ) -> Manifest | None:
        """Delete one object; what it owns follows in the background.

        Args:
            ref: the object.
            uid: delete only the object with this uid, not its successor of the same name.
            resource_version: delete only the object as it was read.
            grace_seconds: instead of the Pod's own grace period.

        Returns:
            The object where it is ending and still there, as a Pod within its grace period; None where it is gone.

        Raises:
            NotFoundError: it is already gone.
            ConflictError: the uid or the version is another.
        """


class LogClient(KubeClient, Protocol):
    """Reads what containers print too, which people want to see and the operator does not."""

    async def log(self, ref: Ref, container: str, lines: int) -> str:
        """The last lines that a container of a Pod has printed, each after its time and a space.

        Args:
            ref: the Pod.
            container: the container.
            lines: how many.

        Raises:
            NotFoundError: the Pod is not there.
            InvalidError: the container has not started.
        """


async def listed(
    client: KubeClient, kind: Kind, namespace: str | None = None, labels: Mapping[str, str] | None = None
) -> AsyncIterator[Listed]:
    """Read all objects of a kind, page by page."""
    page = await client.list(kind, namespace, labels)
    yield page
    while page.more:
        page = await client.list(kind, namespace, labels, more=page.more)
        yield page
