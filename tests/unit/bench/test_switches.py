"""The switches that are measured are all that Ray Serve turns for throughput, and the table says what each makes."""

import re
from importlib.util import find_spec
from pathlib import Path

from bench.switches import table
from bench.switches.found import HEALTH, LONE, Found
from bench.switches.switch import SWITCHES, label


def turned_by_ray() -> dict[str, str]:
    """What `RAY_SERVE_THROUGHPUT_OPTIMIZED` turns, with the values: read, as Serve's modules warn when imported."""
    spec = find_spec("ray")
    assert spec is not None
    text = (Path(spec.origin or "").parent / "serve/_private/constants.py").read_text()
    block = re.search(r"\nif RAY_SERVE_THROUGHPUT_OPTIMIZED:\n((?:    .*\n)+)", text)
    assert block
    return dict(re.findall(r'"(RAY_SERVE_\w+)", "?(\w+)"?', block[1]))


def test_each_that_ray_turns_is_measured() -> None:
    measured = {name: value for switch in SWITCHES for name, value in switch.tuned.items()}
    assert measured.pop("RAY_SERVE_THROUGHPUT_OPTIMIZED") == "1"
    direct = "RAY_SERVE_ENABLE_DIRECT_INGRESS"
    assert measured | {direct: "1"} == turned_by_ray()
    assert measured[direct] == "0", "where it is turned, requests come through the proxy"


def test_a_cell_is_a_ratio_within_a_turn_but_for_the_health_check() -> None:
    found = Found("A server", "Ray does")
    for switch in SWITCHES:
        for figure, plain, turned in ((LONE, [2.0, 4.0], [1.0, 2.0]), (HEALTH, [5.0, 5.0], [900.0, 1100.0])):
            pair = found.figures[figure][label(switch, switch.tuned)]
            pair.plain.extend(plain)
            pair.turned.extend(turned)
    rows = table.text([found]).splitlines()
    assert "| user code in a thread of its own: `RUN_USER_CODE_IN_SEPARATE_THREAD=0` | 0.50x | 1000 |" in rows
    assert rows[-1] == "| none turned | 3 | 5 |"
