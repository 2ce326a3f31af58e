"""An application of two deployments under Ray Serve. python app.py PORT: until it is ended.

The port is that of Serve's proxy. The replica that answers listens itself, where the environment tells it.
"""

import sys
import threading
import time

import ray
from ray import serve
from ray.serve.handle import DeploymentHandle
from starlette.requests import Request


@serve.deployment(max_ongoing_requests=100, ray_actor_options={"num_cpus": 0.1})
class Measurer:
    """Measures payloads."""

    def __call__(self, payload: bytes) -> int:
        """How much came."""
        return len(payload)


@serve.deployment(max_ongoing_requests=100, ray_actor_options={"num_cpus": 0.1})
class Front:
    """Hands on what it is sent."""

    def __init__(self, measurer: DeploymentHandle) -> None:
        self._measurer = measurer

    async def __call__(self, request: Request) -> dict[str, int]:
        """Ask the other one; with ?block= seconds, compute where it is called."""
        time.sleep(float(request.query_params.get("block", "0")))  # noqa: ASYNC251 - what is measured
        return {"bytes": await self._measurer.remote(await request.body())}


if __name__ == "__main__":
    ray.init(include_dashboard=False, log_to_driver=False)
    serve.start(http_options={"host": "127.0.0.1", "port": int(sys.argv[1])})
    serve.run(Front.bind(Measurer.bind()), route_prefix="/")  # type: ignore[attr-defined]  # Serve made them deployments
    threading.Event().wait()
