"""What holds of every decision about replicas, whatever the load, the behavior and the past."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from eagleray.api.autoscaling import ScalingBehavior, ScalingPolicy, ScalingRules
from eagleray.domain.version.scaling.decision import Bounds, Decision, Subject, decide
from eagleray.domain.version.scaling.metrics.metric import Load

START = datetime(2026, 1, 1, tzinfo=UTC)
POLICIES = st.builds(
    ScalingPolicy,
    type=st.sampled_from(["Pods", "Percent"]),
    value=st.integers(1, 200),
    period_seconds=st.integers(1, 120),
)
RULES = st.none() | st.builds(
    ScalingRules,
    stabilization_window_seconds=st.none() | st.integers(0, 120),
    select_policy=st.sampled_from([None, "Max", "Min"]),
    policies=st.none() | st.lists(POLICIES, min_size=1, max_size=3),
)
BEHAVIOR = st.none() | st.builds(ScalingBehavior, scale_up=RULES, scale_down=RULES)
TOTALS = st.none() | st.floats(0, 500)
BOUNDS = st.tuples(st.integers(1, 20), st.integers(0, 100)).map(lambda pair: Bounds(pair[0], pair[0] + pair[1]))
History = list[tuple[int, float | None, bool]]
HISTORIES = st.lists(st.tuples(st.integers(1, 60), TOTALS, st.booleans()), min_size=1, max_size=30)


def load(total: float | None, *, complete: bool = True) -> Load:
    return Load("OngoingRequests", 5.0, "5", total, complete=complete)


def subject(current: int, bounds: Bounds, behavior: ScalingBehavior | None = None, hold: str = "") -> Subject:
    return Subject("v", "m-v-1", current, bounds, behavior=behavior or ScalingBehavior(), hold=hold)


def run(behavior: ScalingBehavior | None, bounds: Bounds, history: History) -> list[Decision]:
    now, known, found = START, None, []
    for seconds, total, complete in history:
        now += timedelta(seconds=seconds)
        current = known.desired if known else bounds.least
        decision = decide(subject(current, bounds, behavior), [load(total, complete=complete)], known, now)
        known = decision.state
        found.append(decision)
    return found


@given(BEHAVIOR, BOUNDS, HISTORIES)
@settings(max_examples=300)
def test_never_outside_the_bounds(behavior: ScalingBehavior | None, bounds: Bounds, history: History) -> None:
    assert all(bounds.least <= made.state.desired <= bounds.most for made in run(behavior, bounds, history))


@given(BEHAVIOR, BOUNDS, HISTORIES, st.integers(0, 120))
@settings(max_examples=300)
def test_never_down_while_more_was_asked_for_within_the_window(
    behavior: ScalingBehavior | None, bounds: Bounds, history: History, window: int
) -> None:
    down = ScalingRules(stabilization_window_seconds=window)
    behavior = (behavior or ScalingBehavior()).model_copy(update={"scale_down": down})
    decisions = run(behavior, bounds, history)
    records = [made.state for made in decisions]
    times = [START + timedelta(seconds=sum(h[0] for h in history[: i + 1])) for i in range(len(history))]
    for i, record in enumerate(records[1:], start=1):
        if record.desired < records[i - 1].desired:
            begin = times[i] - timedelta(seconds=window)
            seen = [made.live.metrics for made, at in zip(decisions, times, strict=True) if begin < at < times[i]]
            asked = [metric.replicas or 0 for metrics in seen for metric in metrics]
            assert record.desired >= min(max(asked, default=0), bounds.most)


@given(BEHAVIOR, BOUNDS, HISTORIES, st.sampled_from(["missing", "held"]))
@settings(max_examples=300)
def test_nothing_goes_while_a_metric_is_missing_or_something_holds(
    behavior: ScalingBehavior | None, bounds: Bounds, history: History, why: str
) -> None:
    last = run(behavior, bounds, history)[-1].state
    later = START + timedelta(days=1)
    loads = [load(0.0, complete=why != "missing")]
    hold = "a rollout is under way" if why == "held" else ""
    made = decide(subject(last.desired, bounds, behavior, hold), loads, last, later)
    assert made.state.desired == last.desired


@given(BEHAVIOR, BOUNDS, HISTORIES, st.floats(0, 500), st.floats(0, 500))
@settings(max_examples=300)
def test_more_load_never_gives_fewer_replicas(
    behavior: ScalingBehavior | None,
    bounds: Bounds,
    history: History,
    one: float,
    other: float,
) -> None:
    last = run(behavior, bounds, history)[-1].state
    now = START + timedelta(seconds=sum(h[0] for h in history) + 15)
    scaled = subject(last.desired, bounds, behavior)
    less, more = (decide(scaled, [load(total)], last, now).state.desired for total in sorted([one, other]))
    assert less <= more


@given(BOUNDS, HISTORIES, st.floats(0.1, 500), st.sampled_from([-0.02, -0.01, 0.01, 0.02]))
@settings(max_examples=200)
def test_under_a_steady_load_it_comes_to_rest_where_the_formula_says_and_writes_nothing_then(
    bounds: Bounds, history: History, total: float, noise: float
) -> None:
    record, now = run(None, bounds, history)[-1].state, START + timedelta(hours=1)
    for _ in range(60):
        now += timedelta(seconds=15)
        record = decide(subject(record.desired, bounds), [load(total)], record, now).state
    ratio = total / (5 * record.desired)
    at_bound = record.desired in {bounds.least, bounds.most}
    assert at_bound or 0.9 - 1e-6 <= ratio <= 1.1 + 1e-6 or -(-total // 5) == record.desired
    again = decide(subject(record.desired, bounds), [load(total)], record, now + timedelta(days=1))
    assert again.state == record
    inside = 0.93 <= ratio <= 1.07
    other = decide(subject(record.desired, bounds), [load(total * (1 + noise))], record, now + timedelta(days=1))
    assert other.state == record or not inside, "another figure is no other decision"
    assert other.live != again.live


@given(BEHAVIOR, BOUNDS, HISTORIES)
@settings(max_examples=300)
def test_what_the_clock_alone_changes_is_looked_at_in_time(
    behavior: ScalingBehavior | None, bounds: Bounds, history: History
) -> None:
    """Under the same load nothing changes before the first time that was named."""
    now = START + timedelta(seconds=sum(h[0] for h in history))
    last, total = run(behavior, bounds, history)[-1], history[-1][1]
    loads = [load(total, complete=history[-1][2])]
    same = decide(subject(last.state.desired, bounds, behavior), loads, last.state, now)
    later = [wake.at for wake in same.wakes if wake.at > now]
    until = min(later, default=now + timedelta(hours=3)) - timedelta(milliseconds=1)
    then = decide(subject(same.state.desired, bounds, behavior), loads, same.state, until)
    assert then.state.desired == same.state.desired


@given(POLICIES, BOUNDS, HISTORIES)
@settings(max_examples=300)
def test_a_policy_bounds_what_comes_within_its_period(policy: ScalingPolicy, bounds: Bounds, history: History) -> None:
    behavior = ScalingBehavior(scale_up=ScalingRules(policies=[policy.model_copy(update={"type": "Pods"})]))
    for made in run(behavior, bounds, history):
        changes = made.state.changes
        for i, last in enumerate(changes):
            begin = last.at - timedelta(seconds=policy.period_seconds)
            added = sum(c.to - c.from_ for c in changes[i:] if c.at > begin)
            assert added <= policy.value
