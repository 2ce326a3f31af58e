"""Where a model computes, and in how many threads."""

import os

from eagleray_serving.errors import ModelLoadError

DEVICE = "EAGLERAY_DEVICE"
"""The variable that says where models compute: ``gpu``, which the operator writes where replicas have one, or CPUs."""


THREADS = "OMP_NUM_THREADS"
"""The variable that says in how many threads models compute: Ray writes the replica's CPUs, unless ``env`` does."""
_JOBLIB_THREADS = "LOKY_MAX_CPU_COUNT"


def threads() -> int:
    """How many threads a model computes in. Libraries count the CPUs of the node, of which a replica has a few.

    Raises:
        ModelLoadError: The variable is no number.
    """
    told = (os.environ.get(THREADS) or str(os.cpu_count() or 1)).split(",")[0]  # OpenMP takes one for each level
    if not told.isascii() or not told.isdigit() or int(told) < 1:
        raise ModelLoadError(f"{THREADS} is {told!r}; write a number of threads from 1 in env, or leave it out")
    return int(told)


def bound_joblib() -> None:
    """Have joblib count as many CPUs, for estimators of scikit-learn and LightGBM that were trained on all (n_jobs=-1).

    Raises:
        ModelLoadError: As `threads`.
    """
    os.environ.setdefault(_JOBLIB_THREADS, str(threads()))


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
