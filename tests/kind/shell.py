"""Runs other programs: output to a log, failure with the log's name."""

import os
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path

from . import cache
from .progress import HarnessError

Words = Sequence[str] | Sequence[Path] | Sequence[str | Path]
"""A program and its arguments."""

_running: set[subprocess.Popen[bytes]] = set()
_lock = threading.Lock()
_stopping = threading.Event()


def run(
    args: Words,
    *,
    log: str,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: bytes | None = None,
    hint: str = "",
) -> None:
    """Run a program to its end.

    Args:
        args: The program and its arguments.
        log: Name of the log, which is begun anew by `fresh_log` and appended to here.
        cwd: Where to run it.
        env: Variables on top of this process's own.
        stdin: What it reads; nothing otherwise.
        hint: What a person should do if it fails.

    Raises:
        HarnessError: It could not be started or ended with an exit status other than 0.
    """
    path = log_path(log)
    words = [str(a) for a in args]
    with path.open("ab") as output:
        output.write(f"$ {' '.join(words)}\n".encode())
        output.flush()
        with _lock:
            if _stopping.is_set():
                raise HarnessError(f"{words[0]} was not started, because something beside it failed")
            try:
                process = subprocess.Popen(
                    words,
                    stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    cwd=cwd,
                    env={**os.environ, **(env or {})},
                )
            except FileNotFoundError:
                raise HarnessError(f"{words[0]} is not installed", hint=hint) from None
            _running.add(process)
        try:
            process.communicate(stdin)
        finally:
            with _lock:
                _running.discard(process)
    if process.returncode:
        shown = " ".join(words[:4])
        raise HarnessError(f"`{shown}` ended with exit status {process.returncode}", log=path, hint=hint)


def capture(args: Words, *, timeout: float = 60, stdin: str | None = None) -> str:
    """Run a quick program and return what it writes to standard output.

    Raises:
        HarnessError: It is missing, too slow, or ended with an exit status other than 0.
    """
    words = [str(a) for a in args]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=timeout, check=True, input=stdin or "")
    except FileNotFoundError:
        raise HarnessError(f"{words[0]} is not installed") from None
    except subprocess.TimeoutExpired:
        raise HarnessError(f"`{' '.join(words[:4])}` took more than {timeout:.0f} s") from None
    except subprocess.CalledProcessError as e:
        raise HarnessError(f"`{' '.join(words[:6])}`: {(e.stderr or e.stdout).strip()}") from None
    return done.stdout


def succeeds(args: Words, *, timeout: float = 60) -> bool:
    """Whether a quick program ends with exit status 0."""
    try:
        capture(args, timeout=timeout)
    except HarnessError:
        return False
    return True


def log_path(name: str) -> Path:
    """The file of the log with this name."""
    return cache.logs() / f"{name}.log"


def fresh_log(name: str) -> None:
    """Begin a log anew; the one before is kept beside it."""
    path = log_path(name)
    if path.exists():
        path.replace(path.with_suffix(".log.1"))


def together(*tasks: Callable[[], object], at_once: int = 0) -> None:
    """Run tasks side by side; when one fails, end the programs of the others and raise its failure.

    Args:
        tasks: The tasks, of which the first begin first.
        at_once: How many run at the same time; 0 for all.
    """
    with ThreadPoolExecutor(max_workers=at_once or len(tasks)) as pool:
        futures = [pool.submit(task) for task in tasks]
        done, _ = wait(futures, return_when=FIRST_EXCEPTION)
        first = next((e for f in done if (e := f.exception())), None)
        if first is None:
            return
        with _lock:
            _stopping.set()
            for process in _running:
                process.terminate()
    raise first
