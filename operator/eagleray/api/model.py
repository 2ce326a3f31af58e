"""A model without code: where it lies, what it takes and answers."""

import re
from typing import Annotated, Literal, get_args

from pydantic import Field

from eagleray.api.base import (
    IMPORT_PATH,
    ApiModel,
    Preserved,
    Quantity,
    Rule,
    map_list,
    matches,
)
from eagleray.api.units import parse_quantity

# Of `models`: patterns of the schema, since the cost of as many rules is more than an API server takes.
_MODEL_NAME = r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$"
_MODEL_URI = r"^(pvc://[a-z0-9][-a-z0-9.]*/[^/]|file:///|(https?|s3|gs|az|hf|oci)://[^/?#@]+([/?#]|$))"
_SHA256 = r"^[0-9a-f]{64}$"
_USER = "^[^/]*//[^/?#]*@"
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
    Rule(
        f"!self.matches('{_USER}')",
        "everybody could read a user and a password in model.uri; write them into the Secret that model.credentials "
        "names",
        python=lambda uri: re.search(_USER, uri) is None,
    ),
)


class Credentials(ApiModel):
    """Where the secret to download a model comes from."""

    secret_name: str = Field(min_length=1, max_length=253)
    """Secret in the object's namespace, whose entries are variables of the download and of nothing else (for S3:
    `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, and where it is another store `AWS_ENDPOINT_URL`; for https:
    `HTTP_USERNAME`, `HTTP_PASSWORD`, and `HTTP_HOST`, the host that they are for)."""


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


class NamedModel(ApiModel):
    """One of several models."""

    name: str = Field(max_length=63, pattern=_MODEL_NAME)
    """Its name in paths."""
    uri: str = Field(max_length=1024, pattern=_MODEL_URI)
    """Where it lies, as in `model.uri`."""
    sha256: str | None = Field(None, max_length=64, pattern=_SHA256)
    """SHA-256 of the file behind `uri`."""


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
            "!has(self.models) || !has(self.uri) && !has(self.sha256)",
            "each of model.models has its own uri and sha256; leave model.uri and model.sha256 out",
            field_path=".models",
            python=lambda m: m.models is None or (m.uri is None and m.sha256 is None),
        ),
        Rule(
            "!has(self.memory) || has(self.models) && quantity(string(self.memory)).compareTo(quantity('1Mi')) >= 0",
            "model.memory is for model.models; write at least 1Mi, or leave it out",
            field_path=".memory",
            python=lambda m: m.memory is None or (m.models is not None and parse_quantity(m.memory) >= 2**20),
        ),
        Rule(
            "(!has(self.uri) || !self.uri.startsWith('http://') || has(self.sha256)) && "
            "(!has(self.models) || self.models.all(m, !m.uri.startsWith('http://') || has(m.sha256)))",
            "what http:// sends can be changed on its way; write sha256 beside its uri, or https://",
            python=lambda m: all(sha256 or not uri.startswith("http://") for uri, sha256 in m.pins),
        ),
        Rule(
            "!has(self.cache) || has(self.sha256) || has(self.models) && self.models.all(m, has(m.sha256))",
            "model.cache keeps downloads by their checksum; write sha256 beside each uri, or leave cache out",
            field_path=".cache",
            python=lambda m: m.cache is None or all(sha256 for _, sha256 in m.pins),
        ),
        Rule(
            "!has(self.cache) || !has(self.uri) || !self.uri.matches('^(pvc|file)://')",
            "model.cache is for what is downloaded, and pvc:// and file:// are not; leave cache out",
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
                _SHA256,
                "write model.sha256 as 64 lower-case hexadecimal digits, as sha256sum prints them",
            ),
        ]
        | None
    ) = None
    """SHA-256 of the file behind `uri`: of what is loaded, which is a copy that no other Pod can change."""
    class_: (
        Annotated[
            str,
            Field(max_length=512),
            matches(IMPORT_PATH, "write model.class as module:Class, for example networks:SimpleCNN"),
        ]
        | None
    ) = Field(None, alias="class")
    """Class in your image, as `module:Class`, of which the file holds the weights (`torch`: a `state_dict`)."""
    args: Preserved | None = None
    """Keyword arguments of `class`."""
    models: Annotated[list[NamedModel], map_list("name")] | None = Field(None, min_length=1, max_length=500)
    """Several models of one `framework`, in place of `uri`, each asked by its name and loaded then."""
    memory: Quantity | None = None
    """The most memory that loaded `models` take in a replica; half of the replica's where it is left out."""
    transform: (
        Annotated[
            str,
            Field(max_length=512),
            matches(IMPORT_PATH, "write model.transform as module:function, for example features:transform"),
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

    @property
    def shown(self) -> str | None:
        """The URI without its query, which may be a signature."""
        return self.uri and re.split("[?#]", self.uri, maxsplit=1)[0]

    @property
    def pins(self) -> tuple[tuple[str, str | None], ...]:
        """The URI of each model, and its checksum if it has one."""
        one = [(self.uri, self.sha256)] if self.uri else []
        return tuple([(each.uri, each.sha256) for each in self.models] if self.models else one)

    @property
    def uris(self) -> tuple[str, ...]:
        """The URI of each model."""
        return tuple(uri for uri, _ in self.pins)
