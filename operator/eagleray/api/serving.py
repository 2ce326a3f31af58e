"""What is served and how requests reach it: the model or application, batching, concurrency and warm-up."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, JsonValue

from eagleray.api.autoscaling import DeploymentAutoscaling
from eagleray.api.base import IMPORT_PATH, ApiModel, PositiveDuration, Preserved, Rule, map_list, matches
from eagleray.api.placement import Placement, ResourceRequirements, Workers
from eagleray.api.runtime_env import check_runtime_env
from eagleray.api.units import parse_duration


class StreamTimeout(ApiModel):
    """How long streams may be silent. With it, `requestTimeout` ends no answer that goes on."""

    cel_rules = (
        Rule(
            "!has(self.firstByte) || !has(self.silence) || duration(self.firstByte) <= duration(self.silence)",
            "silence counts before the first byte too; write a firstByte that is no longer than silence",
            python=lambda s: (
                not (s.first_byte and s.silence) or parse_duration(s.first_byte) <= parse_duration(s.silence)
            ),
        ),
    )

    first_byte: PositiveDuration | None = None
    """Until an answer begins; `requestTimeout` where it is left out, or `silence` where that is less."""
    silence: PositiveDuration | None = None
    """In which nothing passes; `requestTimeout` where it is left out."""


class AppDeployment(ApiModel):
    """One deployment of a Serve application, and the worker group it gets."""

    cel_rules = (
        Rule(
            "!has(self.replicas) || !has(self.autoscaling)",
            "autoscaling sets the number of replicas of this deployment; leave its replicas out",
            field_path=".replicas",
            python=lambda d: d.replicas is None or d.autoscaling is None,
        ),
    )

    name: Annotated[
        str,
        Field(max_length=63),
        matches(
            r"^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$",
            "write the deployment's name as Serve knows it: letters, digits, -, _ and . (it becomes a label's value)",
        ),
    ]
    """Name of the Serve deployment in the application."""
    replicas: int | None = Field(None, ge=1, le=1000)
    """Number of replicas of this deployment; as many as the version has where it and `autoscaling` are left out."""
    resources: ResourceRequirements | None = None
    """Resources of one replica of this deployment; those of the version, as a whole, where they are left out."""
    placement: Placement | None = None
    """Nodes that this deployment's workers run on; those of the version, as a whole, where it is left out."""
    workers: Workers | None = None
    """Pods of this deployment's worker group; those of the version where it, or its `podTemplate`, is left out."""
    autoscaling: DeploymentAutoscaling | None = None
    """Scaling of this deployment by its own load."""
    concurrency: "Concurrency | None" = None
    """Requests in flight per replica of this deployment; what the code says where it is left out."""


class App(ApiModel):
    """A Ray Serve application of your own, inside `image`."""

    import_path: (
        Annotated[
            str,
            Field(max_length=512),
            matches(IMPORT_PATH, "write app.importPath as module:name, for example fraud.app:build"),
        ]
        | None
    ) = None
    """The application, or the function that builds it, as `module:name`."""
    args: Preserved | None = None
    """Arguments of the function that builds the application."""
    grpc_servicers: (
        list[
            Annotated[
                str,
                Field(max_length=512),
                matches(
                    IMPORT_PATH, "write app.grpcServicers as module:function, for example a_pb2_grpc:add_A_to_server"
                ),
            ]
        ]
        | None
    ) = Field(None, min_length=1, max_length=16)
    """Functions that add gRPC servicers to a server, as `module:function`: Serve's `grpc_servicer_functions`. With them
    the application answers gRPC calls, of every kind, and nothing else."""
    runtime_env: Annotated[Preserved, AfterValidator(check_runtime_env)] | None = None
    """Ray's runtime environment of the application: `working_dir` and `py_modules` by URI, `pip`, `uv`, `env_vars`, as
    in Serve's own config file."""
    deployments: Annotated[list[AppDeployment] | None, map_list("name")] = Field(None, min_length=1, max_length=8)
    """Each deployment of the application with its own replicas, resources and placement, in Pods of its own: all of
    them, or none. Where none is named they share the same Pods, and the one that answers requests is scaled."""


class Batching(ApiModel):
    """How single requests are gathered into batches before the model sees them."""

    max_size: int = Field(ge=1, le=65536)
    """Largest number of rows given to the model at once."""
    max_wait: PositiveDuration | None = None
    """Longest time that a request waits for others to share its batch; 10ms where it is left out."""


class Concurrency(ApiModel):
    """How many requests a replica takes, and how many wait for it."""

    max: int | None = Field(None, ge=1, le=100_000)
    """Requests in flight per replica; more wait in the queue."""
    queue: int | None = Field(None, ge=1, le=1_000_000)
    """Requests that may wait; one more is answered with 503 and `Retry-After`."""


class WarmupRequest(ApiModel):
    """A request that a new revision answers before it is given users' requests."""

    path: Annotated[
        str,
        Field(max_length=2048),
        matches(r"^/", "write warmup[].path with a leading slash, for example /v2/models/churn/infer"),
    ]
    """Path of the request."""
    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] | None = None
    """Method; POST with a body and GET without one where it is left out."""
    headers: dict[str, Annotated[str, Field(max_length=4096)]] | None = Field(None, max_length=32)
    """Headers of the request."""
    body: JsonValue = None
    """Body: text is sent as it is, everything else as JSON."""

    @property
    def verb(self) -> str:
        """The method that is used."""
        return self.method or ("GET" if self.body is None else "POST")
