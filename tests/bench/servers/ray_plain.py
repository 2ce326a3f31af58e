"""What a person writes to serve a model with Ray Serve. python ray_plain.py FILE PORT: until it is ended."""

import sys
import threading
from typing import Any

import joblib
import lightgbm
import numpy as np
import ray
from ray import serve
from starlette.requests import Request


@serve.deployment
class Plain:
    """A saved model."""

    def __init__(self, file: str) -> None:
        self._model = lightgbm.Booster(model_file=file) if file.endswith(".txt") else joblib.load(file)

    async def __call__(self, request: Request) -> dict[str, Any]:
        """The predictions of the request's rows."""
        rows = np.array((await request.json())["instances"])
        return {"predictions": self._model.predict(rows).tolist()}


if __name__ == "__main__":
    ray.init(include_dashboard=False, log_to_driver=False)
    serve.start(http_options={"host": "127.0.0.1", "port": int(sys.argv[2])})
    serve.run(Plain.bind(sys.argv[1]), route_prefix="/")  # type: ignore[attr-defined]  # Serve made it a deployment
    threading.Event().wait()
