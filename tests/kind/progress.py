"""What a person sees: numbered steps, the time that they take, and a failure that says what to do."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from . import cache

_began = time.monotonic()
_lock = threading.Lock()


class HarnessError(Exception):
    """A step that did not work, told so that a person can act on it.

    Args:
        what: One sentence: what failed.
        log: The file whose last lines show why.
        hint: What to do next.
    """

    def __init__(self, what: str, *, log: Path | None = None, hint: str = "") -> None:
        super().__init__(what)
        self.log = log
        self.hint = hint


def clock(seconds: float) -> str:
    """Minutes and seconds, as `3:07`."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def say(text: str) -> None:
    """One line, with the time since the command began in front."""
    with _lock:
        sys.stdout.write(f"{clock(time.monotonic() - _began):>6}  {text}\n")
        sys.stdout.flush()


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Say that something costly begins and how long it took; keep the figure in logs/durations.tsv."""
    began = time.monotonic()
    say(f"{what} ...")
    yield
    seconds = time.monotonic() - began
    say(f"{what}: done in {clock(seconds)}")
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    with (cache.logs() / "durations.tsv").open("a") as durations:
        durations.write(f"{stamp}\t{seconds:.0f}\t{what}\n")


class Steps:
    """Numbers the steps of a long command.

    Args:
        total: How many there are.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self._number = 0

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Run one step under its number and title."""
        self._number += 1
        began = time.monotonic()
        say(f"[{self._number}/{self._total}] {title}")
        yield
        say(f"[{self._number}/{self._total}] {title}: done ({clock(time.monotonic() - began)})")


def report(failure: HarnessError) -> None:
    """Say on standard error what failed, the end of its log, and what to do."""
    lines = ["", f"FAILED: {failure}"]
    if failure.log and failure.log.exists():
        tail = failure.log.read_text(errors="replace").splitlines()[-25:]
        lines += [f"The end of {failure.log}:", *(f"    {line}" for line in tail)]
    if failure.hint:
        lines.append(f"What to do: {failure.hint}")
    sys.stderr.write("\n".join(lines) + "\n")
