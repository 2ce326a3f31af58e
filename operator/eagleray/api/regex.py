"""How much of Envoy a regular expression takes: an estimate of the program that RE2 makes of it."""

import re
import re._constants as ops  # type: ignore[import-not-found]
import re._parser as parser  # type: ignore[import-not-found]
from collections.abc import Callable
from typing import Any

# RE2 works on bytes: of a character outside ASCII it makes several instructions, of any character a dozen.
ANY_CHARACTER = 12
A_CHARACTER = 1
# Before and behind an alternative, a group, a repetition.
AROUND = 2
Parsed = Any


def program_size(pattern: str) -> int:
    """Instructions of a regular expression's program, about.

    Raises:
        ValueError: `pattern` is no regular expression.
    """
    try:
        return _of_all(parser.parse(pattern))
    except (re.error, RecursionError) as e:
        raise ValueError(f"{pattern!r} is no regular expression; write one as RE2 reads it, such as ^de-.*") from e


def _of_all(parsed: Parsed) -> int:
    return sum(_SIZES.get(op, _of_character)(argument) for op, argument in parsed)


def _of_character(argument: Parsed) -> int:
    return A_CHARACTER if not isinstance(argument, int) or argument < 128 else ANY_CHARACTER


def _of_any(_: Parsed) -> int:
    return ANY_CHARACTER


def _of_set(members: Parsed) -> int:
    simple = all(op in {ops.LITERAL, ops.RANGE} for op, _ in members)
    ascii_only = simple and all(max(a if isinstance(a, tuple) else (a,)) < 128 for _, a in members)
    return len(members) * (A_CHARACTER if ascii_only else ANY_CHARACTER)


def _of_branches(argument: Parsed) -> int:
    return sum(_of_all(branch) + AROUND for branch in argument[1])


def _of_group(argument: Parsed) -> int:
    return int(_of_all(argument[-1])) + AROUND


def _of_repetition(argument: Parsed) -> int:
    least, most, repeated = argument
    times = least + 1 if most is ops.MAXREPEAT else most
    return int(times * (_of_all(repeated) + AROUND))


_SIZES: dict[Any, Callable[[Parsed], int]] = {
    ops.ANY: _of_any,
    ops.NOT_LITERAL: _of_any,
    ops.IN: _of_set,
    ops.BRANCH: _of_branches,
    ops.SUBPATTERN: _of_group,
    ops.MAX_REPEAT: _of_repetition,
    ops.MIN_REPEAT: _of_repetition,
}
