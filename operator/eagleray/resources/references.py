"""The init container by which replicas tell whether they began with the same values: docs/adr/0027-references.md."""

from importlib.resources import files
from typing import Any

from eagleray.domain.facts.pods import REFERENCES_CONTAINER
from eagleray.domain.goals.references import references_of
from eagleray.domain.goals.revision import Revision
from eagleray.resources.env import references_env, references_env_from
from eagleray.resources.pod import PodSettings, container

_TELL_REFERENCES = files("eagleray.resources").joinpath("tell_references.py").read_text("utf-8")


def references_containers(revision: Revision, pod: PodSettings, resources: dict[str, Any]) -> list[dict[str, Any]]:
    """Build it; none where no variable refers to a Secret or a ConfigMap.

    It comes last: what it sees is what the Ray container sees right after it.

    Args:
        revision: the revision.
        pod: the operator's settings.
        resources: what it may use, as Kubernetes writes them.
    """
    references = references_of(revision.template)
    if not references:
        return []
    # Isolated: neither variables of Python nor packages of the image have a say.
    command = ["python3", "-I", "-S", "-c", _TELL_REFERENCES]
    args = [",".join(reference.variables) for reference in references]
    variables = {"env": references_env(revision), **references_env_from(revision)}
    return [
        container(revision, REFERENCES_CONTAINER, pod, command=command, args=args, resources=resources, **variables)
    ]
