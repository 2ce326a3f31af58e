from typing import Any

import pytest

from eagleray.api.placement import Placement
from eagleray.domain.facts.problem import InvalidSpecError
from eagleray.domain.goals.fleet import Fleet

FLEET = Fleet.model_validate(
    {"spotLabels": {"capacity": ["spot"]}, "accelerators": {"t4": {"a": ["T4"], "b": ["t4"]}, "l4": {"a": ["L4"]}}}
)


@pytest.mark.parametrize(
    ("labels", "found"),
    [({}, set()), ({"a": "T4"}, {"t4"}), ({"b": "t4", "a": "other"}, {"t4"}), ({"a": "L4", "b": "t4"}, {"l4", "t4"})],
)
def test_any_label_marks_a_node(labels: dict[str, str], found: set[str]) -> None:
    assert FLEET.accelerators_of(labels) == found


@pytest.mark.parametrize(
    ("fleet", "placement", "words"),
    [
        (FLEET, {"accelerator": "h100"}, "this operator knows no 'h100'; it knows: l4, t4"),
        (Fleet(), {"accelerator": "h100"}, "it knows: none"),
        (Fleet(), {"spot": "Require"}, "name their labels in nodes.spotLabels of the chart"),
    ],
)
def test_what_the_operator_knows_nothing_of_is_refused(fleet: Fleet, placement: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidSpecError, match=words):
        fleet.check([None, Placement.model_validate(placement)])


@pytest.mark.parametrize("placement", [{"accelerator": "t4"}, {"spot": "Forbid"}, {"spot": "Allow"}, {}])
def test_what_it_knows_passes(placement: dict[str, Any]) -> None:
    FLEET.check([Placement.model_validate(placement)])
