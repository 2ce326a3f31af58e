"""Where a model is: ready, or why not."""

from dataclasses import dataclass
from enum import StrEnum

from eagleray_serving.errors import InvalidInputError
from eagleray_serving.protocols import VERSION


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


def check_version(name: str, version: str | None) -> None:
    """Refuse a version that no model has.

    Raises:
        InvalidInputError: It is another than the one that every model has.
    """
    if version and version != VERSION:
        message = f"model '{name}' has no version '{version}': leave it out, or ask for '{VERSION}'"
        raise InvalidInputError(message, status=404)
