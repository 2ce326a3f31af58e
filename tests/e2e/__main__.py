"""python -m e2e [ARGS of pytest]: the suite, phase by phase (tests/e2e/modules.py); WORKERS=1 runs one test at a time.

A phase whose tests fail does not keep the next from running; the exit status is the first that is not 0.
"""

import os
import signal
import subprocess
import sys

from e2e.cluster import REPO
from e2e.modules import PHASES, of_phase

# One test mostly waits, and two keep two cores busy: what they wait for has deadlines that allow for it (wait.py).
WORKERS = 2
NOTHING_CHOSEN, INTERRUPTED = 5, 2
CHART = "tests/golden/helm"  # needs helm, and no cluster


def command(phase: str, workers: int, arguments: list[str]) -> list[str]:
    """The call of pytest that runs one phase.

    Args:
        phase: One of PHASES.
        workers: How many groups of tests run side by side where the phase allows it.
        arguments: What the user says to pytest.
    """
    pytest = [sys.executable, "-m", "pytest", "-m", f"e2e and {phase}", "--durations=40", "--durations-min=10"]
    if workers > 1 and phase != "alone":
        pytest += ["-v", "-n", str(workers), "--dist", "loadscope", "--no-loadscope-reorder"]
    files = [f"tests/e2e/{module}.py" for module in of_phase(phase)]
    return [*pytest, *([CHART] if phase == "beside" else []), *files, *arguments]


def main(arguments: list[str]) -> int:
    """Run all phases; the exit status of the first that failed, or 0."""
    workers = int(os.environ.get("WORKERS") or WORKERS)
    statuses = []
    for phase in PHASES:
        sys.stdout.write(f"\n=== {phase}: see tests/e2e/modules.py\n")
        sys.stdout.flush()
        statuses.append(run(command(phase, workers, arguments)))
        if statuses[-1] == INTERRUPTED:
            break
    return status(statuses)


def run(call: list[str]) -> int:
    """Run a phase; whoever asks this process to stop means its pytest, too."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(INTERRUPTED))
    with subprocess.Popen(call, cwd=REPO) as process:
        try:
            return process.wait()
        finally:
            process.terminate()


def status(statuses: list[int]) -> int:
    """What to exit with: that nothing was chosen counts only where it is so in every phase."""
    chosen = [status for status in statuses if status != NOTHING_CHOSEN]
    return next((status for status in chosen if status), 0) if chosen else NOTHING_CHOSEN


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
