"""`eagleray operator`: the operator process."""

import asyncio
from importlib.metadata import version

import structlog
import typer

from eagleray.engine.look import Engine
from eagleray.runtime import app, logs
from eagleray.runtime.settings import SettingsError, from_environment

log = structlog.get_logger(__name__)


def operator() -> None:
    """Run the operator in a cluster, or against KUBECONFIG; settings are EAGLERAY_* environment variables."""
    try:
        settings = from_environment()
    except SettingsError as e:
        raise typer.BadParameter(str(e)) from e
    logs.configure(settings.log_level)
    try:
        asyncio.run(app.run(settings, Engine, version=version("eagleray")))
    except Exception as e:
        log.exception("The operator failed")
        raise typer.Exit(1) from e
