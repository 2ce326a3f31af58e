"""Recommends items by matrix factorisation: POST {"user": 17, "count": 3} answers {"items": [...], "scores": [...]}.

The embeddings are mapped into memory, not read: replicas of one Pod share one copy, however many there are.
"""

from json import JSONDecodeError
from pathlib import Path
from typing import Any

import numpy as np
from ray import serve
from starlette.requests import Request
from starlette.responses import JSONResponse

MODELS = Path("/opt/models/recommender")
MOST = 100


@serve.deployment(max_ongoing_requests=128)
class Recommender:
    def __init__(self, version: str) -> None:
        self._users = np.load(MODELS / version / "users.npy", mmap_mode="r")
        self._items = np.load(MODELS / version / "items.npy", mmap_mode="r")

    @serve.batch(max_batch_size=64, batch_wait_timeout_s=0.005)
    async def top(self, users: list[int], counts: list[int]) -> list[dict[str, Any]]:
        """The best items of each user; one product of matrices for all of them."""
        scores = self._users[users] @ self._items.T
        most = max(counts)
        best = np.argpartition(-scores, most - 1, axis=1)[:, :most]
        found = []
        for row, count in enumerate(counts):
            items = best[row][np.argsort(-scores[row, best[row]], kind="stable")][:count]
            found.append({"items": items.tolist(), "scores": scores[row, items].round(4).tolist()})
        return found

    async def __call__(self, request: Request) -> JSONResponse:
        try:
            body = await request.json()
        except (JSONDecodeError, UnicodeDecodeError):
            return JSONResponse({"error": 'the body is not JSON; POST {"user": 17, "count": 3}'}, status_code=400)
        asked = body if isinstance(body, dict) else {}
        for field, first, last in (("user", 0, len(self._users) - 1), ("count", 1, MOST)):
            value = asked.get(field)
            if not isinstance(value, int) or isinstance(value, bool) or not first <= value <= last:
                message = f"{field} must be a whole number from {first} to {last}"
                return JSONResponse({"error": message, "field": field}, status_code=422)
        return JSONResponse(await self.top(asked["user"], asked["count"]))


def build(args: dict[str, Any]) -> serve.Application:
    """Serve the embeddings of `args["version"]`."""
    return Recommender.bind(str(args["version"]))
