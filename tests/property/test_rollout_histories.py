"""Whole rollouts with random faults and people: hundreds of minutes, the operator dying between any two actions.

Invariants of the design, checked at every second: a share never goes to a revision without an answering replica where
another has one (1); shares sum up (2); after a crash it goes on where it was (4); what is left over is nothing (6).
"""

import os
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from eagleray.domain.actions.router_config import SLOTS
from unit.domain.world import World, model

LADDER = [{"setWeight": 10}, {"pause": {"duration": "20s"}}, {"setWeight": 50}, {"pause": {"duration": "20s"}}]
ROLLOUTS: list[dict[str, Any]] = [
    {},
    {"steps": LADDER},
    {"steps": LADDER, "maxSurge": 0},
    {"steps": LADDER, "maxSurge": 1, "abortScaleDownDelaySeconds": 0},
    {"steps": LADDER, "progressDeadlineSeconds": 40},
    {"steps": LADDER, "analysis": {"metrics": [{"name": "error-rate", "max": "1%"}]}},
    {"steps": LADDER, "analysis": {"metrics": [{"name": "own", "max": "1", "web": {"url": "http://judge"}}]}},
    {"steps": [{"setWeight": 20}, {"pause": {}}, {"setReplicas": 3}, {"setWeight": 80}]},
    {"steps": [{"analysis": {"metrics": [{"name": "own", "min": "1", "web": {"url": "http://judge"}}]}}, *LADDER]},
    {"strategy": "Recreate"},
]
MOST_SECONDS, QUIET_SECONDS = 1500, 90
VERSIONS = [None, [("a", 80), ("b", 20)], [("a", 50), ("b", 30), ("c", 20)], [("a", 100), ("b", 0)]]


