"""The Serve application of a revision: the body of the PUT."""

from typing import Any

from eagleray.api.answers import Answers
from eagleray.api.model import Model
from eagleray.api.serving import Concurrency
from eagleray.api.template import VersionTemplate
from eagleray.api.units import parse_duration, parse_quantity
from eagleray.domain.actions.actions import PutApplication
from eagleray.domain.facts import labels
from eagleray.domain.facts.patience import UNKNOWN, Patience
from eagleray.domain.goals.groups import WorkerGroup, named_deployments
from eagleray.domain.goals.revision import Revision
from eagleray.domain.goals.sizes import replica_size
from eagleray.resources.storage import MODEL_DIR, MODEL_PATH

MODEL_SERVER = "eagleray_serving.app:build"
# Serve's own default of 5 keeps a batch from ever filling.
DEFAULT_CONCURRENCY = 100
DEFAULT_BATCH_WAIT_SECONDS = 0.01
HEALTH_CHECK_PERIOD_SECONDS = 2


def build_application(revision: Revision, put: PutApplication) -> dict[str, Any]:
    """Build the body of the PUT that makes Serve run `revision`, and nothing else.

    The deployments of a user's own application are not known before it was built, and Serve refuses overrides of
    unknown ones: those that spec does not name keep what the code says until then, and all but patience afterwards.

    Args:
        revision: the revision.
        put: how many replicas to start with, and how long to wait for them; Serve takes 0 from `/scale` alone: one is
            started.
    """
    template = revision.template
    application: dict[str, Any] = {
        "name": revision.model,
        "route_prefix": "/",
        "external_scaler_enabled": True,
    }
    if template.model:
        application |= {
            "import_path": MODEL_SERVER,
            "args": model_args(revision, template.model),
            "deployments": [
                _MODEL | _deployment(group, put) | _model_concurrency(template) for group in revision.groups
            ],
        }
    elif template.app:
        application |= {"import_path": template.app.import_path, "args": template.app.args or {}}
        if template.app.runtime_env:
            application["runtime_env"] = template.app.runtime_env
        if named_deployments(template):
            application["deployments"] = [
                _deployment(group, put) | _concurrency(group.concurrency) for group in revision.groups
            ]
        elif put.patience:
            application["deployments"] = [_shared(name, put) for name in sorted(put.patience)]
    # One proxy, on the head, that nobody asks: Serve starts no application without it.
    return {
        "proxy_location": "HeadOnly",
        "http_options": {"host": "0.0.0.0", "port": 8000},  # noqa: S104 -- replicas bind to the same host
        **_calls(template),
        "applications": [application],
    }


def _calls(template: VersionTemplate) -> dict[str, Any]:
    """What of gRPC each replica answers; Serve takes it when it starts, and never again."""
    servicers = template.app.grpc_servicers if template.app else None
    return {"grpc_options": {"grpc_servicer_functions": servicers}} if servicers else {}


def model_args(revision: Revision, model: Model) -> dict[str, Any]:
    """Build the args of the model server, which say what it serves and how.

    Args:
        revision: the revision.
        model: its model.
    """
    told = model.model_dump(by_alias=True, exclude_none=True, include={"class_", "args", "signature", "transform"})
    return {
        "framework": model.framework,
        "name": revision.model,
        "path": MODEL_DIR if model.models else MODEL_PATH,
        "output": model.output,
        "batching": _batching(revision.template),
        **({"several": _several(revision, model)} if model.models else _warmup(revision)),
        **told,
        **_cache(revision.template.answers),
    }


def _several(revision: Revision, model: Model) -> dict[str, Any]:
    """The other half of a replica's memory is for the frameworks, for requests, and for a model that is loading."""
    (group,) = revision.groups
    memory = int(parse_quantity(model.memory)) if model.memory else replica_size(group).memory // 2
    return {"names": [each.name for each in model.models or ()], "maxBytes": memory}


def _warmup(revision: Revision) -> dict[str, Any]:
    """The user's own rows, which the server tries its model on before a replica is ready."""
    for request in revision.template.warmup or ():
        rows = request.body.get("instances") if isinstance(request.body, dict) else None
        if request.path == f"/v1/models/{revision.model}:predict" and isinstance(rows, list) and rows:
            return {"warmup": rows}
    return {}


def _batching(template: VersionTemplate) -> dict[str, Any] | None:
    if template.batching is None:
        return None
    wait = template.batching.max_wait
    return {
        "maxSize": template.batching.max_size,
        "maxWaitSeconds": parse_duration(wait) if wait else DEFAULT_BATCH_WAIT_SECONDS,
    }


def _cache(answers: Answers | None) -> dict[str, Any]:
    if answers is None or answers.cache is None:
        return {}
    ttl = answers.cache.ttl
    kept = {"ttlSeconds": parse_duration(ttl)} if ttl else {}
    return {"cache": {"maxBytes": int(parse_quantity(answers.cache.max_bytes)), **kept}}


def _shared(name: str, put: PutApplication) -> dict[str, Any]:
    """A deployment that shares its Pods with others; how many replicas of it there are the code may say."""
    number = _number(put.replicas[name]) if name in put.replicas else {}
    return {"name": name, **number, **_patience(put.patience[name])}


def _number(replicas: int) -> dict[str, Any]:
    """Whatever the code says of autoscaling, as two would scale it otherwise."""
    return {"num_replicas": max(1, replicas), "autoscaling_config": None}


def _patience(patience: Patience) -> dict[str, float]:
    told = {"graceful_shutdown_timeout_s": patience.shutdown, "health_check_timeout_s": patience.health}
    return {option: seconds for option, seconds in told.items() if seconds is not None}


_MODEL = {
    "graceful_shutdown_wait_loop_s": 0.5,
    "health_check_period_s": HEALTH_CHECK_PERIOD_SECONDS,
}


def _deployment(group: WorkerGroup, put: PutApplication) -> dict[str, Any]:
    size = replica_size(group)
    gpus = {"num_gpus": float(size.gpus) if size.gpus % 1 else int(size.gpus)} if size.gpus else {}
    return {
        "name": group.name,
        **_number(put.replicas[group.name]),
        "ray_actor_options": {
            "num_cpus": size.cpus,
            "memory": size.memory,
            "label_selector": {labels.GROUP: group.name},
            **gpus,
        },
        **_patience(put.patience.get(group.name, UNKNOWN)),
    }


def _model_concurrency(template: VersionTemplate) -> dict[str, int]:
    """Two batches must fit: one that computes, and one that gathers."""
    batch = template.batching.max_size if template.batching else 1
    return {"max_ongoing_requests": max(DEFAULT_CONCURRENCY, 2 * batch)} | _concurrency(template.concurrency)


def _concurrency(given: Concurrency | None) -> dict[str, int]:
    limits = {}
    if given and given.max is not None:
        limits["max_ongoing_requests"] = given.max
    if given and given.queue is not None:
        limits["max_queued_requests"] = given.queue
    return limits
