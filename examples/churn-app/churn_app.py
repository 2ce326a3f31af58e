"""The churn model behind code of one's own.

POST {"features": [2, 95.5, 4, "month-to-month", "check", "fiber"]} answers {"churn_prob": 0.946}.
"""

from json import JSONDecodeError
from typing import Any

import joblib
import pandas as pd
from ray import serve
from starlette.requests import Request
from starlette.responses import JSONResponse

MODEL = "/opt/models/churn/model.joblib"


@serve.deployment(max_ongoing_requests=128)
class Churn:
    def __init__(self) -> None:
        self._pipeline = joblib.load(MODEL)
        self._columns = list(self._pipeline.feature_names_in_)
        self._churn = list(self._pipeline.classes_).index("churn")

    @serve.batch(max_batch_size=32, batch_wait_timeout_s=0.05)
    async def predict(self, rows: list[list[Any]]) -> list[float]:
        """The chance that each customer leaves; one call of the model for all of them."""
        chances = self._pipeline.predict_proba(pd.DataFrame(rows, columns=self._columns))
        return chances[:, self._churn].tolist()

    async def __call__(self, request: Request) -> JSONResponse:
        try:
            body = await request.json()
        except (JSONDecodeError, UnicodeDecodeError):
            return JSONResponse({"error": 'the body is not JSON; POST {"features": [...]}'}, status_code=400)
        features = body.get("features") if isinstance(body, dict) else None
        wrong = self._wrong(features)
        if wrong:
            return JSONResponse({"error": wrong, "field": "features"}, status_code=422)
        return JSONResponse({"churn_prob": await self.predict(features)})

    def _wrong(self, features: Any) -> str:
        if not isinstance(features, list) or len(features) != len(self._columns):
            return f"features must be a list of {len(self._columns)} values: {', '.join(self._columns)}"
        for column, value in zip(self._columns[:3], features, strict=False):
            if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
                return f"{column} must be a number or null"
        texts = zip(self._columns[3:], features[3:], strict=True)
        return next((f"{column} must be a string" for column, value in texts if not isinstance(value, str)), "")


app = Churn.bind()
