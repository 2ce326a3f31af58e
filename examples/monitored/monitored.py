"""Counts what it answers and how sure it is: POST {"amount": 120.5} answers {"risk": 0.6}; see /metrics of its Pods."""

from json import JSONDecodeError

from ray import serve
from ray.serve.metrics import Counter, Histogram
from starlette.requests import Request
from starlette.responses import JSONResponse

HALF_RISK_AMOUNT = 80.0


@serve.deployment
class Monitored:
    def __init__(self) -> None:
        self._answers = Counter("risk_answers", description="Answers by what follows from them.", tag_keys=("verdict",))
        self._risk = Histogram("risk", description="Risk that was answered.", boundaries=[0.1, 0.25, 0.5, 0.75, 0.9])

    async def __call__(self, request: Request) -> JSONResponse:
        try:
            body = await request.json()
        except (JSONDecodeError, UnicodeDecodeError):
            return JSONResponse({"error": 'the body is not JSON; POST {"amount": 120.5}'}, status_code=400)
        amount = body.get("amount") if isinstance(body, dict) else None
        if isinstance(amount, bool) or not isinstance(amount, int | float) or not amount >= 0:
            return JSONResponse({"error": "amount must be a number from 0", "field": "amount"}, status_code=422)
        risk = amount / (amount + HALF_RISK_AMOUNT)
        self._answers.inc(tags={"verdict": "review" if risk > 0.5 else "pass"})
        self._risk.observe(risk)
        return JSONResponse({"risk": round(risk, 4)})


app = Monitored.bind()
