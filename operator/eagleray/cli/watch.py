"""`status`: one drawing, or one after another."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from datetime import UTC, datetime

from rich.console import Console
from rich.live import Live

from eagleray.cli.cluster import Cluster
from eagleray.cli.draw import draw_status
from eagleray.cli.model import Model
from eagleray.cli.outcome import Ended, ended
from eagleray.cli.pods import ListedPod
from eagleray.kube.errors import TransientError

PERIOD = 1.0

Seen = tuple[Model, list[ListedPod]]


async def look(cluster: Cluster, name: str) -> Seen:
    """Read an object and its Pods."""
    return await cluster.model(name), await cluster.pods(name)


async def watch(
    cluster: Cluster,
    name: str,
    console: Console,
    *,
    until_done: bool,
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> Ended:
    """Draw an object again and again.

    On a terminal every second, as times count down; elsewhere, where each drawing stays, only when something changed.

    Args:
        cluster: where it is.
        name: its name.
        console: where to draw.
        until_done: whether to end with the rollouts; without it only an error or Ctrl-C ends it.
        pause: waits some seconds.

    Returns:
        How the rollouts ended.

    Raises:
        CliError: the object is not there any more.
        KubeError: the API server refuses; no answer at all is only noted, once there was one.
    """
    seen, note, before = await look(cluster, name), "", None
    with Live(console=console, auto_refresh=False) if console.is_terminal else nullcontext() as live:
        while True:
            if live is not None:
                live.update(draw_status(*seen, datetime.now(UTC), note), refresh=True)
            elif (seen, note) != before:
                console.print(draw_status(*seen, datetime.now(UTC), note), end="\n\n")
            before = (seen, note)
            if until_done and (end := ended(seen[0])):
                return end
            await pause(PERIOD)
            try:
                seen, note = await look(cluster, name), ""
            except TransientError as e:
                note = f"Not up to date: {e}"
