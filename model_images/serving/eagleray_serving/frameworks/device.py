"""Where a model computes."""

import os

from eagleray_serving.errors import ModelLoadError

DEVICE = "EAGLERAY_DEVICE"
"""The variable that says where models compute: ``gpu``, which the operator writes where replicas have one, or CPUs."""


def on_gpu() -> bool:
    """Whether the replica has a GPU, or a share of one, that its model is to use."""
    return os.environ.get(DEVICE) == "gpu"


def cannot_use(framework: str, found: str, why: str) -> ModelLoadError:
    """The error where there is a GPU that goes unused: it costs as much as one that computes.

    Args:
        framework: As ``model.framework`` names it.
        found: The library and its version.
        why: What it lacks.
    """
    return ModelLoadError(
        f"the replica has a GPU that {found} cannot use ({why}): use an image for GPUs (eagleray/{framework}-gpu), ask "
        f"for no GPU, or write {DEVICE}: cpu in env to compute on CPUs all the same"
    )
