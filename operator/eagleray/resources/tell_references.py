"""Tells values of variables apart without telling them: docs/adr/0027-references.md.

Nothing of the operator imports this file: `resources/references.py` hands its text to the Python of the image.
"""

import hmac
import os
import sys
from pathlib import Path

_TOKEN = b"RAY_AUTH_TOKEN"
_HEX_DIGITS = 8


def main(told: Path = Path("/dev/termination-log")) -> None:
    """Write a digest for each argument, which names variables with commas between them; the kubelet reads it.

    A name with `*` at its end stands for all variables that begin so.
    """
    told.write_text(" ".join(_digest(names.encode().split(b",")) for names in sys.argv[1:]))


def _digest(names: list[bytes]) -> str:
    """Nobody can try out values who does not have the token; and of equal values all who have it get the same."""
    values = repr([_value(name) for name in names]).encode()
    return hmac.new(os.environb[_TOKEN], values, "sha256").hexdigest()[:_HEX_DIGITS]


def _value(name: bytes) -> object:
    if not name.endswith(b"*"):
        return os.environb.get(name)
    return sorted(each for each in os.environb.items() if each[0].startswith(name[:-1]))


if __name__ == "__main__":
    main()
