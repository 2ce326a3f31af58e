"""Programs that a measurement starts, what they use, and their end."""

import os
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
END_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Running:
    """A program that runs.

    Attributes:
        process: the program.
        log: the file with what it says.
    """

    process: subprocess.Popen[bytes]
    log: Path

    def check(self) -> None:
        """Do nothing while it runs.

        Raises:
            RuntimeError: it has ended; the message has the end of its log.
        """
        if self.process.poll() is not None:
            tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-20:])
            raise RuntimeError(f"{self.log.stem} ended with {self.process.returncode}; {self.log} ends with:\n{tail}")

    def cpu_seconds(self) -> float:
        """The CPU time that it has used."""
        self.check()
        # After the name, which is in brackets and may hold anything.
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def memory_mib(self, field: str = "VmRSS") -> float:
        """The memory that it has now, or has had at most (`VmHWM`)."""
        self.check()
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:")) / 1024

    def stop(self) -> None:
        """Ask it to end, and end it where it does not."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def start(words: Sequence[str | Path], log: Path, environment: Mapping[str, str] | None = None) -> Running:
    """Start a program; what it says is appended to `log`.

    Args:
        words: the program and its arguments.
        log: the file.
        environment: variables on top of this process's own.
    """
    with log.open("ab") as output:
        process = subprocess.Popen(
            [str(word) for word in words],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
        )
    return Running(process, log)


@contextmanager
def running(words: Sequence[str | Path], log: Path, environment: Mapping[str, str] | None = None) -> Iterator[Running]:
    """A program that is stopped at the end; see `start`."""
    program = start(words, log, environment)
    try:
        yield program
    finally:
        program.stop()


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports
