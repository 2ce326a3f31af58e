"""Answers that are almost right: whatever is changed in one, it is read, or refused by the one error for that."""

import contextlib
import json
import random
from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eagleray.domain.facts.providers.prometheus import PrometheusQuery
from eagleray.domain.facts.providers.web import WebQuery
from eagleray.peers.comparisons import parse_comparisons
from eagleray.peers.held import parse_held
from eagleray.peers.node_metrics import parse_node_use
from eagleray.peers.progress import parse_progress
from eagleray.peers.provider import parse_value
from eagleray.peers.router_stats import parse_router_stats
from eagleray.peers.serve_details import parse_serve_details
from eagleray.peers.shape import ShapeError
from unit.peers.test_comparisons import report
from unit.peers.test_node_metrics import TEXT
from unit.peers.test_serve_details import details
from unit.router.test_stats import answer

PROMETHEUS = partial(parse_value, PrometheusQuery("http://p", "up"))
WEB = partial(parse_value, WebQuery("http://w", "data.score", ()))
JSON_ANSWERS: dict[str, tuple[Callable[[bytes], object], Any]] = {
    "serve": (parse_serve_details, details()),
    "router": (parse_router_stats, json.loads(answer())),
    "comparer": (parse_comparisons, json.loads(report())),
    "holder": (parse_held, {"held": {"m-a": 3}}),
    "progress": (parse_progress, {"done": 5, "total": 10, "rate": 1.5, "still": 0.0, "said": "a"}),
    "prometheus": (PROMETHEUS, {"data": {"resultType": "vector", "result": [{"value": [1.0, "0.25"]}]}}),
    "scalar": (PROMETHEUS, {"data": {"resultType": "scalar", "result": [1.0, "0.25"]}}),
    "web": (WEB, {"data": {"score": 0.5}}),
}
ODD: st.SearchStrategy[Any] = st.recursive(
    st.sampled_from([None, True, 0, -1, 1.5, 10**400, 2**63, "", "1", "NaN", "1e999", "\x1b[31m", [], {}, [[]]])
    | st.floats()
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container in a value, with each of its keys."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from places(value[key])


@st.composite
def mutated(draw: st.DrawFn, original: Any) -> bytes:
    value = json.loads(json.dumps(original))
    for _ in range(draw(st.integers(1, 3))):
        found = list(places(value))
        if not found:
            break
        inside, key = found[draw(st.integers(0, len(found) - 1))]
        how = draw(st.sampled_from(["replace", "remove", "rename", "repeat"]))
        if how == "replace":
            # A copy: the next change may be one of it, and what is drawn is drawn again.
            inside[key] = deepcopy(draw(ODD))
        elif how == "remove":
            del inside[key]
        elif isinstance(inside, dict):
            inside[draw(st.text(max_size=3))] = inside[key] if how == "repeat" else inside.pop(key)
        else:
            inside.extend([inside[key]] * 3)
    return json.dumps(value).encode()


def test_the_answers_themselves_are_read() -> None:
    for parse, original in JSON_ANSWERS.values():
        parse(json.dumps(original).encode())


@pytest.mark.parametrize("name", JSON_ANSWERS)
@given(data=st.data())
def test_changed_json(name: str, data: st.DataObject) -> None:
    parse, original = JSON_ANSWERS[name]
    body = data.draw(mutated(original))
    with contextlib.suppress(ShapeError):
        parse(body)


@pytest.mark.parametrize("name", JSON_ANSWERS)
@given(data=st.data())
def test_broken_bytes(name: str, data: st.DataObject) -> None:
    parse, original = JSON_ANSWERS[name]
    body = bytearray(json.dumps(original).encode())
    for _ in range(data.draw(st.integers(1, 5))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(ShapeError):
        parse(bytes(body))


@given(st.integers(), st.integers(1, 20))
def test_changed_metrics(seed: int, changes: int) -> None:
    rng, text = random.Random(seed), list(TEXT)  # noqa: S311 -- which change it is does not matter
    for _ in range(changes):
        text[rng.randrange(len(text))] = rng.choice('{}",= \n0N\x1b\\ray_é')
    with contextlib.suppress(ShapeError):
        parse_node_use("".join(text).encode())
