"""Why a Pod does not do its work, in words that a person can act on."""

import json

from eagleray.api.conditions import Reason
from eagleray.domain.facts.pods import Container, Pod
from eagleray.domain.facts.problem import Problem
from eagleray.domain.facts.text import clean, last_line

_IMAGE_REASONS = {
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "ErrImageNeverPull",
    "ImageInspectError",
}
_CONFIG_REASONS = {"CreateContainerConfigError", "CreateContainerError", "RunContainerError"}
_OUT_OF_MEMORY = "OOMKilled"
FETCH_CONTAINER = "fetch"


def pod_problem(pod: Pod) -> Problem | None:
    """Name what is wrong with `pod`, or None while all is as it should be."""
    if pod.unschedulable:
        return Problem(Reason.UNSCHEDULABLE, f"Pod {pod.name} fits on no node: {clean(pod.unschedulable)}")
    if pod.terminated and pod.reason:
        return Problem(Reason.POD_FAILED, f"Pod {pod.name}: {clean(pod.reason)}")
    for container in pod.containers:
        if problem := _container_problem(pod, container):
            return problem
    if pod.warning:
        return Problem(Reason.POD_NOT_STARTED, f"Pod {pod.name} does not start: {clean(pod.warning)}")
    if pod.phase == "Failed":
        return Problem(Reason.CONTAINER_CRASHED, f"Pod {pod.name} failed and left no reason")
    return None


def _container_problem(pod: Pod, container: Container) -> Problem | None:
    where = f"Pod {pod.name}, container {container.name}"
    if container.waiting:
        reason, message = container.waiting
        if reason in _IMAGE_REASONS:
            return Problem(Reason.IMAGE_PULL_FAILED, f"{where}: {reason}: {clean(message)}; check spec.image")
        if reason in _CONFIG_REASONS:
            return Problem(Reason.CONTAINER_CONFIG_ERROR, f"{where}: {reason}: {clean(message)}")
    # A sidecar that was started again keeps the exit code of its last end.
    if not container.exit_code or container.running:
        return None
    if container.reason == _OUT_OF_MEMORY:
        return Problem(
            Reason.OUT_OF_MEMORY,
            f"{where} was killed for using more than its memory limit; raise spec.resources memory",
        )
    if container.name == FETCH_CONTAINER and (said := _termination(container.message)):
        return said
    end = last_line(container.message) or container.reason
    return Problem(Reason.CONTAINER_CRASHED, f"{where} ended with exit code {container.exit_code}: {end}")


def _termination(message: str) -> Problem | None:
    """Read what the `fetch` container said of its failure: `{"reason": …, "message": …}`."""
    try:
        said = json.loads(message)
        return Problem(Reason(said["reason"]), clean(said["message"]))
    except (ValueError, KeyError, TypeError):
        return None
