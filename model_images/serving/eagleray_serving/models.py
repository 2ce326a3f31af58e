"""What a server needs to know of its models: one, or several that are loaded when they are asked."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from eagleray_serving.errors import InvalidInputError
from eagleray_serving.protocols import VERSION

if TYPE_CHECKING:
    from eagleray_serving.service import Service


class Phase(StrEnum):
    """Where a model is."""

    READY = "READY"
    LOADING = "LOADING"
    UNLOADED = "UNLOADED"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class ModelState:
    """Where a model is, and why.

    Args:
        name: Its name in paths.
        phase: Where it is.
        reason: What went wrong; empty where nothing did.
    """

    name: str
    phase: Phase
    reason: str = ""

    @property
    def ready(self) -> bool:
        """Whether it is answered when it is asked; one that is not loaded is loaded then."""
        return self.phase is not Phase.FAILED


class Models(Protocol):
    """The models of a server."""

    @property
    def names(self) -> tuple[str, ...]:
        """Their names in paths."""

    @property
    def healthy(self) -> bool:
        """Whether requests are being answered."""

    def asked(self, name: str, version: str | None = None) -> AbstractAsyncContextManager["Service"]:
        """The model that a request is for, which stays loaded until the request has its answer.

        Args:
            name: The name of the model.
            version: Its version; None or empty for any.

        Raises:
            InvalidInputError: There is no such model, or no such version of it.
            ModelFailureError: It cannot be loaded.
            ServerStoppingError: The replica is stopping.
        """

    def state(self, name: str, version: str | None = None) -> ModelState:
        """Where a model is; asking loads nothing.

        Raises:
            InvalidInputError: As `asked`.
        """

    async def close(self) -> None:
        """Finish what is queued, then stop."""


def check_version(name: str, version: str | None) -> None:
    """Refuse a version that no model has.

    Raises:
        InvalidInputError: It is another than the one that every model has.
    """
    if version and version != VERSION:
        message = f"model '{name}' has no version '{version}': leave it out, or ask for '{VERSION}'"
        raise InvalidInputError(message, status=404)
