"""Every environment variable of the operator, in one place."""

import os
import re
import socket
from typing import Annotated, Literal

import pydantic_settings
from pydantic import BeforeValidator, Field, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from eagleray.api.model import FRAMEWORKS
from eagleray.api.units import parse_quantity
from eagleray.domain.goals.fleet import Fleet
from eagleray.domain.goals.installation import BASE_IMAGE, MAX_MODEL_BYTES, WITH_GPU_IMAGE, gpu_flavour
from eagleray.domain.goals.pod_defaults import PodDefaults
from eagleray.domain.goals.servers import Servers

PREFIX = "EAGLERAY_"
MAX_DRAIN_SECONDS = 20.0
"""The Pod's grace period is 30 seconds, of which some are for the end of the watches and for giving up the Lease."""

# As pydantic-settings names it.
_FIELD = re.compile(r'field "(\w+)"')
Port = Annotated[int, Field(ge=0, le=65535)]


def _split(text: object) -> object:
    return tuple(dict.fromkeys(part for p in text.split(",") if (part := p.strip()))) if isinstance(text, str) else text


def _servers(text: object) -> object:
    urls = _split(text)
    return Servers.read(urls) if isinstance(urls, tuple) else urls


def _images() -> dict[str, str]:
    names = (BASE_IMAGE, *FRAMEWORKS, *map(gpu_flavour, WITH_GPU_IMAGE))
    variables = {name: f"{PREFIX}{name.upper().replace('-', '_')}_IMAGE" for name in names}
    return {name: os.environ.get(variable) or f"eagleray/{name}" for name, variable in variables.items()}


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]


class SettingsError(ValueError):
    """An environment variable is wrong; the message names it."""


class Settings(BaseSettings):
    """Settings of the operator process: each is `EAGLERAY_<NAME>`, and what is unset or empty keeps its default."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        frozen=True,
        str_strip_whitespace=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )

    watch_namespaces: Names = ()
    """Namespaces to serve; empty for all."""
    namespace: str = "eagleray-system"
    """The operator's own."""
    pod_name: str = Field(default_factory=socket.gethostname)
    """This Pod."""
    lease_name: str = "eagleray-operator"
    """The Lease that operators of one installation share."""
    router_image: str = "eagleray/router"
    """Image of the router Pods."""
    images: Annotated[dict[str, str], NoDecode] = Field(default_factory=_images)
    """Default images of the Ray Pods, see `Installation`; each has a variable of its own, `EAGLERAY_SKLEARN_IMAGE`."""
    image_pull_policy: Literal["", "Always", "IfNotPresent", "Never"] = ""
    """Of the Pods that the operator makes; "" leaves it to Kubernetes."""
    image_pull_secrets: Names = ()
    """Their pull secrets."""
    nodes: Fleet = Field(default_factory=Fleet)
    """What labels, taints and conditions of nodes mean, as JSON."""
    pods: PodDefaults = Field(default_factory=PodDefaults)
    """What holds for every Pod that the operator makes, as JSON."""
    require_sha256: bool = False
    """Whether every model that is fetched must be named by its checksum."""
    allowed_servers: Annotated[Servers, NoDecode, BeforeValidator(_servers)] = Servers()
    """URLs of servers that analysis and autoscaling may ask; empty for any."""
    max_model_size: Annotated[int, BeforeValidator(parse_quantity), Field(ge=1)] = MAX_MODEL_BYTES
    """The most that a model may have, as it is downloaded and unpacked; a quantity."""
    request_log_percent: Annotated[float, Field(ge=0, le=100)] = 100.0
    """Share of the requests that were answered well that routers log."""
    concurrency: Annotated[int, Field(ge=1, le=1000)] = 16
    """How many ModelDeployments are worked on at once."""
    metrics_port: Port = 8080
    """Of `/metrics`; 0 picks a free one."""
    health_port: Port = 8081
    """Of `/healthz` and `/readyz`; 0 picks a free one."""
    resync_seconds: Annotated[float, Field(ge=1, le=86400)] = 600.0
    """Between two lists of everything, whatever the watches say."""
    drain_seconds: Annotated[float, Field(ge=0, le=MAX_DRAIN_SECONDS)] = 15.0
    """How long a stopping operator goes on with what it has in hand."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """A level of the standard library."""


def from_environment() -> Settings:
    """Read the settings.

    Raises:
        SettingsError: a value is not what its setting takes.
    """
    try:
        return Settings()
    except ValidationError as e:
        first = e.errors()[0]
        name, *inside = map(str, first["loc"])
        where = f"{'.'.join(inside)}: " if inside else ""
        raise SettingsError(f"{PREFIX}{name.upper()}: {where}{first['msg']}, but it is {first['input']!r}") from e
    except pydantic_settings.SettingsError as e:
        field = _FIELD.search(str(e))
        raise SettingsError(f"{PREFIX}{field[1].upper() if field else ''}: this is no JSON: {e.__cause__}") from e
