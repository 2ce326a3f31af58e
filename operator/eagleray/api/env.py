"""Environment variables, as in a Pod."""

from typing import Annotated, Any

from pydantic import Field, WithJsonSchema

from eagleray.api.base import ApiModel, Rule, matches

FIXED_VARIABLES = (
    # Ray's nodes find each other by the first, and the operator tells by the second which Pod a node runs in.
    "POD_IP",
    "RAY_CLOUD_INSTANCE_ID",
    # Without the token Ray takes requests of everybody; with another its Pods refuse each other.
    "RAY_AUTH_MODE",
    "RAY_AUTH_TOKEN",
    # Replicas listen themselves, at the ports that the router knows.
    "RAY_SERVE_ENABLE_DIRECT_INGRESS",
    "RAY_SERVE_ENABLE_HA_PROXY",
    "RAY_SERVE_DIRECT_INGRESS_MIN_HTTP_PORT",
    "RAY_SERVE_DIRECT_INGRESS_MAX_HTTP_PORT",
    "RAY_SERVE_DIRECT_INGRESS_MIN_GRPC_PORT",
    "RAY_SERVE_DIRECT_INGRESS_MAX_GRPC_PORT",
)
"""Variables that the operator sets in every Ray Pod, and nobody else: with another value nothing would answer."""

_FIXED = ",".join(f'"{name}"' for name in FIXED_VARIABLES)


def _text(description: str, longest: int = 253) -> dict[str, Any]:
    return {"type": "string", "maxLength": longest, "description": description}


def _object(description: str, required: tuple[str, ...], **properties: dict[str, Any]) -> dict[str, Any]:
    needed = {"required": [*required]} if required else {}
    return {"type": "object", "description": description, "properties": properties, **needed}


def _key_of(kind: str) -> dict[str, Any]:
    return _object(
        f"A key of a {kind} in the object's namespace.",
        ("name", "key"),
        name=_text(f"Name of the {kind}."),
        key=_text("Key inside it."),
        optional={"type": "boolean", "description": "Whether the Pods start without it."},
    )


_SOURCES = {
    "secretKeyRef": _key_of("Secret"),
    "configMapKeyRef": _key_of("ConfigMap"),
    "fieldRef": _object(
        "A field of the Pod.",
        ("fieldPath",),
        fieldPath=_text("Path of the field, such as `metadata.name`.", 512),
        apiVersion=_text("Version of the Pod's schema.", 16),
    ),
    "resourceFieldRef": _object(
        "A request or limit of the container.",
        ("resource",),
        resource=_text("Name of the resource, such as `limits.memory`."),
        containerName=_text("Name of the container.", 63),
        divisor=_text("Unit of the value, such as `1Mi`.", 32),
    ),
}

EnvVarSource = Annotated[
    dict[str, Any],
    WithJsonSchema(_object("Where a value comes from.", (), **_SOURCES)),
    Rule(
        f"[{', '.join(f'has(self.{name})' for name in _SOURCES)}].filter(given, given).size() == 1",
        f"write exactly one of {', '.join([*_SOURCES][:-1])} and {[*_SOURCES][-1]}",
        python=lambda source: len(source) == 1,
    ),
]
"""Where a value comes from: checked by the CRD, handed through to the Pod as it is."""


class EnvSource(ApiModel):
    """A Secret or a ConfigMap in the object's namespace."""

    name: str = Field(max_length=253)
    """Its name."""
    optional: bool | None = None
    """Whether the Pods start without it."""


class EnvFromSource(ApiModel):
    """A Secret or a ConfigMap whose entries are variables."""

    cel_rules = (
        Rule(
            "has(self.secretRef) != has(self.configMapRef)",
            "write exactly one of secretRef and configMapRef",
            python=lambda source: (source.secret_ref is None) != (source.config_map_ref is None),
        ),
    )

    prefix: str | None = Field(None, max_length=253)
    """Put in front of the names of its entries."""
    secret_ref: EnvSource | None = None
    """The Secret."""
    config_map_ref: EnvSource | None = None
    """The ConfigMap."""


class EnvVar(ApiModel):
    """An environment variable of the model's container."""

    cel_rules = (
        Rule(
            "!(has(self.value) && has(self.valueFrom))",
            "write value or valueFrom, not both",
            python=lambda env: env.value is None or env.value_from is None,
        ),
    )

    name: Annotated[
        str,
        Field(max_length=253),
        matches(r"^[A-Za-z_][A-Za-z0-9_]*$", "name a variable with letters, digits and _, a letter or _ first"),
        Rule(
            f"!(self in [{_FIXED}])",
            "the operator sets this variable itself, as Pods find and trust each other by it; leave it out",
            python=lambda name: name not in FIXED_VARIABLES,
        ),
    ]
    """Name of the variable."""
    value: str | None = Field(None, max_length=32768)
    """Its value."""
    value_from: EnvVarSource | None = None
    """Where the value comes from, as in a Pod."""
