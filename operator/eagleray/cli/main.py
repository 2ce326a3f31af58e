"""The `eagleray` command: one module per sub-command."""

import typer

from eagleray.cli.crd import crd
from eagleray.cli.operator import operator

app = typer.Typer(
    help="Serve models with Ray Serve on Kubernetes.", no_args_is_help=True, pretty_exceptions_enable=False
)
app.command()(operator)
app.command()(crd)
