"""What the commands print: words of Pods, stores and users are text there, and nothing that a terminal acts on."""

import os
import sys
from collections.abc import Iterable
from typing import Any, Final

import typer
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from eagleray.domain.facts.text import clean, strip_ansi

PIPE_WIDTH: Final = 240
"""Wide enough that nothing is cut where a program, or `less -S`, reads it."""
_LONGEST: Final = 8192


class Terminal(Console):
    """A console on which no text is markup, and nothing acts but what the drawing itself asks for.

    Args:
        options: those of rich's `Console`.
    """

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 -- rich's own
        super().__init__(markup=False, emoji=False, highlight=False, **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render as rich does; every piece of text passes here, and is cleaned."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=strip_ansi(segment.text))


def terminal() -> Terminal:
    """The terminal, or the pipe, that a command was called at."""
    piped = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    return Terminal(width=PIPE_WIDTH if piped else None)


def say(text: str) -> None:
    """Print text to standard output."""
    typer.echo(strip_ansi(text))


def complain(message: str) -> None:
    """Print what went wrong to standard error, on one line."""
    typer.echo(f"Error: {clean(message, _LONGEST)}", err=True)
