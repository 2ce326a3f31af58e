"""`ModelDeployment`: the object that a user writes."""

import re
from typing import Annotated, Self

from pydantic import Field, ValidationError, model_validator

from eagleray.api.base import ApiModel, Later, Rule, Timestamp, map_list, matches
from eagleray.api.rollout import Rollout
from eagleray.api.router import Router
from eagleray.api.status import ModelDeploymentStatus
from eagleray.api.template import VersionTemplate
from eagleray.api.traffic import Traffic

GROUP = "eagleray.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
KIND = "ModelDeployment"
PLURAL = "modeldeployments"
DEFAULT_VERSION = "default"
NAME_PATTERN = r"^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$"


class Version(VersionTemplate):
    """A named lane with a weight; what it leaves out falls back to the top level."""

    name: Annotated[
        str,
        Field(max_length=20),
        matches(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", "name a version with lower-case letters, digits and -"),
    ]
    """Name of the version."""
    weight: int | None = Field(None, ge=0, le=100)
    """Share of the requests, in percent; the weights of all versions make 100."""


class ModelDeploymentSpec(VersionTemplate):
    """What is served, how much of it, and how requests reach it."""

    cel_rules = (
        Rule(
            "has(self.model) != has(self.app)",
            "write exactly one of model (a saved model) and app (a Ray Serve application of your own)",
            python=lambda spec: bool(spec.versions) or (spec.model is None) != (spec.app is None),
        ),
        Rule(
            "!has(self.model) || has(self.model.uri)",
            "write model.uri, the place of the saved model, for example pvc://models/churn/1",
            field_path=".model",
            python=lambda spec: bool(spec.versions) or spec.model is None or spec.model.uri is not None,
        ),
        Rule(
            "!has(self.batching) || has(self.model)",
            "batching works with model; an app batches in its own code with @serve.batch",
            field_path=".batching",
            python=lambda spec: spec.batching is None or spec.app is None,
        ),
        Rule(
            "!has(self.concurrency) || has(self.model)",
            "concurrency works with model; an app sets max_ongoing_requests and max_queued_requests in its own code",
            field_path=".concurrency",
            python=lambda spec: spec.concurrency is None or spec.app is None,
        ),
    )

    replicas: int = Field(1, ge=0, le=1000)
    """Number of replicas of the model, over all versions that set no number of their own."""
    versions: Annotated[list[Version] | None, Later, map_list("name")] = Field(None, max_length=16)
    """Versions side by side, each with its share of the requests."""
    traffic: Annotated[Traffic | None, Later] = None
    """How requests are shared between versions beyond their weights."""
    rollout: Annotated[Rollout | None, Later] = None
    """How a version moves to a new revision."""
    router: Annotated[Router | None, Later] = None
    """The router in front of the revisions."""
    revision_history_limit: Annotated[int | None, Later] = Field(None, ge=0, le=100)
    """Replaced revisions that are remembered for a rollback."""
    suspend: Annotated[bool | None, Later] = None
    """Takes everything down and keeps the object."""

    def template(self) -> VersionTemplate:
        """Give what the single version of this spec runs, without what belongs to the whole object."""
        return VersionTemplate(**{name: getattr(self, name) for name in VersionTemplate.model_fields})


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


class ModelDeployment(ApiModel):
    """A model, or a Ray Serve application, that Eagleray serves under one URL."""

    cel_rules = (
        Rule(
            f"self.metadata.name.matches('{NAME_PATTERN}')",
            "metadata.name is at most 40 lower-case letters, digits and -, and starts with a letter; "
            "write for example churn-model",
            python=lambda deployment: re.search(NAME_PATTERN, deployment.metadata.name) is not None,
        ),
    )

    api_version: str = API_VERSION
    """`eagleray.dev/v1alpha1`."""
    kind: str = KIND
    """`ModelDeployment`."""
    metadata: ObjectMeta
    """Name, namespace, labels and annotations."""
    spec: ModelDeploymentSpec
    """What is served, how much of it, and how requests reach it. Yours: the operator never writes it."""
    status: ModelDeploymentStatus = Field(default_factory=ModelDeploymentStatus)
    """What the operator sees."""

    @model_validator(mode="before")
    @classmethod
    def _status_may_be_absent(cls, data: object) -> object:
        if isinstance(data, dict) and "status" in data and data["status"] is None:
            return {key: value for key, value in data.items() if key != "status"}
        return data

    def with_status(self, status: ModelDeploymentStatus) -> Self:
        """Give the same object with another status."""
        return self.model_copy(update={"status": status})


def explain(error: ValidationError) -> str:
    """Say what is wrong with an object in one line, field by field: `spec.replicas: Input should be …`."""
    problems = []
    for problem in error.errors(include_url=False, include_context=False, include_input=False):
        path = ".".join(str(part) for part in problem["loc"]) or "object"
        problems.append(f"{path}: {problem['msg'].removeprefix('Value error, ')}")
    return "; ".join(problems)
