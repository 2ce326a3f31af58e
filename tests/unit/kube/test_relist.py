from eagleray.kube.client import Listed
from eagleray.kube.kinds import (
    DEPLOYMENT,
    POD,
    Kind,
    Ref,
)
from eagleray.kube.relist import Relist
from eagleray.kube.store import Keys, Store
from unit.kube.chain import MODEL, NOBODY, ONLY_CHURN, ROUTER, at, filled
from unit.kube.objects import pod


def relisted(store: Store, kind: Kind, page: Listed, namespace: str | None) -> Keys:
    """Take a list of one page."""
    relist = Relist(store, kind, namespace)
    return relist.take(page) | relist.end()


def test_a_list_of_many_pages_is_whole_when_it_ends() -> None:
    store = filled(MODEL, pod("a", MODEL, 2), pod("b", MODEL, 3), pod("ghost", MODEL, 4))
    relist = Relist(store, POD, None)
    assert relist.take(Listed([pod("a", MODEL, 2)], "9", "page-2")) == NOBODY
    store.put(pod("meanwhile", MODEL, 10))
    store.remove(pod("b", MODEL, 11))
    assert relist.take(Listed([pod("b", MODEL, 3)], "9")) == NOBODY, "it has gone since the list began"
    assert relist.end() == ONLY_CHURN
    assert [held.ref.name for held in store.owned("modeldeployments-churn")] == ["a", "meanwhile"]


def test_a_list_takes_ghosts_and_leaves_what_is_newer() -> None:
    store = filled(MODEL, pod("stays", MODEL, 2), pod("ghost", MODEL, 3), pod("newer", MODEL, 9))
    listed = Listed([pod("stays", MODEL, 2), pod("missed", MODEL, 4)], "5")
    assert relisted(store, POD, listed, None) == ONLY_CHURN
    assert [held.ref.name for held in store.owned("modeldeployments-churn")] == ["missed", "newer", "stays"]
    assert store.gone("pods-ghost")
    assert relisted(store, POD, listed, None) == NOBODY
    assert store.put(pod("late", MODEL, 4)) == NOBODY, "the list knew nothing of it"


def test_a_list_of_one_namespace_says_nothing_of_another() -> None:
    store = filled(MODEL, pod("p", MODEL), pod("q", MODEL, namespace="other"))
    relisted(store, POD, Listed([], "5"), "ns")
    assert [held.ref.name for held in store.lost()] == ["q"]


def test_a_cluster_that_was_restored_from_a_backup_is_taken_as_it_is() -> None:
    store = filled(at(MODEL, 100), at(ROUTER, 90))
    relisted(store, DEPLOYMENT, Listed([at(ROUTER, 90)], "120"), None)
    restored = at(ROUTER, 10) | {"spec": {"replicas": 1}}
    assert relisted(store, DEPLOYMENT, Listed([restored], "20"), None) == ONLY_CHURN
    held = store.get(Ref.of(ROUTER))
    assert held is not None
    assert held.version == 10
    assert store.put(at(restored, 21, annotations={"a": "b"})) == ONLY_CHURN
