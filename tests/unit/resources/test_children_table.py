"""The table of children is complete: what is in it is known, watched and named alike everywhere."""

from eagleray.kube.kinds import CHILDREN, KINDS, POD, REPLICA_SET
from eagleray.resources.children import ENTRANCES, RECORD, REVISION_CHILDREN, ROUTER_CHILDREN, ROUTER_TOKEN, TOKEN

MADE = {child.kind for child in ROUTER_CHILDREN} | {child.kind for child in ENTRANCES}
MADE |= {child.kind for child in (RECORD, *REVISION_CHILDREN)}


def test_every_child_that_may_be_read_is_watched_and_nothing_else_is_but_pods() -> None:
    watched = {kind.kind for kind in CHILDREN}
    assert watched == MADE | {POD.kind, REPLICA_SET.kind}
    assert not {TOKEN.kind, ROUTER_TOKEN.kind} & watched, "the operator reads no Secret"


def test_every_kind_of_child_has_a_place_in_urls() -> None:
    assert MADE | {TOKEN.kind, ROUTER_TOKEN.kind} <= {kind.kind for kind in KINDS.values()}


def test_what_retires_goes_in_the_order_of_the_table_and_the_service_last() -> None:
    assert [child.kind for child in REVISION_CHILDREN if child.retired] == ["PodDisruptionBudget", "Service"]
