import pytest

from eagleray.kube import errors, kinds
from eagleray.kube.kinds import KINDS, Ref


@pytest.mark.parametrize(
    ("status", "reason", "expected"),
    [
        (400, "BadRequest", errors.InvalidError),
        (401, "Unauthorized", errors.ForbiddenError),
        (403, "Forbidden", errors.ForbiddenError),
        (404, "NotFound", errors.NotFoundError),
        (409, "AlreadyExists", errors.AlreadyExistsError),
        (409, "Conflict", errors.ConflictError),
        (410, "Expired", errors.TransientError),
        (422, "Invalid", errors.InvalidError),
        (429, "TooManyRequests", errors.TransientError),
        (500, "InternalError", errors.TransientError),
        (503, "", errors.TransientError),
    ],
)
def test_the_type_of_an_answer(status: int, reason: str, expected: type[errors.KubeError]) -> None:
    error = errors.error_for(status, reason, "why")
    assert type(error) is expected
    assert (error.status, error.reason, str(error)) == (status, reason, "why")


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
