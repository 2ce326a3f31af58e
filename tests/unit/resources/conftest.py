"""Revisions to build Pods and applications of."""

from collections.abc import Callable

import pytest

from eagleray.api.template import VersionTemplate
from eagleray.domain.goals.revision import Revision, revision_name

MakeRevision = Callable[..., Revision]


@pytest.fixture
def make_revision() -> MakeRevision:
    """Make a revision of the smallest model, with the given fields of the template on top."""

    def make(**fields: object) -> Revision:
        model = {"framework": "sklearn", "uri": "pvc://models/churn/1"}
        template = VersionTemplate.model_validate(({} if "app" in fields else {"model": model}) | fields)
        return Revision(
            name=revision_name("churn", "default", template),
            model="churn",
            namespace="shop",
            version="default",
            template=template,
            image="registry.example.com/eagleray/sklearn:1",
        )

    return make


@pytest.fixture
def owner() -> dict[str, object]:
    """A reference to an owner."""
    return {"apiVersion": "eagleray.dev/v1alpha1", "kind": "ModelDeployment", "name": "churn", "uid": "u-1"}
