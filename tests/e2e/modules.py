"""What each module of these tests needs, and what its tests may run beside.

The suite runs in three phases (tests/e2e/__main__.py). In the first nothing disturbs anything else: what waits for a
start or a timer shares its wait with others. In the second the operator may be killed at any moment, which nobody is to
notice but by waiting longer. In the third each test has the cluster for itself.
"""

from collections.abc import Iterable
from dataclasses import dataclass

APPS, TORCH_APPS = "e2e-apps", "e2e-torch-apps"
PHASES = ("beside", "killed", "alone")
GPUS = "gpus"
"""The group of what needs the two GPUs of the cluster."""


@dataclass(frozen=True, slots=True)
class Place:
    """When a test runs, and in whose company.

    Args:
        phase: One of PHASES.
        group: Tests of one group run one after another: they share an object, a volume or the GPUs. With "" a test
            shares nothing, and runs wherever there is room.
    """

    phase: str
    group: str


@dataclass(frozen=True, slots=True)
class Module:
    """One module of tests.

    Args:
        place: When its tests run.
        images: What it needs, but for the operator, the router and the client of the tests.
    """

    place: Place
    images: tuple[str, ...] = ()


def _beside(group: str, *images: str) -> Module:
    return Module(Place("beside", group), images)


def _killed(group: str, *images: str) -> Module:
    return Module(Place("killed", group), images)


def _alone(*images: str) -> Module:
    return Module(Place("alone", "alone"), images)


MODULES = {
    # The longest first, so that no worker is left with one of them at the end.
    "test_rollout": _beside("rollout", APPS),
    "test_autoscaling": _beside("autoscaling", APPS, "autoscaled-predictor"),
    "test_square": _beside("square", "square"),
    "test_scale": _beside("square", "square"),
    "test_template_change": _beside("square", "square"),
    "test_bad_input": _beside("square", "square", "base", APPS),
    "test_policies": _beside("square"),
    "test_versions": _beside("versions", APPS),
    "test_gallery": _beside("gallery", APPS, TORCH_APPS),
    "test_image_classifier": _beside(GPUS, "image-classifier", "torch-tests"),
    "test_vision_stream": _beside(GPUS, "vision-stream"),
    "test_app_deployments": _beside(GPUS, APPS),
    "test_clients": _beside("clients", APPS),
    "test_keys": _beside("clients", APPS),
    "test_examples": _beside("churn"),
    "test_churn": _beside("churn"),
    "test_frameworks": _beside("frameworks", "lightgbm", "xgboost", "onnx"),
    "test_several_models": _beside("frameworks"),
    "test_recommender": _beside("recommender", "recommender"),
    "test_object_store": _beside("store"),
    "test_download": _beside("store"),
    "test_batch": _beside("store"),
    "test_own_apps": _beside("own-apps", "monitored", "churn-app"),
    "test_environment": _beside("environment", APPS),
    "test_pod_fields": _beside("policies", APPS),
    "test_placement": _beside("placement", APPS),
    "test_zero": _killed("zero", APPS),
    "test_chaos": _killed("churn"),
    "test_nodes": _alone(APPS),
    "test_settled": _alone("square"),
    "test_deletion": _alone("square"),
    # Uninstalls the operator, and installs it again at its end.
    "test_uninstalled": _alone("square"),
}
ELSEWHERE = {
    ("test_rollout", "test_every_operator_and_a_router_killed_in_a_step"): Place("killed", "rollout"),
    ("test_rollout", "test_without_room_for_a_surge"): Place("beside", GPUS),
    ("test_autoscaling", "test_it_climbs_to_what_the_formula_says_and_comes_back_whoever_dies"): Place(
        "killed", "autoscaling"
    ),
    ("test_autoscaling", "test_without_room_what_runs_goes_on_and_room_is_taken"): Place("beside", GPUS),
    ("test_versions", "test_weights_are_in_force_within_two_seconds"): Place("alone", "alone"),
    ("test_nodes", "test_an_accelerator_is_found_by_its_label_or_said_to_be_missing"): Place("beside", GPUS),
    ("test_bad_input", "test_kubectl_refuses_and_says_why"): Place("beside", ""),
}
"""Tests that have another place than their module, by module and name."""


def place(nodeid: str) -> Place:
    """The place of a test; of one that is not of this suite, like the chart's, that of one that shares nothing."""
    file, _, test = nodeid.partition("::")
    module = file.rpartition("/")[2].removesuffix(".py")
    if "/e2e/" not in f"/{file}":
        return Place("beside", "")
    return ELSEWHERE.get((module, test.partition("[")[0]), MODULES[module].place)


def order(nodeid: str) -> tuple[int, int]:
    """Where a test stands among all: groups as MODULES names them first, in each its modules; at last what has none."""
    groups = [*dict.fromkeys(module.place.group for module in MODULES.values()), ""]
    module = nodeid.partition("::")[0].rpartition("/")[2].removesuffix(".py")
    return groups.index(place(nodeid).group), list(MODULES).index(module)


def of_phase(phase: str) -> list[str]:
    """The modules that have tests of a phase."""
    others = {module for (module, _), elsewhere in ELSEWHERE.items() if elsewhere.phase == phase}
    return [name for name, module in MODULES.items() if module.place.phase == phase or name in others]


def images(modules: Iterable[str]) -> list[str]:
    """What these modules need, in the order in which they need it."""
    return list(dict.fromkeys(name for module in modules for name in MODULES[module].images))
