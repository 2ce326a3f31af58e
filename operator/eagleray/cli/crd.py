"""`eagleray crd`: prints the CRD, and keeps everything that is generated from the API fresh."""

from pathlib import Path
from typing import Annotated

import typer

from eagleray.api.crd.manifest import crd_yaml
from eagleray.api.crd.reference import reference_page
from eagleray.api.generate import stale, write


def crd(
    *,
    docs: Annotated[bool, typer.Option("--docs", help="Print the API reference page instead.")] = False,
    out: Annotated[
        Path | None,
        typer.Option("--write", help="Write CRD, chart copy and reference page into this checkout instead."),
    ] = None,
    check: Annotated[
        Path | None,
        typer.Option("--check", help="Only check that this checkout has them fresh; exit 1 if not."),
    ] = None,
) -> None:
    """Print the CustomResourceDefinition as YAML, ready for `kubectl apply -f -`."""
    if check is not None:
        names = stale(check)
        for name in names:
            typer.echo(f"{name} is stale; run `eagleray crd --write {check}`", err=True)
        raise typer.Exit(1 if names else 0)
    if out is not None:
        for name in write(out):
            typer.echo(f"wrote {name}")
        return
    typer.echo(reference_page() if docs else crd_yaml(), nl=False)
