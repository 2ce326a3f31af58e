"""A limit of memory as a container has it, where this machine lets one be made."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

V1 = Path("/sys/fs/cgroup/memory")


@dataclass(frozen=True, slots=True)
class MemoryLimit:
    """A control group whose processes the kernel ends where they have more than its limit.

    Attributes:
        folder: where the kernel shows it; None where none could be made.
    """

    folder: Path | None

    @property
    def launcher(self) -> tuple[str, ...]:
        """What begins a command that is to run within it."""
        if self.folder is None:
            return ()
        return ("sh", "-c", f'echo $$ > {self.folder}/cgroup.procs && exec "$@"', "sh")

    @property
    def peak(self) -> int | None:
        """The most bytes that its processes had, or None."""
        return int((self.folder / "memory.max_usage_in_bytes").read_text()) if self.folder else None


@contextlib.contextmanager
def memory_limit(size: int) -> Iterator[MemoryLimit]:
    """Such a group of so many bytes, until the block ends; its processes have ended then."""
    folder = V1 / f"eagleray-{os.getpid()}-{size}"
    try:
        folder.mkdir()
        (folder / "memory.limit_in_bytes").write_text(str(size))
    except OSError:
        yield MemoryLimit(None)
        return
    try:
        yield MemoryLimit(folder)
    finally:
        folder.rmdir()
