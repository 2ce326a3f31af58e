"""`ModelDeployment`: the object that a user writes."""

import re
from dataclasses import dataclass
from typing import Annotated, Self

from pydantic import Field, ValidationError, model_validator
from pydantic.alias_generators import to_snake

from eagleray.api.base import ApiModel, Later, PositiveDuration, Rule, map_list, matches
from eagleray.api.object_meta import ObjectMeta
from eagleray.api.rollout import Rollout
from eagleray.api.router import Router
from eagleray.api.serving import StreamTimeout
from eagleray.api.status import ModelDeploymentStatus
from eagleray.api.template import VersionTemplate, merged
from eagleray.api.traffic import Traffic
from eagleray.api.version_names import DEFAULT_VERSION, NAMED_VERSIONS

GROUP = "eagleray.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
KIND = "ModelDeployment"
PLURAL = "modeldeployments"
NAME_PATTERN = r"^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$"
LONGEST = 47


class Version(VersionTemplate):
    """A named lane with a weight; what it leaves out falls back to the top level."""

    name: Annotated[
        str,
        Field(max_length=20),
        matches(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", "name a version with lower-case letters, digits and -"),
    ]
    """Name of the version."""
    weight: int = Field(ge=0, le=100)
    """Share of the requests, in percent; the weights of all versions make 100. With 0 it runs and can be asked by
    name."""
    request_timeout: Annotated[PositiveDuration | None, Later] = None
    """Longest time for one request, retries included; the top level's counts for every version."""


def _each(rule: str) -> str:
    """A CEL rule about `v`, for each version."""
    return f"!has(self.versions) || self.versions.all(v, {rule})"


def _no_app_has(field: str) -> str:
    """A CEL term: neither the top level's app nor a version's has the field."""
    own = f"self.versions.all(v, !has(v.app) || !has(v.app.{field}))"
    return f"!(has(self.app) && has(self.app.{field})) && (!has(self.versions) || {own})"


def _an_app_has(spec: "ModelDeploymentSpec", name: str) -> bool:
    return any(lane.template.app and getattr(lane.template.app, name) for lane in spec.lanes())


_EXAMPLES = {"uri": "pvc://models/churn/1", "framework": "sklearn", "importPath": "fraud.app:build"}


def _complete(kind: str, field: str, *others: str) -> Rule:
    """A field, or another in its place, that each version has in the end; no schema can require it in both places."""
    top, own = (
        f"has({where}) && ({' || '.join(f'has({where}.{name})' for name in (field, *others))})"
        for where in (f"self.{kind}", f"v.{kind}")
    )
    names = [to_snake(name) for name in (field, *others)]

    def has_it(spec: "ModelDeploymentSpec") -> bool:
        parts = (getattr(lane.template, kind) for lane in spec.lanes())
        return all(part is None or any(getattr(part, name) is not None for name in names) for part in parts)

    return Rule(
        f"has(self.versions) ? self.versions.all(v, !has(self.{kind}) && !has(v.{kind}) || ({top}) || ({own}))"
        f" : !has(self.{kind}) || ({top})",
        f"write {kind}.{field}, for example {_EXAMPLES[field]}, for each version or at the top level",
        field_path=f".{kind}",
        python=has_it,
    )


class ModelDeploymentSpec(VersionTemplate):
    """What is served, how much of it, and how requests reach it."""

    cel_rules = (
        Rule(
            "has(self.versions) || has(self.model) != has(self.app)",
            "write exactly one of model (a saved model) and app (a Ray Serve application of your own)",
            python=lambda spec: bool(spec.versions) or (spec.model is None) != (spec.app is None),
        ),
        Rule(
            _each("(has(self.model) || has(v.model)) != (has(self.app) || has(v.app))"),
            "write exactly one of model and app for each version, in the version or at the top level",
            field_path=".versions",
            python=lambda spec: all((t.model is None) != (t.app is None) for t in spec.templates()),
        ),
        _complete("model", "framework"),
        _complete("model", "uri", "models"),
        _complete("app", "importPath"),
        Rule(
            "!has(self.batching) || !has(self.app)",
            "batching works with model; an app batches in its own code with @serve.batch",
            field_path=".batching",
            python=lambda spec: spec.batching is None or spec.app is None,
        ),
        Rule(
            "!has(self.concurrency) || !has(self.app)",
            "concurrency works with model; an app sets max_ongoing_requests and max_queued_requests in its own code",
            field_path=".concurrency",
            python=lambda spec: spec.concurrency is None or spec.app is None,
        ),
        Rule(
            "!has(self.answers) || !has(self.app)",
            "answers works with model; an app keeps answers in its own code",
            field_path=".answers",
            python=lambda spec: spec.answers is None or spec.app is None,
        ),
        Rule(
            _each(
                "!(has(self.app) || has(v.app)) || !(has(self.batching) || has(v.batching) || has(self.concurrency)"
                " || has(v.concurrency) || has(self.answers) || has(v.answers))"
            ),
            "batching, concurrency and answers work with model; an app sets them in its own code",
            field_path=".versions",
            python=lambda spec: all(
                t.app is None or t.batching is t.concurrency is t.answers is None for t in spec.templates()
            ),
        ),
        Rule(
            f"!has(self.rollout) || !has(self.rollout.maxSurge) || {_no_app_has('deployments')}",
            "maxSurge counts the replicas of one worker group; leave it out with app.deployments",
            field_path=".rollout",
            python=lambda spec: not (spec.rollout and spec.rollout.max_surge) or not _an_app_has(spec, "deployments"),
        ),
        Rule(
            "!has(self.autoscaling) || self.replicas == 1",
            "autoscaling sets the number of replicas; leave replicas out, and write autoscaling.minReplicas",
            field_path=".replicas",
            python=lambda spec: spec.autoscaling is None or spec.replicas == 1,
        ),
        Rule(
            _each("!has(v.replicas) || !has(self.autoscaling) && !has(v.autoscaling)"),
            "autoscaling sets the number of replicas of this version; leave its replicas out",
            field_path=".versions",
            python=lambda spec: all(t.replicas is None or t.autoscaling is None for t in spec.templates()),
        ),
        Rule(
            "!has(self.versions) || self.versions.map(v, v.weight).sum() == 100",
            "the weights of all versions make 100; write what each is to get, in percent",
            field_path=".versions",
            python=lambda spec: not spec.versions or sum(v.weight for v in spec.versions) == 100,
        ),
        *NAMED_VERSIONS,
        Rule(
            "!has(self.traffic) || !has(self.traffic.mirror) || !has(self.traffic.mirror.compare)"
            f" || !self.traffic.mirror.compare || {_no_app_has('grpcServicers')}",
            "answers of a gRPC service are not compared; leave traffic.mirror.compare out with app.grpcServicers",
            field_path=".traffic.mirror",
            python=lambda spec: (
                not (spec.traffic and spec.traffic.mirror and spec.traffic.mirror.compare)
                or not _an_app_has(spec, "grpc_servicers")
            ),
        ),
    )

    replicas: int = Field(1, ge=0, le=1000)
    """Number of replicas of the model, over all versions that set no number of their own: shared by weight, at least
    one each."""
    stream_timeout: StreamTimeout | None = None
    """What bounds answers that come in parts, in place of `requestTimeout`."""
    versions: Annotated[list[Version] | None, map_list("name")] = Field(None, min_length=1, max_length=8)
    """Versions side by side, each with its share of the requests; without any there is one, called `default`."""
    traffic: Traffic | None = None
    """How requests are shared between versions beyond their weights."""
    rollout: Rollout | None = None
    """How a version moves to a new revision."""
    router: Router | None = None
    """The router in front of the revisions."""
    revision_history_limit: int | None = Field(None, ge=0, le=20)
    """Replaced revisions that are remembered for a rollback; 10 where it is left out."""
    suspend: bool | None = None
    """Takes everything down but the router, and keeps the object; requests are answered with 503."""

    def lanes(self) -> tuple["Lane", ...]:
        """Give every version with what it runs, what it leaves out taken from the top level."""
        top = VersionTemplate(**{name: getattr(self, name) for name in VersionTemplate.model_fields})
        if not self.versions:
            return (Lane(DEFAULT_VERSION, 100, None, top),)
        return tuple(Lane(v.name, v.weight, v.replicas, merged(top, v)) for v in self.versions)

    def templates(self) -> tuple[VersionTemplate, ...]:
        """Give what each of `versions` runs."""
        return tuple(lane.template for lane in self.lanes()) if self.versions else ()


@dataclass(frozen=True, slots=True)
class Lane:
    """A version, resolved.

    Attributes:
        name: its name.
        weight: its share of the requests, in percent.
        replicas: its own number of replicas, or None where it takes part in the top level's.
        template: what it runs.
    """

    name: str
    weight: int
    replicas: int | None
    template: VersionTemplate


class ModelDeployment(ApiModel):
    """A model, or a Ray Serve application, that Eagleray serves under one URL."""

    cel_rules = (
        Rule(
            f"self.metadata.name.matches('{NAME_PATTERN}')",
            "metadata.name is at most 40 lower-case letters, digits and -, and starts with a letter; "
            "write for example churn-model",
            python=lambda deployment: re.search(NAME_PATTERN, deployment.metadata.name) is not None,
        ),
        Rule(
            "!has(self.spec.versions) ||"
            f" self.spec.versions.all(v, size(self.metadata.name) + size(v.name) <= {LONGEST})",
            f"the names of the object and of each version are {LONGEST} characters together at most, as Pods are called"
            " after both; write a shorter version name",
            field_path=".spec.versions",
            python=lambda deployment: all(
                len(deployment.metadata.name) + len(v.name) <= LONGEST for v in deployment.spec.versions or []
            ),
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
