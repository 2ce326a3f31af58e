"""The metadata of an object, as far as the operator reads it."""

from pydantic import Field

from eagleray.api.base import ApiModel, Timestamp


class ObjectMeta(ApiModel):
    """The parts of an object's metadata that the operator reads."""

    name: str
    """Name of the object."""
    namespace: str = "default"
    """Namespace of the object."""
    uid: str = ""
    """Identity of the object; another object of the same name has another one."""
    generation: int = 0
    """Counts the changes of `spec`."""
    resource_version: str = ""
    """State of the object that was read."""
    creation_timestamp: Timestamp | None = None
    """When the object was created."""
    deletion_timestamp: Timestamp | None = None
    """When the object was deleted, while its children still go."""
    labels: dict[str, str] = Field(default_factory=dict)
    """Labels of the object."""
    annotations: dict[str, str] = Field(default_factory=dict)
    """Annotations of the object."""
