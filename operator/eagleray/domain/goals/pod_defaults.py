"""What a cluster demands of every Pod that the operator makes, as its settings tell it."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

from eagleray.api.env import FIXED_VARIABLES
from eagleray.api.pod_fields import CaBundle
from eagleray.api.pod_template import PodTemplate, RouterPodTemplate

USER_ID = 12345
"""The user of the images; they work with any other."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def _settable(variables: dict[str, str]) -> dict[str, str]:
    for name in variables:
        if not _NAME.fullmatch(name) or name in FIXED_VARIABLES:
            raise ValueError(f"{name!r} is no variable that can be set for all Pods")
    return variables


def _or_none(given: Any) -> Any:  # noqa: ANN401 -- JSON
    return given or None


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)


class PodTemplates(_Settings):
    """Templates that are merged under those of an object."""

    head: Annotated[PodTemplate | None, BeforeValidator(_or_none)] = None
    workers: Annotated[PodTemplate | None, BeforeValidator(_or_none)] = None
    router: Annotated[RouterPodTemplate | None, BeforeValidator(_or_none)] = None


class PodDefaults(_Settings):
    """What holds for every Pod; an object's own word for the same thing wins. It is no content of a revision."""

    run_as_user: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = USER_ID
    """User and group of all containers; None leaves them to the namespace."""
    env: Annotated[dict[str, str], AfterValidator(_settable)] = Field(default_factory=dict)
    """Variables of Ray, downloads and batches, such as those of a proxy."""
    ca_bundle: Annotated[CaBundle | None, BeforeValidator(_or_none)] = None
    """Certificate authorities, in each object's namespace."""
    templates: PodTemplates = Field(default_factory=PodTemplates)
    """Templates of Pods."""

    def identity(self) -> dict[str, int]:
        """The user and the group of a Pod, by Kubernetes' names; nothing where the namespace says it."""
        return {} if self.run_as_user is None else {"runAsUser": self.run_as_user, "runAsGroup": self.run_as_user}
