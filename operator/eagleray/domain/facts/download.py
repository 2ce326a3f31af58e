"""How far the download of a model is, as the init container tells it."""

from dataclasses import dataclass

# So long without a byte, a download is no progress any more: stores send some megabytes at once.
STALLED_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Download:
    """A download in a Pod.

    Attributes:
        done: bytes that are there.
        total: bytes in all; None where nobody knows.
        rate: bytes a second of late.
        still: seconds since the last byte; 0 once all are there.
    """

    done: int
    total: int | None = None
    rate: float = 0.0
    still: float = 0.0

    @property
    def stalled(self) -> bool:
        """Whether no byte has come for long."""
        return self.still >= STALLED_SECONDS

    def __str__(self) -> str:
        """How far it is, and how fast."""
        share = f" of {_size(self.total)} ({self.done * 100 // self.total} %)" if self.total else ""
        pace = f"no byte for {self.still:.0f} s" if self.stalled else f"{_size(self.rate)}/s"
        return f"{_size(self.done)}{share}, {pace}"


def _size(count: float) -> str:
    """Bytes for people: `12.3 MiB`."""
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"
