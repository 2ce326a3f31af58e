"""Words of others made fit for a condition's message."""

import re

_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
MAX_MESSAGE = 1024


def strip_ansi(text: str) -> str:
    """Strip the codes that colour a terminal."""
    return _ANSI.sub("", text)


def clean(text: str, limit: int = MAX_MESSAGE) -> str:
    """Strip ANSI codes and line breaks from `text` and cut it to `limit` characters."""
    flat = " ".join(strip_ansi(text).split())
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"


def last_line(text: str, limit: int = MAX_MESSAGE) -> str:
    """The last line of `text` that says something, cleaned; "" where none does."""
    lines = [line for line in strip_ansi(text).splitlines() if line.strip()]
    return clean(lines[-1], limit) if lines else ""
