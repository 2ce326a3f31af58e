"""Compares a served churn model with the estimator in the file, row by row.

python churn.py URL MODEL < rows.json      (rows.json: what train.py --check writes; prints one JSON object)
"""

import asyncio
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp
import joblib
import pandas as pd

CONCURRENT = 32
ROWS_PER_BATCH = 50


class Comparison:
    """Sends the same rows singly and in batches, and counts what differs from the estimator's answers."""

    def __init__(self, session: aiohttp.ClientSession, url: str, rows: list[dict[str, Any]], right: list[str]) -> None:
        self._session = session
        self._url = url
        self._rows = rows
        self._right = right
        self._slots = asyncio.Semaphore(CONCURRENT)

    async def run(self, size: int) -> dict[str, Any]:
        """Ask for all rows, `size` of them in each request."""
        starts = range(0, len(self._rows), size)
        answers = await asyncio.gather(*(self._ask(start, size) for start in starts))
        batches = Counter(batch for _, batch in answers)
        return {"different": sum(wrong for wrong, _ in answers), "requests": len(answers), "batch_sizes": dict(batches)}

    async def _ask(self, start: int, size: int) -> tuple[int, int]:
        body = {"instances": self._rows[start : start + size]}
        async with self._slots, self._session.post(self._url, json=body) as response:
            text = await response.text()
            if response.status != 200:
                raise RuntimeError(f"{response.status}: {text}")
            predictions = json.loads(text)["predictions"]
            batch = int(response.headers["x-eagleray-batch-size"])
        right = self._right[start : start + size]
        wrong = sum(a != b for a, b in zip(predictions, right, strict=True))
        return wrong, batch


async def main() -> None:
    """Run the command."""
    url, model = sys.argv[1:3]
    rows: list[dict[str, Any]] = json.load(sys.stdin)["instances"]
    # read_json would guess types; a missing value must become NaN, as it does in the server.
    right = joblib.load(Path(model)).predict(pd.DataFrame(rows)).tolist()
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(30)) as session:
        compare = Comparison(session, url, rows, right)
        result = {"rows": len(rows), "single": await compare.run(1), "batched": await compare.run(ROWS_PER_BATCH)}
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    asyncio.run(main())
