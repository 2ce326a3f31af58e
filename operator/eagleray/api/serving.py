"""What is served and how requests reach it: the model or application, batching, concurrency and warm-up."""

import re
from typing import Annotated, Literal, get_args

from pydantic import Field, JsonValue

from eagleray.api.autoscaling import DeploymentAutoscaling
from eagleray.api.base import ApiModel, Later, PositiveDuration, Preserved, Rule, map_list, matches
from eagleray.api.placement import Placement, ResourceRequirements, Workers

_IMPORT_PATH = r"^[A-Za-z_][A-Za-z0-9_]*([.][A-Za-z_][A-Za-z0-9_]*)*:[A-Za-z_][A-Za-z0-9_.]*$"
_PVC = r"^pvc://[a-z0-9]([-a-z0-9.]*[a-z0-9])?/[^/]"

MODEL_RULES = (
    matches(
        r"^(pvc|file|https?|s3|gs|az|hf|oci)://.+",
        "model.uri starts with pvc://, file://, http(s)://, s3://, gs://, az://, hf:// or oci://; "
        "write for example pvc://models/churn/1",
    ),
    Rule(
        f"!self.startsWith('pvc://') || self.matches('{_PVC}')",
        "write a model on a volume as pvc://<claim>/<path>, for example pvc://models/churn/1",
        python=lambda uri: not uri.startswith("pvc://") or re.search(_PVC, uri) is not None,
    ),
    Rule(
        "!self.startsWith('file://') || self.startsWith('file:///')",
        "write a model in the image as file:///<absolute path>, for example file:///models/churn",
        python=lambda uri: not uri.startswith("file://") or uri.startswith("file:///"),
    ),
    Rule(
        "!self.matches('(^|/)[.][.](/|$)')",
        "model.uri goes down only; write the path without ..",
        python=lambda uri: ".." not in uri.split("/"),
    ),
)


class Credentials(ApiModel):
    """Where the secret to download a model comes from."""

    secret_name: str = Field(min_length=1, max_length=253)
    """Secret in the object's namespace, whose entries are variables of the download and of nothing else (for S3:
    `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, and where it is another store `AWS_ENDPOINT_URL`)."""


class ModelCache(ApiModel):
    """A volume that keeps downloads, so that further Pods and revisions need not download the same again."""

    claim_name: str = Field(min_length=1, max_length=253)
    """PersistentVolumeClaim in the object's namespace; one that can be written on several nodes where Pods run on
    several. Nothing is removed from it."""


Datatype = Literal[
    "BOOL", "BYTES", "FP16", "FP32", "FP64", "INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64"
]
"""Names of the Open Inference Protocol."""


class TensorSignature(ApiModel):
    """One input of a model."""

    cel_rules = (
        Rule(
            "self.shape[0] == -1",
            "the first size of a shape counts the rows of a request: write -1 there, for example [-1, 3, 32, 32]",
            field_path=".shape",
            python=lambda t: t.shape[0] == -1,
        ),
    )

    name: str = Field(min_length=1, max_length=253)
    """Name of the tensor or column."""
    datatype: Datatype
    """Data type as the Open Inference Protocol names it, such as `FP32`; `BYTES` is text."""
    shape: list[Annotated[int, Field(ge=-1, le=2**31 - 1)]] = Field(min_length=1, max_length=8)
    """Shape, the rows first; -1 stands for any size."""


class Signature(ApiModel):
    """What a model takes, where it does not tell itself: each request is checked against it."""

    cel_rules = (
        Rule(
            "self.inputs.all(i, i.shape.size() == 1) || self.inputs.all(i, i.datatype != 'BYTES')",
            "inputs of text are columns of shape [-1], and so is what is beside them; tensors hold numbers",
            field_path=".inputs",
            python=lambda s: all(len(i.shape) == 1 for i in s.inputs) or all(i.datatype != "BYTES" for i in s.inputs),
        ),
    )

    inputs: Annotated[list[TensorSignature], map_list("name")] = Field(min_length=1, max_length=256)
    """Columns, where there are several of shape `[-1]` or one of text; else what a row is: one tensor, or one of each,
    in the order of the arguments of a PyTorch module."""


Framework = Literal["lightgbm", "onnx", "sklearn", "torch", "xgboost"]
FRAMEWORKS: tuple[str, ...] = get_args(Framework)
"""What is served without code; each has an image of its own."""


