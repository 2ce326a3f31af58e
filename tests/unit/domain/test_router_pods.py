import pytest

from eagleray.domain.observed import RouterPod
from eagleray.domain.router_pods import leave_nodes


def router(name: str, *, ready: bool = True, going: bool = False) -> RouterPod:
    return RouterPod(name, "10.0.0.1", None, ready=ready, uid=f"uid-{name}", notice="taint x" if going else "")


@pytest.mark.parametrize(
    ("routers", "deleted"),
    [
        ((router("a"), router("b")), []),
        ((router("a", going=True), router("b")), ["a"]),
        ((router("a"), router("b", going=True)), ["b"]),
        ((router("a", going=True), router("b", going=True)), ["a"]),
        ((router("b", going=True), router("c", ready=False)), []),
        ((router("b", going=True), router("c")), ["b"]),
        ((router("a", going=True),), []),
        ((router("a", going=True), router("b"), router("c", ready=False)), []),
        ((), []),
    ],
)
def test_they_leave_one_at_a_time_and_only_while_the_others_take_requests(
    routers: tuple[RouterPod, ...], deleted: list[str]
) -> None:
    found = leave_nodes(routers)
    assert [(a.name, a.uid) for a in found] == [(name, f"uid-{name}") for name in deleted]
    assert all("its node is about to go (taint x)" in a.why for a in found)
