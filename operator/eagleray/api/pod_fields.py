"""Single fields of Pods that spec has a word for."""

from typing import Annotated

from pydantic import Field

from eagleray.api.base import OBJECT_NAME, ApiModel, Quantity, Rule, matches
from eagleray.api.units import parse_quantity

LEAST_SHARED_MEMORY = "128Mi"

ObjectName = Annotated[
    str,
    Field(max_length=253),
    matches(OBJECT_NAME, "write the object's name: lower-case letters, digits, - and ."),
]
"""The name of an object of Kubernetes."""

SharedMemory = Annotated[
    Quantity,
    Rule(
        f"!isQuantity(string(self)) || quantity(string(self)).compareTo(quantity('{LEAST_SHARED_MEMORY}')) >= 0",
        f"Ray's object store needs sharedMemory of at least {LEAST_SHARED_MEMORY}; write more, or leave it out",
        python=lambda text: parse_quantity(text) >= parse_quantity(LEAST_SHARED_MEMORY),
    ),
]
"""An amount of memory in which Ray's object store has room."""


class CaBundle(ApiModel):
    """A file of certificates in PEM, in the object's namespace."""

    cel_rules = (
        Rule(
            "has(self.configMapName) != has(self.secretName)",
            "write exactly one of caBundle.configMapName and caBundle.secretName",
            python=lambda bundle: (bundle.config_map_name is None) != (bundle.secret_name is None),
        ),
    )

    config_map_name: ObjectName | None = None
    """ConfigMap that has it."""
    secret_name: ObjectName | None = None
    """Secret that has it."""
    key: str | None = Field(None, max_length=253, min_length=1)
    """Its key there; `ca.crt` where it is left out."""
