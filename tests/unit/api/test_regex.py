"""How large the program of a regular expression is taken to be, and what all rules may have together."""

import pytest
from pydantic import ValidationError

from eagleray.api.regex import program_size
from eagleray.api.traffic import MAX_PROGRAM_SIZE, Traffic

UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
# Bounds by hand: an instruction for each character that is matched, a dozen for one that may be any.
SIZES = {
    "abc": (3, 12),
    "^de-.*": (5, 30),
    "x|y": (2, 12),
    UUID: (36, 300),
    ".{99}": (900, 2000),
    "(a{9}){9}": (81, 400),
    "[^/]+": (10, 40),
    "ä": (2, 12),
}


@pytest.mark.parametrize(("pattern", "least", "most"), [(p, *bounds) for p, bounds in SIZES.items()], ids=SIZES)
def test_a_program_is_about_as_large_as_what_has_to_be_matched(pattern: str, least: int, most: int) -> None:
    assert least <= program_size(pattern) <= most


@pytest.mark.parametrize("pattern", ["(a", "(?P<", "[z-a]"])
def test_what_is_none_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="is no regular expression; write one as RE2 reads it"):
        program_size(pattern)


def traffic(pattern: str, count: int) -> Traffic:
    rules = [{"header": {"name": "x", "regex": pattern}, "version": "default"}] * count
    return Traffic.model_validate({"rules": rules})


def test_sixteen_rules_of_what_people_write_are_taken() -> None:
    assert sum(rule.program_size for rule in traffic(UUID, 16).rules or ()) <= MAX_PROGRAM_SIZE


@pytest.mark.parametrize(("pattern", "count"), [(".{99}", 4), ("(.{50}){50}", 1), ("(((a{99}){9}){9}){9}", 1)])
def test_rules_that_take_too_much_together_are_refused(pattern: str, count: int) -> None:
    with pytest.raises(ValidationError, match=r"rules: their regular expressions take \d+ instructions"):
        traffic(pattern, count)
