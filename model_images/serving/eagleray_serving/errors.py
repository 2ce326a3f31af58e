"""Errors of the model server. Each message is one line that a person can act on."""

from eagleray_serving.text import visible


class ServingError(Exception):
    """Anything the model server itself finds wrong."""


class ModelLoadError(ServingError):
    """The model cannot be loaded; the operator shows the message as the reason of a failed start."""


class ServerStoppingError(ServingError):
    """The replica is shutting down and takes no further request."""


class ModelFailureError(ServingError):
    """The model raised on a well-formed request, or answered something that fits no row."""


class InvalidInputError(ServingError):
    """A request that the model cannot take.

    Args:
        message: What is wrong and what was expected.
        field: The column, tensor or JSON member concerned.
        row: Index of the row in the request, from 0.
        status: The HTTP status to answer.
    """

    def __init__(self, message: str, *, field: str | None = None, row: int | None = None, status: int = 422) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.row = row
        self.status = status

    def moved(self, rows: int) -> "InvalidInputError":
        """The same, of a request before whose rows there are further ones."""
        row = None if self.row is None else self.row + rows
        return InvalidInputError(self.message, field=self.field, row=row, status=self.status)

    def __str__(self) -> str:
        """Row, field and message in one sentence."""
        where = [] if self.row is None else [f"row {self.row}"]
        if self.field is not None:
            where.append(f"field '{self.field}'")
        return f"{', '.join(where)}: {self.message}" if where else self.message


def first_line(error: BaseException) -> str:
    """The first line of an exception's message, or its type when it has none."""
    lines = _lines(error)
    return lines[0][:500] if lines else type(error).__name__


def last_line(error: BaseException) -> str:
    """The last line of an exception's message, where a traceback is part of it; or its type when it has none."""
    lines = _lines(error)
    return lines[-1][:500] if lines else type(error).__name__


def _lines(error: BaseException) -> list[str]:
    """The lines of a message that say something, as they can be seen."""
    lines = (visible(line).strip() for line in str(error).splitlines())
    return [line for line in lines if line]
