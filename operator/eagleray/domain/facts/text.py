"""Words of others made fit for a condition's message, a log and a terminal."""

import re

MAX_MESSAGE = 1024
# ECMA-48: control sequences (CSI), strings that a terminal takes as orders (OSC, DCS, SOS, PM, APC) up to their end,
# and every other escape; each by its two-character form and by its C1 form.
_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)"
    r"|\x1b[ -/]*[0-~]"
)
_ODD = re.compile(r"[^\n\t -~]+")


def strip_ansi(text: str) -> str:
    """Strip all that a terminal acts on instead of showing it; line breaks and tabs stay.

    That is escape sequences, control characters, and those that turn the direction of writing or cannot be seen.
    """
    return _ODD.sub(_visible, _ESCAPES.sub("", text))


def _visible(odd: re.Match[str]) -> str:
    if odd[0].isprintable():
        return odd[0]
    return "".join(c if c.isprintable() else " " for c in odd[0] if c.isprintable() or c.isspace())


def clean(text: str, limit: int = MAX_MESSAGE) -> str:
    """Strip what `strip_ansi` does and line breaks from `text`, and cut it to `limit` characters."""
    flat = " ".join(strip_ansi(text).split())
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"


def last_line(text: str, limit: int = MAX_MESSAGE) -> str:
    """The last line of `text` that says something, cleaned; "" where none does."""
    lines = [line for line in strip_ansi(text).splitlines() if line.strip()]
    return clean(lines[-1], limit) if lines else ""
