# mypy: disable-error-code="no-any-return,no-untyped-call"
# ruff: noqa: ANN401 - Arrow has no types here
"""Parquet: columns have types, and values are given to the model as JSON would have them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from eagleray_serving.batch.chunks import TableChunk
from eagleray_serving.batch.errors import BatchError
from eagleray_serving.batch.results import Results
from eagleray_serving.columns import Column
from eagleray_serving.errors import InvalidInputError
from eagleray_serving.tensors import Array, Tensor

_ROWS_OF_A_GROUP = 100_000
_BYTES_OF_A_GROUP = 64 * 2**20


class ParquetChunk(TableChunk):
    """Rows of a Parquet file.

    Args:
        table: The rows.
        given: Names of the columns that the model is given.
    """

    def __init__(self, table: Any, given: Sequence[str]) -> None:
        super().__init__(given)
        self.table = table

    def __len__(self) -> int:
        return self.table.num_rows

    def cut(self, start: int, stop: int) -> Self:
        """See `Chunk`."""
        return type(self)(self.table.slice(start, stop - start), self.given)

    def values(self, name: str, column: Column) -> Array:  # noqa: ARG002 - the file says what it holds
        """See `TableChunk`."""
        found = self.table.column(name)
        if pa.types.is_dictionary(found.type):
            found = found.cast(found.type.value_type)
        for is_of, read in _READ:
            if is_of(found.type):
                return read(found)
        told = f"the file's type {found.type} is nothing that requests hold; cast it to a number or to text"
        raise InvalidInputError(told, field=name)


class ParquetReader:
    """A Parquet file.

    Args:
        source: The file.
        most: Rows of a chunk.

    Raises:
        BatchError: It is none.
    """

    def __init__(self, source: IO[bytes], most: int) -> None:
        self._most = most
        try:
            self._file = pq.ParquetFile(source)
        except pa.ArrowInvalid as error:
            raise BatchError(
                f"it is no Parquet file ({error}); check the file, or say what it is in --format"
            ) from None
        self.names: Sequence[str] = self._file.schema_arrow.names
        self.total_rows: int | None = self._file.metadata.num_rows

    def chunks(self, given: Sequence[str]) -> Iterator[ParquetChunk]:
        """The rows, some at a time.

        Args:
            given: Names of the columns that the model is given.

        Raises:
            BatchError: The file is broken.
        """
        if not self._file.metadata.num_rows:
            yield ParquetChunk(self._file.schema_arrow.empty_table(), given)
        try:
            for batch in self._file.iter_batches(batch_size=self._most):
                yield ParquetChunk(pa.Table.from_batches([batch]), given)
        except pa.ArrowInvalid as error:
            raise BatchError(f"the Parquet file is broken ({error}); write it again") from None


class ParquetWriter:
    """Writes rows with what was answered to them; the first answers decide the types of their columns.

    Args:
        path: The file to make.
        names: The columns of the rows.
        results: The columns of the answers.
    """

    def __init__(self, path: Path, names: Sequence[str], results: Results) -> None:
        self._path = path
        self._names = names
        self._results = results
        self._waiting: list[Any] = []
        self._types: dict[str, Any] = {name: pa.string() for name in results.names}
        self._types |= {name: _type_of(output) for name, output in results.columns.items()}
        self._writer: Any = None

    def add(self, chunk: ParquetChunk, answers: Mapping[str, Sequence[Any]]) -> None:
        """Write some rows.

        Args:
            chunk: The rows.
            answers: What is to stand in each column of the answers, None for nothing.
        """
        table = chunk.table
        for name in self._results.names:
            table = table.append_column(name, self._array(name, answers[name]))
        self._waiting.append(table)
        whole = sum(each.num_rows for each in self._waiting), sum(each.nbytes for each in self._waiting)
        if whole[0] >= _ROWS_OF_A_GROUP or whole[1] >= _BYTES_OF_A_GROUP:
            self._flush()

    def close(self) -> None:
        """End the file."""
        if self._waiting:
            self._flush()
        if self._writer is not None:
            self._writer.close()

    def _flush(self) -> None:
        table = pa.concat_tables(self._waiting)
        self._waiting = []
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._path, table.schema)
        self._writer.write_table(table)

    def _array(self, name: str, values: Sequence[Any]) -> Any:
        try:
            return pa.array(values, type=self._types[name])
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise BatchError(f"the answers '{name}' are not of one type ({error}); write to JSON lines") from None


def _type_of(output: Tensor) -> Any:
    dtype, sizes = output.dtype, output.shape or ()
    found = pa.from_numpy_dtype(dtype) if dtype.kind in "biufM" else pa.string()
    for _ in sizes:
        found = pa.list_(found)
    return found


def _numbers(column: Any) -> Array:
    if column.null_count and not pa.types.is_floating(column.type):
        return _listed(column.to_pylist())
    return column.to_numpy()


def _texts(column: Any) -> Array:
    return _listed(column.to_pylist())


def _times(column: Any) -> Array:
    zoned = pa.types.is_timestamp(column.type) and column.type.tz is not None
    found = column.cast(pa.timestamp("us", "UTC" if zoned else None), safe=False).to_pylist()
    return _listed([None if value is None else value.isoformat() for value in found])


def _decimals(column: Any) -> Array:
    return _numbers(column.cast(pa.float64()))


def _listed(values: list[Any]) -> Array:
    """One axis of what may itself be lists."""
    found = np.empty(len(values), dtype=object)
    for row, value in enumerate(values):
        found[row] = value
    return found


def _is_number(kind: Any) -> bool:
    return pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)


def _is_text(kind: Any) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


def _is_time(kind: Any) -> bool:
    return pa.types.is_timestamp(kind) or pa.types.is_date(kind)


def _is_list(kind: Any) -> bool:
    return pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)


_READ: tuple[tuple[Callable[[Any], bool], Callable[[Any], Array]], ...] = (
    (_is_number, _numbers),
    (_is_text, _texts),
    (_is_time, _times),
    (pa.types.is_decimal, _decimals),
    (_is_list, _texts),
    (pa.types.is_null, _texts),
)
