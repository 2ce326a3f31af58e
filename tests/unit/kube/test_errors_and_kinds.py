from typing import Any

import pytest

from eagleray.kube import errors, kinds
from eagleray.kube.kinds import KINDS, Ref

X = Ref(kinds.POD, "ns", "x")


def status_of(name: str, plural: str = "pods", **fields: str) -> dict[str, Any]:
    return {"kind": "Status", "reason": "NotFound", "details": {"name": name, "kind": plural}, **fields}


@pytest.mark.parametrize(
    ("status", "answer", "expected"),
    [
        (400, {"reason": "BadRequest"}, errors.InvalidError),
        (401, {"reason": "Unauthorized"}, errors.ForbiddenError),
        (403, {"reason": "Forbidden"}, errors.ForbiddenError),
        (404, status_of("x"), errors.NotFoundError),
        (404, {}, errors.NotServedError),
        (404, {"message": "404 page not found"}, errors.NotServedError),
        (404, status_of("y"), errors.NotServedError),
        (404, status_of("x", "namespaces"), errors.NotServedError),
        (404, status_of("x", reason="Expired"), errors.NotServedError),
        (404, status_of("x", kind="Error"), errors.NotServedError),
        (404, {"kind": "Status", "reason": "NotFound", "details": "x"}, errors.NotServedError),
        (409, {"reason": "AlreadyExists"}, errors.AlreadyExistsError),
        (409, {"reason": "Conflict"}, errors.ConflictError),
        (410, {"reason": "Expired"}, errors.TransientError),
        (422, {"reason": "Invalid"}, errors.InvalidError),
        (429, {"reason": "TooManyRequests"}, errors.TransientError),
        (500, {"reason": "InternalError"}, errors.TransientError),
        (503, {"reason": None}, errors.TransientError),
    ],
)
def test_the_type_of_an_answer(status: int, answer: dict[str, Any], expected: type[errors.KubeError]) -> None:
    error = errors.error_for(status, answer, "why", X)
    assert type(error) is expected
    assert (error.status, error.reason, str(error)) == (status, answer.get("reason") or "", "why")


def test_a_404_that_was_about_no_object_says_nothing_of_one() -> None:
    assert type(errors.error_for(404, status_of("x"), "why")) is errors.NotServedError


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        (kinds.POD, "/api/v1/namespaces/ns/pods/x"),
        (kinds.DEPLOYMENT, "/apis/apps/v1/namespaces/ns/deployments/x"),
        (kinds.MODEL_DEPLOYMENT, "/apis/eagleray.dev/v1alpha1/namespaces/ns/modeldeployments/x"),
    ],
)
def test_the_path_of_an_object(kind: kinds.Kind, path: str) -> None:
    assert kind.path("ns", "x") == path
    assert kind.path("ns", "x", "status") == f"{path}/status"


def test_the_path_of_a_collection() -> None:
    assert kinds.POD.path(None) == "/api/v1/pods"
    assert kinds.POD.path("ns") == "/api/v1/namespaces/ns/pods"


def test_names_cannot_leave_their_place_in_a_path() -> None:
    assert kinds.POD.path("ns", "../../secrets/x") == "/api/v1/namespaces/ns/pods/..%2F..%2Fsecrets%2Fx"


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda k: k.plural)
def test_a_manifest_finds_its_kind(kind: kinds.Kind) -> None:
    manifest = {
        "apiVersion": kind.api_version,
        "kind": kind.kind,
        "metadata": {"namespace": "ns", "name": "x"},
    }
    assert Ref.of(manifest) == Ref(kind, "ns", "x")
