"""Half an hour of bad luck at a time, and then rest: the invariants hold at every event, and everything comes to rest.

EAGLERAY_HISTORIES sets how many.
"""

import os

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eagleray.kube.kinds import MODEL_DEPLOYMENT, Ref
from simulated.at_rest import converges, leaves_nothing, nothing_is_left_over, settles
from simulated.cases import model
from simulated.cluster import NAMESPACE, Cluster, play
from simulated.faults import Call
from simulated.histories import HAPPENINGS

HISTORIES = int(os.environ.get("EAGLERAY_HISTORIES", "30"))
BYSTANDER = ("elsewhere", "b")
History = list[tuple[str, int, float]]
PAUSES = (0.1, 3.0, 20.0, 90.0)
EVENTS = st.tuples(st.sampled_from(sorted(HAPPENINGS)), st.integers(0, 999), st.sampled_from(PAUSES))


def _spares_the_bystander(cluster: Cluster) -> None:
    def spared(call: Call) -> bool:
        life = cluster.kubelets.by_address.get(call.target)
        return BYSTANDER[0] in {call.namespace, life.ref.namespace if life else ""}

    cluster.faults.spared = spared
    cluster.invariants.bystanders.add(BYSTANDER)


async def rest(cluster: Cluster) -> None:
    """No more faults: a sound spec, one operator, and nothing in its way."""
    await cluster.run(500)  # what was begun for a while has ended
    cluster.at_peace()
    await cluster.until(lambda: cluster.server.find(Ref(MODEL_DEPLOYMENT, NAMESPACE, "m")) is None or _stays(cluster))
    cluster.apply("m", model=model(1), replicas=2, rollout={})
    cluster.traffic.send(NAMESPACE, "m", 10)
    await converges(cluster)
    await converges(cluster, BYSTANDER[1], namespace=BYSTANDER[0])
    await settles(cluster)
    assert cluster.ready()
    nothing_is_left_over(cluster)
    cluster.delete(Ref(MODEL_DEPLOYMENT, NAMESPACE, "m"), "Foreground")
    await leaves_nothing(cluster)


def _stays(cluster: Cluster) -> bool:
    return "deletionTimestamp" not in cluster.model()["metadata"]


def play_history(history: History, seed: int) -> None:
    """Play one history.

    Args:
        history: names of what happens, each with a number that says how, and seconds until the next.
        seed: of all chance beside.

    Raises:
        ViolationError: with its story.
    """

    async def scenario(cluster: Cluster) -> None:
        cluster.apply("m", model=model(1), replicas=2)
        cluster.apply(BYSTANDER[1], BYSTANDER[0], model=model("b"), replicas=2)
        cluster.start_operator()
        cluster.traffic.send(NAMESPACE, "m", 20)
        await cluster.until(cluster.ready)
        await cluster.until(lambda: cluster.ready(BYSTANDER[1], BYSTANDER[0]))
        cluster.traffic.send(*BYSTANDER, 5)
        await cluster.run(30)
        _spares_the_bystander(cluster)
        for name, number, pause in history:
            cluster.story.tell("history", name, number)
            HAPPENINGS[name](cluster, number)
            await cluster.run(pause)
        await rest(cluster)

    play(scenario, seed)


# The same histories each time, so that what fails has changed; `make simulate` looks for others.
@settings(max_examples=HISTORIES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(history=st.lists(EVENTS, max_size=20), seed=st.integers(0, 2**32))
def test_whatever_happens_it_comes_to_rest(history: History, seed: int) -> None:
    play_history(history, seed)
