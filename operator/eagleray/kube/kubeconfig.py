"""Kubeconfig files, read as `kubectl` reads them."""

import os
from dataclasses import dataclass
from pathlib import Path

from kubernetes.aio import config
from kubernetes.aio.client import Configuration

DEFAULT_NAMESPACE = "default"


class KubeconfigError(Exception):
    """There is no kubeconfig, or it does not have what is asked for; the message says where and what to do."""


@dataclass(frozen=True, slots=True)
class Context:
    """One context of a kubeconfig.

    Attributes:
        configuration: host and credentials.
        namespace: the context's namespace.
    """

    configuration: Configuration
    namespace: str


async def load(path: str | None = None, context: str | None = None) -> Context:
    """Load one context.

    Args:
        path: file, or files separated as PATH is; None for KUBECONFIG and then `~/.kube/config`.
        context: name of the context, or None for the current one.

    Raises:
        KubeconfigError: there is no such file or context.
    """
    files = path or os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")
    _require(files)
    configuration = Configuration()
    try:
        loader = await config.load_kube_config(config_file=files, context=context, client_configuration=configuration)
    except config.ConfigException as e:
        raise KubeconfigError(f"kubeconfig {files}: {e}; `kubectl config get-contexts` lists what it has") from e
    return Context(configuration, loader.current_context["context"].get("namespace") or DEFAULT_NAMESPACE)


def _require(files: str) -> None:
    """The library takes files that are not there for empty ones, and fails on the consequences."""
    if not any(Path(part).expanduser().exists() for part in files.split(os.pathsep) if part):
        raise KubeconfigError(f"there is no kubeconfig at {files}; write --kubeconfig, or set KUBECONFIG")
