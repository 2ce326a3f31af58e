"""`batch`: a Job that answers files of rows with the revision that serves."""

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from pydantic import ValidationError

from eagleray.cli.cluster import Cluster
from eagleray.cli.errors import CliError
from eagleray.cli.model import Model, read
from eagleray.domain.facts import labels
from eagleray.domain.facts.problem import InvalidSpecError
from eagleray.domain.goals.revision import Revision
from eagleray.kube.errors import AlreadyExistsError, InvalidError, NotFoundError, TransientError
from eagleray.kube.kinds import CONTROLLER_REVISION, DEPLOYMENT, JOB, MODEL_DEPLOYMENT, POD, Kind, Manifest, Ref
from eagleray.resources.batch import BATCH_CONTAINER, Batch, build_batch_job
from eagleray.resources.names import router_name
from eagleray.resources.pod import PodSettings
from eagleray.resources.revision import read_revision

INPUTS = ("pvc", "s3", "gs", "az", "hf", "http", "https")
OUTPUTS = ("pvc", "s3", "gs", "az")
Format = Literal["parquet", "csv", "jsonl"]
OnError = Literal["fail", "skip"]
PERIOD = 2.0
_LINES = 200


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person asks for.

    Attributes:
        input: URI of the rows.
        output: URI of the answers.
        format: of the files; None where their endings tell.
        columns: those that the model is given, in its order, with commas; None leaves it to the model.
        on_error: `fail` or `skip`: what becomes of a row that is refused.
        batch_size: rows that the model is given at once, or None.
        parallelism: copies of the model, or None.
        credentials: Secret for input and output, or None for that of the model.
    """

    input: str
    output: str
    format: Format | None = None
    columns: str | None = None
    on_error: OnError = "fail"
    batch_size: int | None = None
    parallelism: int | None = None
    credentials: str | None = None

    @property
    def options(self) -> tuple[str, ...]:
        """Those of the container's command that are set."""
        told = {"--format": self.format, "--columns": self.columns, "--batch-size": self.batch_size}
        set_ = {name: str(value) for name, value in told.items() if value is not None}
        return tuple(word for pair in (set_ | {"--on-error": self.on_error}).items() for word in pair)

    def check(self) -> None:
        """Refuse URIs that no Job can read or write.

        Raises:
            CliError: naming the option.
        """
        for option, uri, schemes in (("--input", self.input, INPUTS), ("--output", self.output, OUTPUTS)):
            scheme, colon, rest = uri.partition("://")
            if not colon or scheme not in schemes or not rest.strip("/"):
                known = ", ".join(f"{each}://" for each in schemes)
                raise CliError(f"{option} {uri}: write one of {known} and a path, for example s3://bucket/folder")
            if "@" in rest.partition("/")[0]:
                raise CliError(
                    f"{option}: everybody could read a user and a password in a URI; write them into the Secret that "
                    "--credentials names"
                )


async def start(cluster: Cluster, name: str, version: str | None, job: str | None, asked: Asked) -> str:
    """Make the Job, or find the one that was made for the same.

    Args:
        cluster: where it is.
        name: the ModelDeployment.
        version: its version, where it has several.
        job: name of the Job; None for one that follows from what is asked.
        asked: what it is to do.

    Returns:
        The Job's name.

    Raises:
        CliError: there is nothing that could answer, or a Job of this name has ended.
        KubeError: the API server refuses, or does not answer.
    """
    asked.check()
    live = await _found(cluster, MODEL_DEPLOYMENT, name, "`kubectl get modeldeployments -A` lists all")
    model = read(live)
    stable = stable_revision(model, version)
    content = await _found(cluster, CONTROLLER_REVISION, stable, "try again in a moment")
    router = await _found(cluster, DEPLOYMENT, router_name(name), "the operator has not made it yet; try again")
    manifest = build(read_revision_of(content, model), _settings(router), live, job, asked)
    found: str = manifest["metadata"]["name"]
    try:
        await cluster.client.create(manifest)
    except AlreadyExistsError:
        await _check_same(cluster, manifest)
    return found


def stable_revision(model: Model, version: str | None) -> str:
    """The revision that serves a version.

    Raises:
        CliError: the object has several versions and none is named, or nothing has served yet.
    """
    versions = model.status.versions
    if version is None and len(versions) > 1:
        raise CliError(
            f"{model.place} has several versions ({', '.join(v.name for v in versions)}); say which with --version"
        )
    of = next(iter(versions), None) if version is None else model.known_version(version)
    if of is None or of.stable is None:
        raise CliError(f"no revision of {model.place} has served yet; {model.command('status')} says why")
    return of.stable


