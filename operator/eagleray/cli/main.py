"""The `eagleray` command: one module per sub-command."""

import typer

from eagleray.cli.crd import crd
from eagleray.cli.plugin import app as plugin

app = typer.Typer(
    help="Serve models with Ray Serve on Kubernetes.", no_args_is_help=True, pretty_exceptions_enable=False
)


@app.command()
def operator() -> None:
    """Run the operator in a cluster, or against KUBECONFIG; settings are EAGLERAY_* environment variables."""
    # The engine, kopf and gRPC take longer to import than any other command takes to run.
    from eagleray.cli.operator import operator as run  # noqa: PLC0415

    run()


app.command()(crd)
app.add_typer(plugin)
