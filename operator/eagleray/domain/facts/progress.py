"""How far what takes long in a Pod is, as the Pod tells it: the download of a model, or a constructor."""

from dataclasses import dataclass

# So long without anything new it is no progress any more: stores send some megabytes at once.
STALLED_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Progress:
    """A download in a Pod, or a constructor that says that it lives.

    Attributes:
        done: bytes that are there.
        total: bytes in all; None where nobody knows.
        rate: bytes a second of late.
        still: seconds since the last byte, 0 once all are there; of a constructor since it last said anything.
        said: what a constructor says of itself, which may be nothing but that it lives (""); None of a download.
    """

    done: int
    total: int | None = None
    rate: float = 0.0
    still: float = 0.0
    said: str | None = None

    @property
    def stalled(self) -> bool:
        """Whether there was nothing new for long."""
        return self.still >= STALLED_SECONDS

    def __str__(self) -> str:
        """How far it is, and how fast."""
        if self.said is not None:
            since = f", nothing new for {self.still:.0f} s" if self.stalled else ""
            return f"{self.said or 'it says that it lives'}{since}"
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
