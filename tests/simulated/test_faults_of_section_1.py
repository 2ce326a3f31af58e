"""Every fault that the review names, as a case in the simulated cluster."""

import pytest

from simulated import cases_children, cases_cost, cases_entrances, cases_parts
from simulated.cases import CASES
from simulated.cluster import play

assert cases_children, cases_cost
assert cases_entrances, cases_parts


@pytest.mark.parametrize("name", CASES)
def test_case(name: str) -> None:
    play(CASES[name], seed=1)
