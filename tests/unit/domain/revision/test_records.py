"""What is remembered of a revision."""

from datetime import UTC, datetime

import pytest

from eagleray.api.template import VersionTemplate
from eagleray.domain.goals.revision import Revision
from eagleray.domain.revision.records import new_record


@pytest.mark.parametrize("secret", ["?X-Amz-Signature=hidden", "#hidden", "?a=1&sig=hidden#x"])
def test_a_signature_is_not_remembered(secret: str) -> None:
    template = VersionTemplate.model_validate(
        {"model": {"framework": "sklearn", "uri": f"https://models.example.com/churn.pkl{secret}"}}
    )
    revision = Revision("m-v-1", "m", "ns", "v", template, image="i")
    assert new_record(revision, datetime(2026, 1, 1, tzinfo=UTC)).uri == "https://models.example.com/churn.pkl"