def read_revision_of(content: Manifest, model: Model) -> Revision:
    """Read a revision of one saved model.

    Raises:
        CliError: it is an application, has several models, or is of another version of the operator.
    """
    try:
        revision = read_revision(content, model.name)
    except (ValidationError, KeyError) as e:
        raise CliError("the revision is unknown to this plugin; install the plugin of the operator's version") from e
    if revision.template.model is None:
        raise CliError(f"{model.place} serves an application; only a saved model (spec.model) answers files of rows")
    if revision.template.model.models:
        raise CliError(f"{model.place} has several models (spec.model.models); only a single one answers files of rows")
    return revision


def build(
    revision: Revision, settings: PodSettings, live: Mapping[str, Any], job: str | None, asked: Asked
) -> Manifest:
    """Build the Job; its name follows from what is asked where none is given, so that asking again finds it.

    Raises:
        CliError: so many copies of the model share no whole GPUs.
    """
    content = json.dumps([revision.name, asdict(asked)], sort_keys=True)
    name = job or f"{revision.model}-batch-{hashlib.sha256(content.encode()).hexdigest()[:8]}"
    batch = Batch(name, asked.input, asked.output, asked.parallelism, asked.credentials, asked.options)
    try:
        return build_batch_job(revision, batch, live, settings)
    except InvalidSpecError as e:
        raise CliError(f"--parallelism: {e}") from e


async def follow(
    cluster: Cluster,
    job: str,
    show: Callable[[str], None],
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> str | None:
    """Show what a Job's Pods print until it has ended.

    Args:
        cluster: where it is.
        job: its name.
        show: prints a line.
        pause: waits some seconds.

    Returns:
        None where it has answered all; else why it failed.

    Raises:
        CliError: the Job is not there any more.
        KubeError: the API server refuses.
    """
    shown: dict[str, str] = {}
    while True:
        try:
            live = await _found(cluster, JOB, job, "it was deleted")
            for pod in await _pods(cluster, job):
                await _show_new(cluster, pod, shown, show)
            if (end := _ended(live)) is not None:
                return end or None
        except TransientError as e:
            show(f"Not up to date: {e}")
        await pause(PERIOD)


async def _show_new(cluster: Cluster, pod: Manifest, shown: dict[str, str], show: Callable[[str], None]) -> None:
    name = pod["metadata"]["name"]
    try:
        text = await cluster.client.log(Ref(POD, cluster.namespace, name), BATCH_CONTAINER, _LINES)
    except (InvalidError, NotFoundError):  # it has not started, or is gone
        return
    for line in text.splitlines():
        time, _, words = line.partition(" ")
        if time > shown.get(name, ""):
            shown[name] = time
            show(words)


async def _pods(cluster: Cluster, job: str) -> list[Manifest]:
    listed = await cluster.client.list(POD, cluster.namespace, {"batch.kubernetes.io/job-name": job})
    return sorted(listed.items, key=lambda pod: str(pod["metadata"].get("creationTimestamp", "")))


def _ended(job: Manifest) -> str | None:
    """Why a Job failed, "" where it has not, None while it goes on."""
    for condition in (job.get("status") or {}).get("conditions") or []:
        if condition["status"] == "True" and condition["type"] in {"Complete", "Failed"}:
            message = condition.get("message") or condition.get("reason") or "it failed"
            return "" if condition["type"] == "Complete" else str(message)
    return None


async def _check_same(cluster: Cluster, manifest: Manifest) -> None:
    """Refuse a Job of this name that does something else, or that has ended: what it left is taken up by a new one."""
    ref = Ref.of(manifest)
    live = await cluster.client.get(ref)
    if _args(live) != _args(manifest):
        raise CliError(f"{ref} is there already, and does something else; choose another --name")
    if (end := _ended(live)) is not None:
        how = f"has failed: {end}" if end else "is complete"
        again = f"kubectl delete job {ref.name} -n {ref.namespace}"
        raise CliError(f"{ref} {how}; to run it again, on what it has finished, first `{again}`")


def _args(job: Manifest) -> object:
    return job["spec"]["template"]["spec"]["containers"][0].get("args")


def _settings(router: Manifest) -> PodSettings:
    text = (router["metadata"].get("annotations") or {}).get(labels.POD_SETTINGS_ANNOTATION, "")
    try:
        return PodSettings.read(text)
    except ValueError as e:
        told = "the router's Deployment does not say how Pods are made"
        raise CliError(f"{told}; install the plugin of the operator's version") from e


async def _found(cluster: Cluster, kind: Kind, name: str, remedy: str) -> Manifest:
    ref = Ref(kind, cluster.namespace, name)
    try:
        return await cluster.client.get(ref)
    except NotFoundError as e:
        raise CliError(f"{ref} is not there; {remedy}") from e
