"""Waiting for a condition: with a deadline, and with the last word of what was waited for."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

POLL_SECONDS = 0.5
# A machine that runs the other tests beside these is so many times slower than an idle one, for which deadlines are.
BUSY = 3


class NotInTimeError(AssertionError):
    """What was waited for did not come about."""


class NotYetError(Exception):
    """Raised by a check that does not hold yet; the text says how things stand."""


def eventually(what: str, check: Callable[[], T], *, within: float, poll: float = POLL_SECONDS) -> T:
    """Repeat `check` until it returns without NotYetError, and return what it returns.

    Args:
        what: what is waited for, for the failure's message.
        check: raises NotYetError, saying how things stand, as long as it does not hold.
        within: seconds until the wait fails, on an idle machine.
        poll: seconds between two checks.

    Raises:
        NotInTimeError: the deadline passed.
    """
    deadline = time.monotonic() + BUSY * within
    while True:
        try:
            return check()
        except NotYetError as e:
            if time.monotonic() >= deadline:
                raise NotInTimeError(f"{what}: not within {BUSY * within:.0f} s; last seen: {e}") from None
        time.sleep(poll)


def stays(what: str, check: Callable[[], None], *, for_seconds: float, poll: float = POLL_SECONDS) -> None:
    """Repeat `check` for a while; it must never raise.

    Raises:
        AssertionError: `check` raised NotYetError, with its text.
    """
    deadline = time.monotonic() + for_seconds
    while time.monotonic() < deadline:
        try:
            check()
        except NotYetError as e:
            raise AssertionError(f"{what}: {e}") from None
        time.sleep(poll)
