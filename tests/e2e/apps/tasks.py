"""Async inference as Ray Serve's guide has it: requests put tasks into a queue, which another deployment works off.

The guide's broker is Redis; Celery's own files do where one Pod has both.
"""

from pathlib import Path
from typing import Any

from fastapi import FastAPI
from ray import serve
from ray.serve.handle import DeploymentHandle
from ray.serve.schema import CeleryAdapterConfig, TaskProcessorConfig
from ray.serve.task_consumer import instantiate_adapter_from_config, task_consumer, task_handler

# A part of a CPU, as in gallery.py.
PART = {"num_cpus": 0.1}
FOLDERS = {name: f"/tmp/tasks/{name}" for name in ("queue", "control", "results")}  # noqa: S108 - the Pod's own
QUEUE = TaskProcessorConfig(
    queue_name="tasks",
    adapter_config=CeleryAdapterConfig(
        broker_url="filesystem://",
        backend_url=f"file://{FOLDERS['results']}",
        broker_transport_options={
            "data_folder_in": FOLDERS["queue"],
            "data_folder_out": FOLDERS["queue"],
            "control_folder": FOLDERS["control"],
        },
    ),
)


def _make_folders() -> None:
    for folder in FOLDERS.values():
        Path(folder).mkdir(parents=True, exist_ok=True)


@serve.deployment(ray_actor_options=PART, max_ongoing_requests=2)
@task_consumer(task_processor_config=QUEUE)
class Consumer:
    """Works tasks off."""

    def __init__(self) -> None:
        _make_folders()

    @task_handler(name="square")
    def square(self, number: int) -> int:
        """One task."""
        return number * number


api = FastAPI()


@serve.deployment(ray_actor_options=PART)
@serve.ingress(api)
class Tasks:
    """Takes tasks, and tells what became of them."""

    def __init__(self, _: DeploymentHandle) -> None:
        _make_folders()
        self.adapter = instantiate_adapter_from_config(QUEUE)

    @api.post("/tasks")
    def submit(self, body: dict[str, int]) -> dict[str, str]:
        """Put one into the queue."""
        return {"id": self.adapter.enqueue_task_sync("square", args=[body["number"]]).id}

    @api.get("/tasks/{task}")
    def status(self, task: str) -> dict[str, Any]:
        """What became of it."""
        found = self.adapter.get_task_status_sync(task)
        return {"status": found.status, "result": found.result}


app = Tasks.bind(Consumer.bind())
