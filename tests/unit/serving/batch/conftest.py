"""Fixtures of batch prediction."""

import pytest

from eagleray_serving.rows import Signature
from unit.serving.batch.repeats import COLUMNS, Repeats, serve


@pytest.fixture
def repeats(monkeypatch: pytest.MonkeyPatch) -> Repeats:
    model = Repeats(Signature(COLUMNS, named=True))
    serve(model, monkeypatch)
    return model