class Histories(RuleBasedStateMachine):
    """One ModelDeployment, its people, its cluster and its bad luck."""

    world: World

    @initialize(
        replicas=st.integers(1, 4), per_pod=st.integers(1, 2), rollout=st.sampled_from(ROLLOUTS), sticky=st.booleans()
    )
    def start(self, replicas: int, per_pod: int, rollout: dict[str, Any], *, sticky: bool) -> None:
        spec: dict[str, Any] = {"traffic": {"sticky": {"header": "x-user"}}} if sticky else {}
        self.world = World(replicas=replicas, rollout=rollout, workers={"replicasPerPod": per_pod}, **spec)
        self.world.traffic.rate = 20
        self.number = 1
        self.seconds(40)

    @rule(seconds=st.integers(1, 60))
    def seconds(self, seconds: int) -> None:
        for _ in range(seconds):
            self.world.step()
            self.shares_are_right()

    @rule(actions=st.integers(0, 6), times=st.integers(1, 3))
    def operator_dies(self, actions: int, times: int) -> None:
        before = [(r.version, r.to, r.step, r.step_started_at) for r in self.world.status.rollouts]
        for _ in range(times):
            self.world.step(crash_after=actions)
            self.shares_are_right()
        after = [(r.version, r.to, r.step, r.step_started_at) for r in self.world.status.rollouts]
        assert before == after, "all that counts is in the status"

    @rule(number=st.integers(1, 4))
    def another_model(self, number: int) -> None:
        self.world.set(model=model(str(number)))

    @rule(versions=st.sampled_from(VERSIONS))
    def other_versions(self, versions: list[tuple[str, int]] | None) -> None:
        if versions is None:
            self.world.spec.pop("versions", None)
            self.world.set()
        else:
            self.world.set(versions=[{"name": n, "weight": w, "env": [{"name": "V", "value": n}]} for n, w in versions])

    @rule(rollout=st.sampled_from(ROLLOUTS))
    def another_course(self, rollout: dict[str, Any]) -> None:
        self.world.set(rollout=rollout)

    @rule(answer=st.sampled_from(["nobody is there", 1.0, 1.0, 2.0]))
    def the_judge_says(self, answer: float | str) -> None:
        self.world.provider = answer

    @rule(replicas=st.integers(0, 5))
    def scaled(self, replicas: int) -> None:
        self.world.set(replicas=replicas)

    @precondition(lambda self: self.world.status.rollouts)
    @rule(verb=st.sampled_from(["promote", "full", "pause", "resume", "abort", "retry"]), which=st.integers(0, 2))
    def a_person_asks(self, verb: str, which: int) -> None:
        rollouts = self.world.status.rollouts
        found = rollouts[which % len(rollouts)]
        attempt = f"{found.to}/{found.attempt}"
        items = {"promote": f"{attempt}/{found.step}", "full": f"{attempt}/full"}
        name = f"eagleray.dev/{'promote' if verb == 'full' else verb}"
        if verb == "resume":
            self.world.annotations.pop("eagleray.dev/pause", None)
        else:
            self.world.annotations[name] = items.get(verb, attempt)

    @precondition(lambda self: self.world.workers())
    @rule(which=st.integers(0, 20))
    def a_worker_dies(self, which: int) -> None:
        self.world.kill(self.world.workers()[which % len(self.world.workers())].name)

    @precondition(lambda self: self.world.heads())
    @rule(which=st.integers(0, 5))
    def a_head_dies(self, which: int) -> None:
        self.world.kill(self.world.heads()[which % len(self.world.heads())].name)

    @precondition(lambda self: self.world.status.rollouts)
    @rule(share=st.sampled_from([0.0, 0.2, 1.0]))
    def the_candidate_answers_badly(self, share: float) -> None:
        for found in self.world.status.rollouts:
            self.world.traffic.errors[found.to] = share

    @rule(answer=st.booleans())
    def routers_are_silent(self, *, answer: bool) -> None:
        self.world.routers_answer = answer

    @invariant()
    def shares_are_right(self) -> None:
        if not hasattr(self, "world") or self.world.router is None or not self.world.history:
            return
        router = self.world.router
        assert not router.split or sum(share.slots for share in router.split) == SLOTS
        assert sum(v.effective_weight for v in self.world.status.versions) in {0, 100}
        seen = self.world.seen
        if seen is not None and any(seen.get(share.revision) for share in router.split):
            assert all(seen.get(share.revision) for share in router.split), (router.split, seen)
        decided = self.world.status.observed_generation == self.world.generation
        # `Recreate` gives the old revision up while its last Pods may still answer: nobody is asked, as documented.
        recreates = self.world.spec["rollout"].get("strategy") == "Recreate"
        if seen is not None and decided and not router.split and self.world.spec["replicas"] and not recreates:
            able = [v.stable for v in self.world.status.versions if v.weight and seen.get(v.stable or "")]
            assert not able, "nobody is asked although somebody answers"

    def teardown(self) -> None:
        """Without faults and people everything comes to rest, and nothing is left over."""
        if not hasattr(self, "world"):
            return
        world = self.world
        world.routers_answer = True
        world.annotations = {}
        world.traffic.errors.clear()
        world.set(rollout={}, replicas=max(1, world.spec["replicas"]))
        quiet = 0
        for _ in range(MOST_SECONDS):
            before = world.writes
            last = world.step()
            quiet = quiet + 1 if world.writes == before else 0
            if quiet == QUIET_SECONDS:
                break
        assert quiet == QUIET_SECONDS, last
        assert not world.status.rollouts or world.status.rollouts[0].phase == "Aborted", world.status.rollouts
        stable = {v.stable for v in world.status.versions}
        assert {p.revision for p in world.pods.values()} == stable
        assert world.services == stable
        assert {t.revision for t in world.router.targets} == stable if world.router else False


EXAMPLES = int(os.environ.get("EAGLERAY_HISTORIES", "40"))
Histories.TestCase.settings = settings(
    max_examples=EXAMPLES, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
TestHistories = Histories.TestCase
