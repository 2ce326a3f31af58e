"""What Serve's messages mean: a traceback becomes a reason and the one line that a person needs.

The messages are those of Ray 2.60; `tests/unit/ray/serve_messages.json` has real ones.
"""

import re
from typing import Final

from eagleray.api.conditions import Reason
from eagleray.domain.facts.text import clean, last_line, strip_ansi

MAX_LINE: Final = 500

# The head of an exception in a traceback: it starts the line, the frames above it are indented.
_EXCEPTION: Final = re.compile(r"^[A-Za-z_][\w.]*(?:Error|Exception|Exit|Interrupt|Timeout)(?::|\(|$)")
_PROCESS_DIED: Final = re.compile(r"^(?:ray\.exceptions\.)?ActorDiedError\(?")
_OUT_OF_MEMORY: Final = re.compile(r"OutOfMemoryError|MemoryError|OOM ?kill|running low on memory", re.IGNORECASE)
_MODEL_LOAD: Final = re.compile(r"(?:^|[.\s])ModelLoadError\b")
# Ray's memory monitor tells of its kill in two dozen lines, of which these few words matter.
_MEMORY_USED: Final = re.compile(r"OutOfMemoryError.*?was ([\d.]+GB used / [\d.]+GB limit)")
_BUILD_TASK: Final = "build_serve_application"
_START: Final = ("initialize_and_get_metadata", "failed to start")
# A deployment is still retried while its message begins like this; the rest is the last try's exception.
RETRYING: Final = "A replica failed to start"


def classify_deploy_failure(message: str) -> Reason:
    """Name the reason of a failed application or deployment by Serve's message about it.

    Args:
        message: `message` of the application or the deployment, whole.
    """
    found = _exception(message)
    if _OUT_OF_MEMORY.search(found):
        return Reason.OUT_OF_MEMORY
    if _MODEL_LOAD.search(found):
        return Reason.MODEL_LOAD_FAILED
    if _BUILD_TASK in message:
        return Reason.IMPORT_FAILED
    if any(mark in message for mark in _START):
        return Reason.CONSTRUCTOR_FAILED
    return Reason.DEPLOY_FAILED


def failure_line(message: str) -> str:
    """Find the exception in Serve's message, its type and its own words, in one line without ANSI codes.

    Args:
        message: a traceback, tracebacks of several processes after each other, or a sentence.

    Returns:
        The innermost exception; a message without one gives its last line.
    """
    found = _exception(message)
    if used := _MEMORY_USED.search(found):
        return f"a replica was killed for want of memory: its Pod had {used[1]}; raise resources.limits.memory"
    if _PROCESS_DIED.match(found):
        return f"the replica's process died while it started: it crashed, or was killed for want of memory ({found})"
    return found


def _exception(message: str) -> str:
    lines = [line.rstrip() for line in strip_ansi(message).splitlines() if line.strip()]
    heads = [n for n, line in enumerate(lines) if _EXCEPTION.match(line)]
    return clean(" ".join(lines[heads[-1] :]), MAX_LINE) if heads else last_line(message, MAX_LINE)
