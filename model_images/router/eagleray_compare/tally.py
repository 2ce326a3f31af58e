"""What was found by comparing, counted by mirrored revision, as the operator and Prometheus read it."""

from collections import Counter, OrderedDict, deque
from dataclasses import asdict, dataclass, field
from typing import Any

from eagleray_compare.answers import Difference

# Of earlier revisions the figures are kept for a while, for those who look late.
MAX_REVISIONS = 4
MAX_SAMPLES = 5


@dataclass(frozen=True, slots=True)
class Sample:
    """A request that two versions answered differently.

    Attributes:
        at: when, in seconds since 1970.
        method: of the request.
        url: its path, shortened; the query only with bodies.
        revision: who answered the user.
        difference: where the answers differ first.
        bodies: request, the user's answer and the mirrored version's, shortened; None unless asked for.
    """

    at: float
    method: str
    url: str
    revision: str
    difference: Difference
    bodies: tuple[str, str, str] | None = None

    def report(self) -> dict[str, Any]:
        """As JSON."""
        request, user, mirror = self.bodies or (None, None, None)
        return {
            "at": self.at,
            "method": self.method,
            "url": self.url,
            "revision": self.revision,
            **asdict(self.difference),
            "requestBody": request,
            "userBody": user,
            "mirrorBody": mirror,
        }


@dataclass(slots=True)
class Tally:
    """The figures of one mirrored revision since this process started.

    Attributes:
        compared: answers that were compared.
        agreed: those of them that said the same.
        failed: copies that no replica answered.
        skipped: exchanges that were not compared, by reason.
        user_seconds: sum over the compared ones of the time to the user's answer.
        mirror_seconds: the same of the mirrored version's.
        samples: the last that differed.
    """

    compared: int = 0
    agreed: int = 0
    failed: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    user_seconds: float = 0.0
    mirror_seconds: float = 0.0
    samples: deque[Sample] = field(default_factory=lambda: deque(maxlen=MAX_SAMPLES))

    def add(self, user_seconds: float, mirror_seconds: float, sample: Sample | None) -> None:
        """Count a comparison; `sample` where the answers differ."""
        self.compared += 1
        self.user_seconds += user_seconds
        self.mirror_seconds += mirror_seconds
        if sample is None:
            self.agreed += 1
        else:
            self.samples.append(sample)


class Tallies:
    """The figures of the mirrored revisions that were seen last."""

    def __init__(self) -> None:
        self._by_revision: OrderedDict[str, Tally] = OrderedDict()

    def of(self, revision: str) -> Tally:
        """The figures of one, to add to."""
        tally = self._by_revision.setdefault(revision, Tally())
        self._by_revision.move_to_end(revision)
        while len(self._by_revision) > MAX_REVISIONS:
            self._by_revision.popitem(last=False)
        return tally

    def report(self) -> dict[str, Any]:
        """All of them as JSON."""
        return {"mirrors": [_report(revision, tally) for revision, tally in self._by_revision.items()]}

    def prometheus(self) -> str:
        """All counters in Prometheus' text form."""
        lines: list[str] = []
        for name, text, attribute in _COUNTERS:
            lines += [f"# HELP {name} {text}", f"# TYPE {name} counter"]
            lines += [f'{name}{{revision="{r}"}} {getattr(t, attribute)}' for r, t in self._by_revision.items()]
        lines += [f"# HELP {_SKIPPED} Exchanges that were not compared.", f"# TYPE {_SKIPPED} counter"]
        for revision, tally in self._by_revision.items():
            lines += [f'{_SKIPPED}{{revision="{revision}",reason="{r}"}} {n}' for r, n in sorted(tally.skipped.items())]
        return "\n".join(lines) + "\n"


_SKIPPED = "eagleray_mirror_skipped_total"
_COUNTERS = (
    ("eagleray_mirror_compared_total", "Answers that were compared with the mirrored revision's.", "compared"),
    ("eagleray_mirror_agreed_total", "Compared answers that said the same.", "agreed"),
    ("eagleray_mirror_failed_total", "Copies that no replica answered.", "failed"),
    ("eagleray_mirror_user_seconds_total", "Time to users' answers, over the compared ones.", "user_seconds"),
    ("eagleray_mirror_mirror_seconds_total", "Time to the mirrored answers, over the compared ones.", "mirror_seconds"),
)


def _report(revision: str, tally: Tally) -> dict[str, Any]:
    return {
        "revision": revision,
        "compared": tally.compared,
        "agreed": tally.agreed,
        "failed": tally.failed,
        "skipped": dict(sorted(tally.skipped.items())),
        "userSeconds": tally.user_seconds,
        "mirrorSeconds": tally.mirror_seconds,
        "samples": [sample.report() for sample in tally.samples],
    }
