"""The images that tests need: built behind the first tests, and waited for by those that need them."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

from .cluster import NAME, REPO, run

LOG = REPO / "build" / "e2e" / "images.log"
WITHIN_SECONDS = 1800.0


@dataclass(slots=True)
class Images:
    """What this process knows of them. Others may build the same: the harness sees to it that each is built once.

    Attributes:
        there: those that are on the nodes.
        behind: what builds the others, behind the tests.
    """

    there: set[str] = field(default_factory=set)
    behind: "subprocess.Popen[bytes] | None" = None

    def begin(self, names: Sequence[str]) -> None:
        """Begin to make all of these, in this order."""
        LOG.parent.mkdir(parents=True, exist_ok=True)
        with LOG.open("wb") as log:
            self.behind = subprocess.Popen(
                _command(names),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=_environment(),
                start_new_session=True,
            )

    def ensure(self, names: Sequence[str]) -> None:
        """Wait until these are on the nodes; one that nobody has begun is made now.

        Raises:
            CommandError: one cannot be built; its words are the harness' own.
        """
        if missing := [name for name in names if name not in self.there]:
            run(_command(missing), timeout=WITHIN_SECONDS, env=_environment())
            self.there |= set(missing)

    def end(self) -> None:
        """End what is still being built; whoever needs it begins anew."""
        if self.behind and self.behind.poll() is None:
            os.killpg(self.behind.pid, signal.SIGTERM)
            self.behind.wait()


def _command(names: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "kind", "images", NAME, *names]


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(REPO / "tests"), "PYTHONDONTWRITEBYTECODE": "1"}
