"""Marks, ages and short forms that every drawing uses; the marks are those of Argo Rollouts."""

from datetime import datetime

from rich.table import Table
from rich.text import Text

from eagleray.domain.facts.text import clean

_GOOD = ("✔", "green")
_BAD = ("✖", "red")
_BUSY = ("◌", "cyan")
_HELD = ("॥", "yellow")
_UNSURE = ("?", "yellow")
_MARKS = {
    **dict.fromkeys(("Healthy", "Running", "Serving", "Successful", "Succeeded"), _GOOD),
    **dict.fromkeys(("Progressing", "Pending", "ContainerCreating", "Terminating", "Starting"), _BUSY),
    **dict.fromkeys(("Paused", "Suspended"), _HELD),
    **dict.fromkeys(("Inconclusive", "NoData", "Unknown"), _UNSURE),
    **dict.fromkeys(("Replaced", "Abandoned", ""), ("•", "dim")),
}
_BAR = 20
_ID = 12


def marked(word: str) -> Text:
    """A status word behind its mark; one that is not known is a failure's name."""
    mark, style = _MARKS.get(word, _BAD)
    return Text(f"{mark} {word}".rstrip(), style)


def bar(percent: int) -> Text:
    """A share as a bar with its number."""
    full = round(_BAR * percent / 100)
    return Text.assemble(("█" * full, "green"), ("░" * (_BAR - full), "dim"), f" {percent}%")


def age(since: datetime | None, now: datetime) -> str:
    """How long ago, in the unit that `kubectl` would choose: `45s`, `12m`, `5h`, `3d`; "" for no time at all."""
    if since is None:
        return ""
    seconds = max(0, int((now - since).total_seconds()))
    for unit, size, limit in (("s", 1, 120), ("m", 60, 7200), ("h", 3600, 172_800)):
        if seconds < limit:
            return f"{seconds // size}{unit}"
    return f"{seconds // 86_400}d"


def short_image(image: str) -> str:
    """An image without its registry, and with the start of its digest alone."""
    name, _, digest = image.rpartition("/")[2].partition("@sha256:")
    return f"{name}@{digest[:_ID]}" if digest else name


def said(message: str) -> Text:
    """A message of others, on one line, its brackets not taken for markup."""
    return Text(clean(message), overflow="fold")


def columns(*headers: str) -> Table:
    """A table without lines, as `kubectl get` prints; columns marked with * give way where the terminal is narrow."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", pad_edge=False)
    for header in headers:
        table.add_column(header.removeprefix("*"), no_wrap=not header.startswith("*"), overflow="fold")
    return table


def pairs(*rows: tuple[str, Text | str]) -> Table:
    """Names and values, as `kubectl describe` prints; rows without a value are left out."""
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        if value:
            table.add_row(f"{name}:", value)
    return table
