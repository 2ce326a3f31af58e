"""What the commands print: words of others are text, and nothing that a terminal acts on."""

import re
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.live import Live

from eagleray import cli
from eagleray.cli.draw import draw_revisions, draw_status
from eagleray.cli.model import read
from eagleray.cli.pods import read_pod
from eagleray.cli.scaling import draw_scaling
from eagleray.cli.terminal import Terminal, complain, say
from unit.cli.objects import NEW, OLD, manifest, pod, rollout

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
ACTS = "\x1b]52;c;cGFzdGU=\x07\x1b[2J\x9b31m\u202e[link=http://elsewhere]x[/link][/] :skull: "
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def hostile(value: Any) -> Any:
    """The same with texts that act on a terminal; names, times, words and numbers stay, as a status has those."""
    if isinstance(value, dict):
        return {
            key: hostile(part) if isinstance(part, dict | list) else _worded(key, part) for key, part in value.items()
        }
    return [hostile(part) for part in value] if isinstance(value, list) else value


def _worded(key: str, value: Any) -> Any:
    words = {"message", "uri", "image", "traffic", "url"}
    return f"{ACTS}{value}" if key in words and isinstance(value, str) else value


SCALING = {
    "version": "default", "revision": OLD, "deployment": "", "desired": 2, "minReplicas": 1, "maxReplicas": 4,
    "reason": "DesiredWithinRange", "message": "more",
    "changes": [{"at": "2026-03-01T11:00:00Z", "from": 1, "to": 2, "message": "why"}],
}  # fmt: skip
SEEN = hostile(manifest(rollout(phase="Progressing", message="waits"), scaling=[SCALING]))
PODS = [hostile(pod(f"{NEW}-head-1", "head", NEW, phase="Failed", reason="Evicted", message="no disk"))]
DRAWINGS = {
    "status": lambda: draw_status(read(SEEN), [read_pod(p) for p in PODS], NOW, f"Not up to date: {ACTS}"),
    "revisions": lambda: draw_revisions(read(SEEN), NOW),
    "scaling": lambda: draw_scaling(read(SEEN), NOW),
}


@pytest.mark.parametrize("name", DRAWINGS)
@pytest.mark.parametrize("colours", [None, "truecolor"])
def test_no_drawing_acts_on_a_terminal(name: str, colours: Any) -> None:
    drawing = DRAWINGS[name]()
    out = StringIO()
    Terminal(file=out, width=200, force_terminal=colours is not None, color_system=colours).print(drawing)
    drawn = COLOURS.sub("", out.getvalue())
    assert "[link=http://elsewhere]" in drawn
    assert ":skull:" in drawn
    assert all(line.isprintable() for line in drawn.split("\n"))


def test_a_drawing_that_is_drawn_again_still_moves_the_cursor() -> None:
    out = StringIO()
    console = Terminal(file=out, width=80, force_terminal=True, color_system=None)
    with Live(console=console, auto_refresh=False) as live:
        live.update("one", refresh=True)
        live.update(f"two {ACTS}", refresh=True)
    assert "\x1b[2K" in out.getvalue()
    assert "\x1b]52" not in out.getvalue()
    assert "\x1b[2J" not in out.getvalue()


def test_lines_are_cleaned(capsys: pytest.CaptureFixture[str]) -> None:
    say(f"row 1{ACTS}\nrow 2")
    complain(f"GET /x:\nyou may not{ACTS}")
    printed = capsys.readouterr()
    assert all(line.isprintable() for line in (printed.out + printed.err).split("\n"))
    assert printed.out.startswith("row 1")
    assert printed.err.startswith("Error: GET /x: you may not")


def test_nothing_else_prints() -> None:
    """`crd` prints what the operator itself is made of."""
    own = {"terminal.py", "crd.py"}
    sources = [file for file in Path(str(cli.__file__)).parent.glob("*.py") if file.name not in own]
    prints = re.compile(r"\bConsole\(|\becho\(|\bprint\(|stdout\.|stderr\.")
    found = {file.name: prints.findall(file.read_text()) for file in sources}
    assert {name: calls for name, calls in found.items() if set(calls) - {"print("}} == {}
    drawn = {file.name for file in sources if re.search(r"\bprint\(", file.read_text())}
    assert drawn <= {"plugin.py", "watch.py"}, "by the terminal that `terminal()` gives"