class Model(ApiModel):
    """A saved model that the operator serves without code of yours."""

    cel_rules = (
        Rule(
            "!has(self.class) || !has(self.framework) || self.framework == 'torch'",
            "model.class is for framework torch, whose files may hold weights alone; leave it out",
            field_path=".class",
            python=lambda m: m.class_ is None or m.framework in {None, "torch"},
        ),
        Rule(
            "!has(self.args) || has(self.class)",
            "model.args are the arguments of model.class; write it, or leave args out",
            field_path=".args",
            python=lambda m: m.args is None or m.class_ is not None,
        ),
        Rule(
            "!has(self.cache) || has(self.sha256)",
            "model.cache keeps downloads by their checksum; write model.sha256, or leave cache out",
            field_path=".cache",
            python=lambda m: m.cache is None or m.sha256 is not None,
        ),
        Rule(
            "!has(self.cache) || !has(self.uri) || !self.uri.matches('^(pvc|file)://')",
            "model.cache is for what is downloaded, and pvc:// and file:// are used in place; leave cache out",
            field_path=".cache",
            python=lambda m: m.cache is None or m.uri is None or not m.uri.startswith(("pvc://", "file://")),
        ),
    )

    framework: Framework | None = None
    """What saved the model. `sklearn`: an estimator or a pipeline, pickled or dumped with joblib. `lightgbm`: a booster
    as text (`.txt`, `.lgb`), or a pickled estimator. `xgboost`: a model as JSON or UBJSON, or a pickled estimator.
    `onnx`: a model that takes columns, or one tensor a row. `torch`: TorchScript, an exported program (`.pt2`), or the
    weights of `class`."""
    uri: Annotated[str, Field(max_length=2048), *MODEL_RULES] | None = None
    """Where the model lies: `pvc://<claim>/<path>`, `file:///<path in the image>`, `http://`, `https://`,
    `s3://<bucket>/<key>`, `gs://<bucket>/<object>`, `az://<container>/<blob>`,
    `hf://<owner>/<repository>[@<revision>]/<path>`; a file, a folder with one model file, or an archive. Or
    `oci://<registry>/<repository>:<tag>` (or `@sha256:<digest>`), an artifact or an image with `/models`."""
    sha256: (
        Annotated[
            str,
            Field(max_length=64),
            matches(
                r"^[0-9a-f]{64}$",
                "write model.sha256 as 64 lower-case hexadecimal digits, as sha256sum prints them",
            ),
        ]
        | None
    ) = None
    """SHA-256 of the file behind `uri`; a file that differs is never loaded."""
    class_: (
        Annotated[
            str,
            Field(max_length=512),
            matches(_IMPORT_PATH, "write model.class as module:Class, for example networks:SimpleCNN"),
        ]
        | None
    ) = Field(None, alias="class")
    """Class in your image, as `module:Class`, of which the file holds the weights (`torch`: a `state_dict`)."""
    args: Preserved | None = None
    """Keyword arguments of `class`."""
    transform: (
        Annotated[
            str,
            Field(max_length=512),
            matches(_IMPORT_PATH, "write model.transform as module:function, for example features:transform"),
        ]
        | None
    ) = None
    """Function around the model, as `module:function`, in `module.py` of the model's folder or in your image. It is
    called with rows and the model's `predict`, and returns what that does."""
    credentials: Credentials | None = None
    """Where the secret for the download comes from."""
    cache: ModelCache | None = None
    """Where downloads are kept for the next Pod; it needs `sha256`."""
    signature: Signature | None = None
    """What it takes, where the model does not tell or tells less."""
    output: Literal["Labels", "Probabilities", "Both"] | None = None
    """What a classifier answers with: its labels, unless told, its probabilities, or both."""


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
    """Pods of this deployment's worker group; those of the version where it is left out."""
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
            matches(_IMPORT_PATH, "write app.importPath as module:name, for example fraud.app:build"),
        ]
        | None
    ) = None
    """The application, or the function that builds it, as `module:name`."""
    args: Preserved | None = None
    """Arguments of the function that builds the application."""
    runtime_env: Annotated[Preserved | None, Later] = None
    """Ray runtime environment of the application."""
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
