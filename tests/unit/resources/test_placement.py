from typing import Any

import pytest

from eagleray.api.placement import Placement
from eagleray.domain.goals.fleet import Fleet
from eagleray.resources.placement import forbid_spot, node_placement, prefer_lasting

FLEET = Fleet.model_validate(
    {
        "spotLabels": {"cap": ["spot"], "gke": ["true"]},
        "spotTaints": ["gke"],
        "accelerators": {"t4": {"gpu": ["T4"], "gke-gpu": ["t4", "tesla-t4"]}},
        "acceleratorTaints": ["nvidia.com/gpu"],
    }
)
EU = {"key": "zone", "operator": "In", "values": ["eu"]}
US = {"key": "zone", "operator": "In", "values": ["us"]}
OWN = {
    "nodeAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": {
            "nodeSelectorTerms": [{"matchExpressions": [EU]}, {"matchExpressions": [US]}]
        }
    },
    "podAffinity": {"x": 1},
}


def built(leaving: tuple[str, ...] = (), **placement: Any) -> dict[str, Any]:
    return node_placement(Placement.model_validate(placement), FLEET, leaving)


def required(found: dict[str, Any]) -> list[list[tuple[Any, ...]]]:
    """The terms, each as its requirements."""
    terms = found["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    return [
        [(r["key"], r["operator"], *r["values"]) for kind in sorted(t, reverse=True) for r in t[kind]] for t in terms
    ]


def keys(found: dict[str, Any]) -> list[str]:
    return [t["key"] for t in found.get("tolerations", [])]


def test_nothing_asked_is_nothing_said() -> None:
    assert built() == {}
    assert node_placement(None, FLEET, ()) == {}


def test_an_accelerator_is_any_of_its_labels_and_its_taint_is_accepted() -> None:
    found = built(accelerator="t4")
    assert required(found) == [[("gpu", "In", "T4")], [("gke-gpu", "In", "t4", "tesla-t4")]]
    assert keys(found) == ["nvidia.com/gpu"]


@pytest.mark.parametrize(
    ("spot", "terms", "tolerated"),
    [
        ("Forbid", [[("cap", "NotIn", "spot"), ("gke", "NotIn", "true")]], []),
        ("Require", [[("cap", "In", "spot")], [("gke", "In", "true")]], ["gke"]),
    ],
)
def test_spot_nodes_are_forbidden_or_required(spot: str, terms: Any, tolerated: list[str]) -> None:
    found = built(spot=spot)
    assert required(found) == terms
    assert keys(found) == tolerated


def test_spot_nodes_are_allowed_or_preferred() -> None:
    assert built(spot="Allow") == {"tolerations": [{"key": "gke", "operator": "Exists"}]}
    found = built(spot="Prefer")
    assert keys(found) == ["gke"]
    (preferred,) = found["affinity"]["nodeAffinity"].values()
    assert [term["preference"]["matchExpressions"][0]["key"] for term in preferred] == ["cap", "gke"]


def test_what_the_user_wrote_holds_too() -> None:
    found = built(affinity=OWN, accelerator="t4", spot="Forbid", tolerations=[{"key": "gke", "operator": "Exists"}])
    forbidden = [("cap", "NotIn", "spot"), ("gke", "NotIn", "true")]
    assert required(found) == [
        [("zone", "In", zone), gpu, *forbidden]
        for zone in ("eu", "us")
        for gpu in (("gpu", "In", "T4"), ("gke-gpu", "In", "t4", "tesla-t4"))
    ]
    assert found["affinity"]["podAffinity"] == {"x": 1}
    assert keys(found) == ["gke", "nvidia.com/gpu"]
    assert keys(built(spot="Allow", tolerations=[{"key": "gke", "operator": "Exists"}])) == ["gke"], "once is enough"


def test_no_pod_is_placed_on_a_node_that_is_about_to_go() -> None:
    assert required(built(("n1", "n2"))) == [[("metadata.name", "NotIn", "n1"), ("metadata.name", "NotIn", "n2")]]
    found = required(built(("n1",), affinity=OWN))
    assert [term[0] for term in found] == [("metadata.name", "NotIn", "n1")] * 2


@pytest.mark.parametrize(
    "affinity",
    [
        {"nodeAffinity": 5},
        {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": 5}},
    ],
)
def test_nonsense_is_left_for_the_api_server_to_refuse(affinity: dict[str, Any]) -> None:
    assert built(affinity=affinity, accelerator="t4")["affinity"] == affinity


def test_what_all_depends_on_rather_stays() -> None:
    (preferred,) = prefer_lasting(FLEET)["nodeAffinity"].values()
    assert preferred[0]["preference"]["matchExpressions"][0] == {"key": "cap", "operator": "NotIn", "values": ["spot"]}
    assert prefer_lasting(Fleet()) == forbid_spot(Fleet()) == {}
    assert "requiredDuringSchedulingIgnoredDuringExecution" in forbid_spot(FLEET)["nodeAffinity"]
