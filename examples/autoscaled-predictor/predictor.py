"""A model that needs 20 ms for an answer, one at a time: POST {"num": 7} answers {"result": 49}."""

import time

from ray import serve
from starlette.requests import Request

WORK_SECONDS = 0.02


@serve.deployment(max_ongoing_requests=100)
class Predictor:
    async def __call__(self, request: Request) -> dict[str, int]:
        num = int((await request.json())["num"])
        # Work holds up all other requests of a replica, as a model on one core does.
        time.sleep(WORK_SECONDS)  # noqa: ASYNC251
        return {"result": num * num}


app = Predictor.bind()
