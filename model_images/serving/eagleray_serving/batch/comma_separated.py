"""CSV: every cell is text, and becomes what the model's column holds; an empty cell is a missing value."""

import csv
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Self

import orjson

from eagleray_serving.batch.chunks import TEXT, TableChunk, in_groups
from eagleray_serving.batch.errors import BatchError
from eagleray_serving.batch.results import Results
from eagleray_serving.columns import Column, Kind
from eagleray_serving.errors import InvalidInputError
from eagleray_serving.tensors import Array, of_objects

_MOST_IN_A_LINE = 16 * 2**20
_TRUE, _FALSE = frozenset({"true", "True", "TRUE", "1"}), frozenset({"false", "False", "FALSE", "0"})
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")


class CsvChunk(TableChunk):
    """Rows of a CSV file.

    Args:
        names: The columns.
        lines: The cells of each row.
        given: Names of the columns that the model is given.
    """

    def __init__(self, names: Sequence[str], lines: list[list[str]], given: Sequence[str]) -> None:
        super().__init__(given)
        self.names = names
        self.lines = lines

    def __len__(self) -> int:
        return len(self.lines)

    def cut(self, start: int, stop: int) -> Self:
        """See `Chunk`."""
        return type(self)(self.names, self.lines[start:stop], self.given)

    def values(self, name: str, column: Column) -> Array:
        """See `TableChunk`."""
        place = self.names.index(name)
        if column is TEXT:
            return of_objects([line[place] for line in self.lines], (len(self.lines),))
        return _READ[column.kind]([line[place] or None for line in self.lines], column, name)


class CsvReader:
    """A CSV file with a header, in UTF-8.

    Args:
        source: The file.
        most: Rows of a chunk.

    Raises:
        BatchError: It has no header, or one in which two columns have the same name.
    """

    total_rows: int | None = None

    def __init__(self, source: IO[bytes], most: int) -> None:
        self._most = most
        csv.field_size_limit(_MOST_IN_A_LINE)
        self._lines = csv.reader(_texts_of(source), strict=True)
        self.names = next(self._read(), [])
        if not self.names or len(set(self.names)) < len(self.names):
            raise BatchError("the first line of a CSV file names its columns, each by a name of its own")

    def chunks(self, given: Sequence[str]) -> Iterator[CsvChunk]:
        """The rows, some at a time.

        Args:
            given: Names of the columns that the model is given.

        Raises:
            BatchError: A line is broken.
        """
        for lines in in_groups(self._checked(), self._most):
            yield CsvChunk(self.names, lines, given)

    def _checked(self) -> Iterator[list[str]]:
        for line in self._read():
            if not line:  # an empty line, as the standard library gives it
                continue
            if len(line) != len(self.names):
                told = f"line {self._lines.line_num} has {len(line)} cells, and the first line {len(self.names)}"
                raise BatchError(f"{told}; put cells with commas in quotes")
            yield line

    def _read(self) -> Iterator[list[str]]:
        try:
            yield from self._lines
        except (csv.Error, UnicodeDecodeError) as error:
            raise BatchError(f"line {self._lines.line_num + 1} is no CSV in UTF-8 ({error})") from None


def _texts_of(source: IO[bytes]) -> Iterator[str]:
    """The lines of a file, the first without a byte order mark."""
    encoding = "utf-8-sig"
    while line := source.readline(_MOST_IN_A_LINE):
        yield line.decode(encoding)
        encoding = "utf-8"


class CsvWriter:
    """Writes the rows of a CSV file with what was answered to them.

    Args:
        path: The file to make.
        names: The columns of the rows.
        results: The columns of the answers.
    """

    def __init__(self, path: Path, names: Sequence[str], results: Results) -> None:
        self._file = path.open("w", encoding="utf-8", newline="")
        self._results = results
        self._writer = csv.writer(self._file, lineterminator="\n")
        self._writer.writerow([*names, *results.names])

    def add(self, chunk: CsvChunk, answers: Mapping[str, Sequence[Any]]) -> None:
        """Write some rows.

        Args:
            chunk: The rows.
            answers: What is to stand in each column of the answers, None for nothing.
        """
        columns = [map(_cell, answers[name]) for name in self._results.names]
        self._writer.writerows([*line, *cells] for line, *cells in zip(chunk.lines, *columns, strict=True))

    def close(self) -> None:
        """End the file."""
        self._file.close()


def _cell(value: object) -> str:
    if value is None or value != value:  # noqa: PLR0124 - NaN is not itself
        return ""
    return value if isinstance(value, str) else orjson.dumps(value, default=str).decode()


def _numbers(cells: list[str | None], _column: Column, name: str) -> Array:
    return of_objects([_number(cell, name, row) for row, cell in enumerate(cells)], (len(cells),))


def _number(cell: str | None, name: str, row: int) -> int | float | None:
    """A number, whole where it is written so; ``nan`` is a missing value."""
    if cell is None:
        return None
    for kind in (int, float):
        with suppress(ValueError):
            found = kind(cell)
            if "_" not in cell:  # which Python reads over
                return found if found == found else None  # noqa: PLR0124 - NaN is not itself
    raise InvalidInputError(f"expected a {Kind.NUMBER}, got {cell!r}", field=name, row=row)


def _booleans(cells: list[str | None], _column: Column, name: str) -> Array:
    for row, cell in enumerate(cells):
        if cell is not None and cell not in _TRUE and cell not in _FALSE:
            raise InvalidInputError(f"expected true or false, got {cell!r}", field=name, row=row)
    return of_objects([None if cell is None else cell in _TRUE for cell in cells], (len(cells),))


def _texts(cells: list[str | None], _column: Column, _name: str) -> Array:
    return of_objects(cells, (len(cells),))


def _scalars(cells: list[str | None], column: Column, _name: str) -> Array:
    """Where the model does not say what it takes, a cell by itself does: a number or a boolean as JSON, or text."""
    known = {*(column.values or ()), *column.categories}
    texts = {value for value in known if isinstance(value, str)}
    return of_objects([cell if cell in texts else _scalar(cell) for cell in cells], (len(cells),))


def _scalar(cell: str | None) -> Any:  # noqa: ANN401 - a value of any kind
    return orjson.loads(cell) if cell in {"true", "false"} or (cell and _NUMBER.fullmatch(cell)) else cell


_READ: dict[Kind, Callable[[list[str | None], Column, str], Array]] = {
    Kind.NUMBER: _numbers,
    Kind.INTEGER: _numbers,
    Kind.BOOLEAN: _booleans,
    Kind.STRING: _texts,
    Kind.DATETIME: _texts,
    Kind.ANY: _scalars,
}
