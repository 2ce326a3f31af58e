"""The status between what is remembered and the wire, whatever is said and whoever wrote it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from operator import attrgetter
from types import NoneType
from typing import Any, get_args, get_type_hints

from hypothesis import given, settings
from hypothesis import strategies as st

from eagleray.api.status import ModelDeploymentStatus
from eagleray.domain.state.model import MirrorState, State, VersionState
from eagleray.domain.state.revision import FailureState, RevisionState, StartState
from eagleray.domain.state.rollout import FigureState, RolloutState
from eagleray.domain.state.scaling import ChangeState, MetricState, RecommendationState, ScalingState
from eagleray.domain.status.codec import read, write
from unit.domain.accepted import refusals


def _keys(schema: Any) -> set[str]:
    parts = schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ()
    own = set(schema.get("properties", {})) if isinstance(schema, dict) else set()
    return own.union(*(_keys(part) for part in parts))


KEYS = sorted(_keys(ModelDeploymentStatus.model_json_schema()))
WORDS = st.sampled_from(["2026-01-01T00:00:00Z", "True", "Progressing", "Serving"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS) | st.text(), inner, max_size=6),
    max_leaves=25,
)


@dataclass(frozen=True)
class Material:
    """What states are built of."""

    text: st.SearchStrategy[str]
    number: st.SearchStrategy[int]
    time: st.SearchStrategy[datetime]

    def of(self, kind: type, **given: Any) -> st.SearchStrategy[Any]:
        """Instances of a state; what is neither given nor plain has its default."""
        plain: dict[Any, Any] = {str: self.text, int: self.number, datetime: self.time, bool: st.booleans()}
        found: dict[str, Any] = dict(given)
        for name, hint in get_type_hints(kind).items():
            kinds = get_args(hint) or (hint,)
            if name not in given and kinds[0] in plain:
                found[name] = st.none() | plain[kinds[0]] if NoneType in kinds else plain[kinds[0]]
        return st.builds(kind, **found)

    def some(self, kind: type, *keys: str, **given: Any) -> st.SearchStrategy[Any]:
        """A few of a state, no two of them with the same keys."""
        unique = attrgetter(*keys) if keys else None
        return st.lists(self.of(kind, **given), max_size=3, unique_by=unique).map(tuple)

    def states(self) -> st.SearchStrategy[State]:
        """Whole states."""
        figures = self.some(FigureState, "name", verdict=st.sampled_from(["Successful", "Failed", "NoData"]))
        start = self.of(StartState, seconds=st.dictionaries(st.sampled_from(["head", "load"]), self.number))
        failure = self.of(FailureState)
        scaling = {
            "metrics": self.some(MetricState),
            "changes": self.some(ChangeState),
            "recommendations": self.some(RecommendationState),
        }
        return self.of(
            State,
            versions=self.some(VersionState, "name"),
            revisions=self.some(RevisionState, "name", failure=st.none() | failure, start=st.none() | start),
            rollouts=self.some(RolloutState, "version", analysis=figures, step_analysis=figures),
            scaling=self.some(ScalingState, "revision", "deployment", **scaling),
            mirror=st.none() | self.of(MirrorState),
        )


SECONDS = st.integers(0, 10**9).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
FITTING = Material(st.text("abcdefgh-", max_size=8), st.integers(1, 100), SECONDS)
LONG = st.integers(90, 6000).map(lambda n: "x" * n)
WILD = Material(st.text(max_size=80) | LONG, st.integers(-(10**50), 10**50), st.datetimes(timezones=st.just(UTC)))


@given(JSON)
@settings(max_examples=300)
def test_nothing_that_anybody_wrote_ends_a_look(raw: Any) -> None:
    state = read(raw)
    status = write(state).as_written()
    assert not refusals(status)
    assert read(status) == state


@given(FITTING.states())
@settings(max_examples=100)
def test_what_fits_is_read_as_it_was_written(state: State) -> None:
    assert read(write(state).as_written()) == state


def _texts(status: Any) -> set[str]:
    if isinstance(status, str):
        return {status}
    parts = [*status, *status.values()] if isinstance(status, dict) else status if isinstance(status, list) else ()
    return set().union(*(_texts(part) for part in parts))


@given(WILD.states())
@settings(max_examples=100)
def test_whatever_is_to_be_said_is_accepted_and_stays_as_it_was_written(state: State) -> None:
    status = write(state).as_written()
    assert not refusals(status)
    assert all(text.isprintable() for text in _texts(status)), "nothing of it acts on a terminal"
    assert write(read(status)).as_written() == status
