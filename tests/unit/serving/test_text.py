"""Words of others in the logs of init containers, batch predictions and the model server."""

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eagleray_serving.errors import first_line
from eagleray_serving.fetch.progress import say
from eagleray_serving.text import visible

UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def test_of_all_of_unicode_nothing_passes_that_controls_or_formats() -> None:
    everything = "".join(map(chr, range(sys.maxunicode + 1)))
    passed = visible(everything)
    assert not {c for c in passed if unicodedata.category(c) in UNSEEN}
    assert len(passed) > 100_000, "what is seen stays"


@given(st.text() | st.text(st.sampled_from("\x1b\x9b[]0;m\r\n\ta\u202e\u2028")))
def test_what_is_seen_is_one_line(text: str) -> None:
    assert visible(text).isprintable()
    assert visible(visible(text)) == visible(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;a title\x07text", "]0;a titletext"),
        ("user\u202egpj.exe\u200b", "usergpj.exe"),
        ("a\tb\u2028c", "a b c"),
        ("naïve 模型 ✓", "naïve 模型 ✓"),
    ],
)
def test_only_what_is_seen_stays(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_logs_and_messages_have_it(capsys: pytest.CaptureFixture[str]) -> None:
    say("a\x1b]0;title\x07\nb")
    assert capsys.readouterr().out == "a]0;title b\n"
    assert first_line(ValueError("\x1b[31m\n\u202e\nwhy\x07\nmore")) == "why"
