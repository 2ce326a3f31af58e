"""How far a batch prediction is: counted by each process that answers, added up and said by the one that leads."""

import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from threading import Event, Thread
from types import TracebackType
from typing import Self

from eagleray_serving.fetch.progress import say

PERIOD_SECONDS = 5.0
_ENDING = ".tally"


class Tally:
    """Rows that are answered and bytes that are read, by part, in files that processes of one Pod share.

    Args:
        folder: Where these files are.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def note(self, part: str, rows: int, size: int) -> None:
        """Note how far a part is.

        Args:
            part: Its name.
            rows: Rows that are answered.
            size: Bytes that are read.
        """
        file = self._folder / f"{sha256(part.encode()).hexdigest()}{_ENDING}"
        written = file.with_suffix(".new")
        written.write_text(f"{rows} {size}")
        written.replace(file)

    def total(self) -> tuple[int, int]:
        """Rows and bytes of all parts."""
        found = [file.read_text().split() for file in self._folder.glob(f"*{_ENDING}")]
        return sum(int(rows) for rows, _ in found), sum(int(size) for _, size in found)


class Progress:
    """Says every few seconds how far it is, for as long as the block lasts.

    Args:
        tally: What is counted.
        parts: How many parts there are to do.
        size: How many bytes they have.
        clock: Seconds that only grow.
    """

    def __init__(self, tally: Tally, parts: int, size: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._tally = tally
        self._parts = parts
        self._size = size
        self._clock = clock
        self._start = clock()
        self._ended = Event()
        self._thread = Thread(target=self._keep_saying, name="progress", daemon=True)
        self.done = 0

    def line(self) -> str:
        """How far it is, in a line."""
        rows, size = self._tally.total()
        seconds = max(self._clock() - self._start, 1e-3)
        told = f"{self.done} of {self._parts} parts, {rows} rows, {rows / seconds:.0f} rows/s"
        if self._size and 0 < size < self._size:
            told += f", {100 * size // self._size} %, {seconds * (self._size - size) / size:.0f} s left"
        return told

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _keep_saying(self) -> None:
        while not self._ended.wait(PERIOD_SECONDS):
            say(self.line())
