"""`kubectl eagleray`: looks at ModelDeployments, and asks things of their rollouts."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, NoReturn, TypeVar

import typer
from rich.console import RenderableType

from eagleray.cli import batch, verbs
from eagleray.cli.cluster import Cluster, Target, connect
from eagleray.cli.draw import draw_revisions, draw_status
from eagleray.cli.errors import CliError
from eagleray.cli.model import Model
from eagleray.cli.outcome import Ended
from eagleray.cli.restart import restart as decide_restart
from eagleray.cli.rollback import rollback as decide_rollback
from eagleray.cli.scaling import draw_scaling
from eagleray.cli.terminal import complain, say, terminal
from eagleray.cli.watch import look, watch
from eagleray.kube.errors import KubeError

INTERRUPTED = 130

T = TypeVar("T")

Name = Annotated[str, typer.Argument(help="Name of the ModelDeployment.")]
Namespace = Annotated[str | None, typer.Option("--namespace", "-n", help="Namespace; else that of the context.")]
Context = Annotated[str | None, typer.Option("--context", help="Context of the kubeconfig; else the current one.")]
Kubeconfig = Annotated[Path | None, typer.Option("--kubeconfig", help="Kubeconfig file; else KUBECONFIG.")]
Version = Annotated[str | None, typer.Option("--version", help="Version that is meant, where several roll out.")]

app = typer.Typer(
    help="Look at ModelDeployments and why they scale, and promote, pause, abort or roll back their rollouts.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.command()
def status(
    name: Name,
    *,
    follow: Annotated[bool, typer.Option("--watch", "-w", help="Draw it again on every change.")] = False,
    until_done: Annotated[
        bool,
        typer.Option("--until-done", help="Watch until nothing rolls out: exit 0, or 1 if it was aborted or is stuck."),
    ] = False,
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Draw a ModelDeployment: its rollouts, versions, revisions and Pods."""

    async def show(cluster: Cluster) -> Ended | None:
        if follow or until_done:
            return await watch(cluster, name, terminal(), until_done=until_done)
        terminal().print(draw_status(*await look(cluster, name), datetime.now(UTC)))
        return None

    end = _run(Target(namespace, context, kubeconfig), show)
    if end is not None and not end.well:
        _fail(end.why)


@app.command()
def revisions(
    name: Name, *, namespace: Namespace = None, context: Context = None, kubeconfig: Kubeconfig = None
) -> None:
    """List the revisions that exist or are remembered."""

    async def draw(cluster: Cluster) -> RenderableType:
        return draw_revisions(await cluster.model(name), datetime.now(UTC))

    terminal().print(_run(Target(namespace, context, kubeconfig), draw))


@app.command()
def scaling(name: Name, *, namespace: Namespace = None, context: Context = None, kubeconfig: Kubeconfig = None) -> None:
    """Say why there are as many replicas as there are."""

    async def draw(cluster: Cluster) -> RenderableType:
        return draw_scaling(await cluster.model(name), datetime.now(UTC))

    terminal().print(_run(Target(namespace, context, kubeconfig), draw))


@app.command()
def promote(
    name: Name,
    *,
    full: Annotated[bool, typer.Option("--full", help="End all steps that are left.")] = False,
    version: Version = None,
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """End the present step of a rollout."""
    _ask(name, Target(namespace, context, kubeconfig), lambda d: verbs.promote(d, version, full=full))


def _add(name: str, decide: Callable[[Model, str | None], verbs.VerbAnswer], does: str) -> None:
    """Add the command of a verb that has no options of its own."""

    @app.command(name, help=does)
    def command(
        name: Name,
        *,
        version: Version = None,
        namespace: Namespace = None,
        context: Context = None,
        kubeconfig: Kubeconfig = None,
    ) -> None:
        _ask(name, Target(namespace, context, kubeconfig), lambda d: decide(d, version))


_add("pause", verbs.pause, "Hold a rollout where it is.")
_add("resume", verbs.resume, "Let a rollout that was paused go on.")
_add("abort", verbs.abort, "Take a rollout back.")
_add("retry", verbs.retry, "Try a revision again that was taken back.")


@app.command()
def rollback(
    name: Name,
    *,
    to: Annotated[str | None, typer.Option("--to", help="Revision to serve; else the one that served before.")] = None,
    version: Annotated[str | None, typer.Option("--version", help="Version to roll back, of several.")] = None,
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Serve an earlier revision, without touching spec."""
    _ask(name, Target(namespace, context, kubeconfig), lambda d: decide_rollback(d, version, to))


@app.command()
def restart(name: Name, *, namespace: Namespace = None, context: Context = None, kubeconfig: Kubeconfig = None) -> None:
    """Make every version anew at the same content, by the steps of a rollout: for a Secret that was changed."""
    now = datetime.now(UTC)
    _ask(name, Target(namespace, context, kubeconfig), lambda d: decide_restart(d, now))


@app.command("batch")
def batch_predict(
    name: Name,
    *,
    input_: Annotated[str, typer.Option("--input", help="URI of a file, a folder, or files (`*`) of rows.")],
    output: Annotated[str, typer.Option("--output", help="URI of a folder for the answers.")],
    format_: Annotated[batch.Format | None, typer.Option("--format", help="Else that of the files' endings.")] = None,
    columns: Annotated[
        str | None, typer.Option("--columns", help="Columns that the model is given, in its order, with commas.")
    ] = None,
    on_error: Annotated[
        batch.OnError, typer.Option("--on-error", help="Whether a row that is refused ends it, or is let pass.")
    ] = "fail",
    batch_size: Annotated[
        int | None, typer.Option("--batch-size", min=1, help="Rows that the model is given at once.")
    ] = None,
    parallelism: Annotated[int | None, typer.Option("--parallelism", min=1, help="Copies of the model.")] = None,
    credentials: Annotated[
        str | None, typer.Option("--credentials", help="Secret for input and output; else that of the model.")
    ] = None,
    job: Annotated[str | None, typer.Option("--name", help="Name of the Job.")] = None,
    follow: Annotated[bool, typer.Option("--follow/--no-follow", help="Show its progress until it ends.")] = True,
    version: Annotated[str | None, typer.Option("--version", help="Version that answers, of several.")] = None,
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Answer files of rows (Parquet, CSV, JSON lines) in a Job of the revision that serves."""
    asked = batch.Asked(input_, output, format_, columns, on_error, batch_size, parallelism, credentials)

    async def predict(cluster: Cluster) -> str | None:
        made = await batch.start(cluster, name, version, job, asked)
        say(f"Job {cluster.namespace}/{made}")
        return await batch.follow(cluster, made, say) if follow else None

    why = _run(Target(namespace, context, kubeconfig), predict)
    if why is not None:
        _fail(f"{why}; what is finished is kept: delete the Job and ask again to go on")


def _ask(name: str, target: Target, ask: verbs.Ask) -> None:
    say(_run(target, lambda cluster: cluster.ask(name, ask)))


def _run(target: Target, command: Callable[[Cluster], Awaitable[T]]) -> T:
    """Run a command against the cluster; what it fails at becomes one line and exit code 1."""

    async def run() -> T:
        async with connect(target) as cluster:
            return await command(cluster)

    try:
        return asyncio.run(run())
    except (CliError, KubeError) as e:
        _fail(str(e))
    except KeyboardInterrupt:
        # Not 0: a script that waits with --until-done must not take this for success.
        raise typer.Exit(INTERRUPTED) from None


def _fail(message: str) -> NoReturn:
    complain(message)
    raise typer.Exit(1)
