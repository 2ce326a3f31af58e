"""Words of others: nothing of them may act on a terminal."""

import sys
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from eagleray.domain.facts.text import clean, last_line, strip_ansi


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b[38;2;1;2;3mred\x1b[K", "red"),
        ("\x1b[?25lhidden\x1b[?25h", "hidden"),
        ("\x9b31mred", "red"),
        ("\x1b]0;a title\x07text", "text"),
        ("\x1b]8;;http://elsewhere\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x9d52;c;cGFzdGU=\x9ctext", "text"),
        ("\x1bPq#0~\x1b\\text", "text"),
        ("\x1b_Gpicture\x1b\\text\x1b^private\x9cmore\x1bXstring\x1b\\", "textmore"),
        ("\x1b]0;never ended", "0;never ended"),
        ("\x1b[31", "31"),
        ("\x1b(0lines\x1b(B\x1bcreset\x1b7\x1b=", "linesreset"),
        ("a\x1b[3\x1b[1m1mb", "a31mb"),
        ("over\rwritten\x08\x7f\x00\x0e", "over written"),
        ("a\x85b\u2028c\xa0d", "a b c d"),
        ("user\u202egpj.exe\u2066\u200b\ufeff\u200f", "usergpj.exe"),
        ("\ud800broken", "broken"),
        ("naïve 模型 ✓", "naïve 模型 ✓"),
    ],
)
def test_only_what_is_seen_stays(text: str, shown: str) -> None:
    assert clean(text) == shown


def test_line_breaks_stay_until_they_are_taken_out() -> None:
    assert strip_ansi("one\n\ttwo\r\n") == "one\n\ttwo \n"
    assert last_line("first\nlast\x1b[0m\n\x1b[0m\n") == "last"


ESCAPES = st.text(st.sampled_from("\x1b\x9b\x9d\x9c\x90\x07[]P\\;0m\r\n\t a\u202e\x85\u2028"))


@given(st.text() | ESCAPES, st.integers(1, 50))
@example("\x1b\x1b[m[31m", 50)
def test_nothing_that_a_terminal_acts_on_survives(text: str, limit: int) -> None:
    for shown in (clean(text, limit), last_line(text, limit)):
        assert shown.isprintable()
        assert len(shown) <= limit
    assert all(c.isprintable() or c in "\n\t" for c in strip_ansi(text))
    assert clean(clean(text)) == clean(text)


UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
TURNING = {"LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI", "BN", "B", "S"}


def test_of_all_of_unicode_nothing_passes_that_controls_or_formats() -> None:
    everything = "".join(map(chr, range(sys.maxunicode + 1)))
    for passed in (clean(f"{c}{everything}{c}", sys.maxsize) for c in "\x1b\x9b a"):
        found = {c for c in passed if unicodedata.category(c) in UNSEEN or unicodedata.bidirectional(c) in TURNING}
        assert not found
        assert len(passed) > 100_000, "what is seen stays"
    assert {c for c in strip_ansi(everything) if unicodedata.category(c) in UNSEEN} == {"\n", "\t"}
