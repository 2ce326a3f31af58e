"""Words of stores, archives and models made fit for a log and a terminal."""

import re

# ECMA-48's control sequences, of which colours are the ones that libraries write.
_SEQUENCES = re.compile(r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]")


def visible(text: str) -> str:
    """A text on one line without all that a terminal acts on, turns the direction of writing by, or cannot show."""
    plain = _SEQUENCES.sub("", text)
    if plain.isprintable():
        return plain
    return "".join(c if c.isprintable() else " " if c.isspace() else "" for c in plain)
