"""JSON lines: each line is a row, as in the ``instances`` of a request."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Self

import orjson

from eagleray_serving.batch.chunks import in_groups, spaceless
from eagleray_serving.batch.errors import BatchError
from eagleray_serving.batch.results import Results
from eagleray_serving.rows import Rows, Signature, parse_rows

_MOST_IN_A_LINE = 64 * 2**20
_INSTANCE = "instance"


class JsonChunk:
    """Rows of a file.

    Args:
        lines: What each line says.
        chosen: Members of a line that the model is given; none leaves it to the model.
    """

    def __init__(self, lines: list[Any], chosen: Sequence[str]) -> None:
        self.lines = lines
        self._chosen = chosen

    def __len__(self) -> int:
        return len(self.lines)

    def cut(self, start: int, stop: int) -> Self:
        """See `Chunk`."""
        return type(self)(self.lines[start:stop], self._chosen)

    def rows(self, signature: Signature) -> Rows:
        """See `Chunk`."""
        return parse_rows([_instance(line, signature, self._chosen) for line in self.lines], signature)


class JsonReader:
    """A file of JSON lines.

    Args:
        source: The file.
        most: Rows of a chunk.
    """

    names: Sequence[str] = ()
    total_rows: int | None = None

    def __init__(self, source: IO[bytes], most: int) -> None:
        self._source = source
        self._most = most

    def chunks(self, given: Sequence[str]) -> Iterator[JsonChunk]:
        """The rows, some at a time.

        Args:
            given: Members of a line that the model is given; none leaves it to the model.

        Raises:
            BatchError: A line is no JSON.
        """
        for lines in in_groups(self._lines(), self._most):
            yield JsonChunk(lines, given)

    def _lines(self) -> Iterator[Any]:
        number = 0
        while line := self._source.readline(_MOST_IN_A_LINE + 1):
            number += 1
            if len(line) > _MOST_IN_A_LINE:
                raise BatchError(
                    f"line {number} has more than {_MOST_IN_A_LINE} bytes; put each row in a line of its own"
                )
            if not line.strip():
                continue
            try:
                yield orjson.loads(line)
            except orjson.JSONDecodeError as error:
                raise BatchError(f"line {number} is no JSON ({error}); write one row in each line") from None


class JsonWriter:
    """Writes rows with what was answered to them, an object a line.

    Args:
        path: The file to make.
        names: Nothing: each line has its own members.
        results: The columns of the answers.
    """

    def __init__(self, path: Path, names: Sequence[str], results: Results) -> None:  # noqa: ARG002 - as every writer
        self._file = path.open("wb")
        self._results = results

    def add(self, chunk: JsonChunk, answers: Mapping[str, Sequence[Any]]) -> None:
        """Write some rows.

        Args:
            chunk: The rows.
            answers: What is to stand in each column of the answers, None for nothing.
        """
        names = self._results.names
        for line, *values in zip(chunk.lines, *(answers[name] for name in names), strict=True):
            row = line if isinstance(line, dict) else {_INSTANCE: line}
            self._results.check_new(tuple(row))
            answered = row | dict(zip(names, values, strict=True))
            self._file.write(orjson.dumps(answered, default=str, option=orjson.OPT_APPEND_NEWLINE))

    def close(self) -> None:
        """End the file."""
        self._file.close()


def _instance(line: Any, signature: Signature, chosen: Sequence[str]) -> Any:  # noqa: ANN401 - JSON
    if not isinstance(line, dict):
        return line
    several = signature.named or signature.objects or len(signature.tensors) > 1
    if chosen and several:
        return {name: line[name] for name in chosen if name in line}
    if chosen:
        values = [line.get(name) for name in chosen]
        return values[0] if len(values) == 1 else values
    known = {column.name for column in signature.columns or ()} | {tensor.name for tensor in signature.tensors}
    if not known or not several:
        return line
    return {name: value for name, value in line.items() if spaceless(name, signature) in known}
