"""Whether two answers to one request say the same: pure."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

# A value in a report: enough to see what differs, too little to carry a document away.
MAX_TEXT = 120
_ABSENT = object()


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far apart two numbers may be: the larger of both allowances counts.

    Attributes:
        relative: as a share of the larger number.
        absolute: as a number.
    """

    relative: float = 1e-6
    absolute: float = 1e-9

    def allows(self, a: float, b: float) -> bool:
        """Whether `a` and `b` count as the same.

        Two whole numbers are labels, ids or counts: they must be equal. A number that is none (NaN) equals itself.
        """
        if a == b or (isinstance(a, int) and isinstance(b, int)):
            return a == b
        try:
            return (math.isnan(a) and math.isnan(b)) or math.isclose(a, b, rel_tol=self.relative, abs_tol=self.absolute)
        except OverflowError:  # a whole number that no float can hold is close to none
            return False


@dataclass(frozen=True, slots=True)
class Answer:
    """What one version answered.

    Attributes:
        status: HTTP status.
        body: the whole body, not compressed.
    """

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Difference:
    """The first place where two answers differ.

    Attributes:
        path: the place, such as `predictions[3]`, `status` or `body`.
        user: what the user got there, shortened.
        mirror: what the mirrored version said there, shortened.
    """

    path: str
    user: str
    mirror: str


def compare(user: Answer, mirror: Answer, tolerance: Tolerance) -> Difference | None:
    """Compare two answers: their statuses, then what was predicted, or all of their JSON, or their bytes.

    Of an answer as the V1 or V2 inference protocol writes it, only `predictions`, or each of `outputs` with its name,
    shape and data, count: ids, model names and times differ from version to version and mean nothing.
    """
    if user.status != mirror.status:
        return Difference("status", str(user.status), str(mirror.status))
    if user.body == mirror.body:
        return None
    a, b = _parsed(user.body), _parsed(mirror.body)
    if a is _ABSENT or b is _ABSENT:
        return Difference("body", _bytes(user.body), _bytes(mirror.body))
    a, b = _predicted(a, b)
    return next(_differences(a, b, tolerance), None)


def shortened(text: str, limit: int = MAX_TEXT) -> str:
    """The beginning of a text, marked where the rest is left out."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _parsed(body: bytes) -> Any:  # noqa: ANN401 -- JSON values
    try:
        return json.loads(body)
    except (ValueError, RecursionError):  # no text, no JSON, a number of thousands of digits, nested without end
        return _ABSENT


def _predicted(a: Any, b: Any) -> tuple[Any, Any]:  # noqa: ANN401 -- JSON values
    if isinstance(a, dict) and isinstance(b, dict):
        if "predictions" in a and "predictions" in b:
            return {"predictions": a["predictions"]}, {"predictions": b["predictions"]}
        if _has_outputs(a) and _has_outputs(b):
            return {"outputs": _by_name(a["outputs"])}, {"outputs": _by_name(b["outputs"])}
    return a, b


def _has_outputs(answer: dict[str, Any]) -> bool:
    """Whether it is a V2 answer whose outputs have names of their own."""
    outputs = answer.get("outputs")
    if not isinstance(outputs, list) or not all(
        isinstance(o, dict) and isinstance(o.get("name"), str) for o in outputs
    ):
        return False
    return len({o["name"] for o in outputs}) == len(outputs)


def _by_name(outputs: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {o["name"]: {"shape": o.get("shape"), "data": o.get("data")} for o in outputs}


def _differences(user: Any, mirror: Any, tolerance: Tolerance) -> Iterator[Difference]:  # noqa: ANN401 -- JSON values
    """Every difference, in the order of the user's answer.

    By a list of what is still to compare, not by recursion: an answer may be nested as deep as the parser goes.
    """
    todo: list[tuple[str, Any, Any]] = [("", user, mirror)]
    while todo:
        path, a, b = todo.pop()
        if isinstance(a, dict) and isinstance(b, dict):
            names = [*a, *(name for name in b if name not in a)]
            pairs = [(f"{path}.{name}".lstrip("."), a.get(name, _ABSENT), b.get(name, _ABSENT)) for name in names]
            todo += reversed(pairs)
        elif isinstance(a, list) and isinstance(b, list):
            if len(a) != len(b):
                yield Difference(_place(path), f"{len(a)} items", f"{len(b)} items")
            else:
                todo += [(f"{path}[{i}]", a[i], b[i]) for i in reversed(range(len(a)))]
        elif not _same(a, b, tolerance):
            yield Difference(_place(path), _text(a), _text(b))


def _same(a: Any, b: Any, tolerance: Tolerance) -> bool:  # noqa: ANN401 -- JSON values
    if _is_number(a) and _is_number(b):
        return tolerance.allows(a, b)
    return type(a) is type(b) and bool(a == b)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _place(path: str) -> str:
    return shortened(path) or "body"


def _text(value: object) -> str:
    if value is _ABSENT:
        return "absent"
    if isinstance(value, (dict, list)):
        return f"{'an object' if isinstance(value, dict) else 'a list'} of {len(value)}"
    return shortened(json.dumps(value, ensure_ascii=False))


def _bytes(body: bytes) -> str:
    return f"{len(body)} bytes: {shortened(body[:MAX_TEXT].decode(errors='replace'), MAX_TEXT // 2)}"
