"""The binary tensor extension of the Open Inference Protocol: values after the JSON, little-endian, in row-major order.

Source: https://github.com/open-inference-protocol/oip, extension_binary_data.md of the Triton Inference Server, which
clients of both speak.
"""

import math
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np

from eagleray_serving.errors import InvalidInputError
from eagleray_serving.signature import DTYPES, TEXT
from eagleray_serving.tensors import Array, of_objects

HEADER = "inference-header-content-length"
"""Request and response header: bytes of the JSON, before the values."""
SIZE = "binary_data_size"
"""Parameter of a tensor: bytes of its values."""

_LENGTH = struct.Struct("<I")


@dataclass(slots=True)
class Blob:
    """The values that follow a request's JSON, taken tensor by tensor.

    Args:
        rest: What was not taken yet.
    """

    rest: memoryview

    def take(self, size: object, kind: str, shape: list[int], field: str) -> Array:
        """The values of the next tensor.

        Args:
            size: Bytes, as the tensor says.
            kind: Its data type.
            shape: Its shape.
            field: Its name, for messages.

        Raises:
            InvalidInputError: There are not so many bytes, or they do not fit type and shape.
        """
        if type(size) is not int or not 0 <= size <= len(self.rest):
            message = f"{SIZE} is {size!r}, and {len(self.rest)} bytes follow the JSON"
            raise InvalidInputError(message, field=field, status=400)
        taken, self.rest = self.rest[:size], self.rest[size:]
        if kind == TEXT:
            return _texts(taken, shape, field)
        dtype = np.dtype(DTYPES[kind]).newbyteorder("<")
        if size != math.prod(shape) * dtype.itemsize:
            message = f"{kind} of shape {shape} needs {math.prod(shape) * dtype.itemsize} bytes, got {size}"
            raise InvalidInputError(message, field=field)
        return np.frombuffer(taken, dtype=dtype).reshape(shape).copy()  # models may want to write

    def end(self) -> None:
        """Refuse what no tensor has taken.

        Raises:
            InvalidInputError: Something is left.
        """
        if len(self.rest):
            raise InvalidInputError(f"{len(self.rest)} bytes after the JSON belong to no tensor", status=400)


def split(body: bytes, length: str | None) -> tuple[bytes, Blob]:
    """The JSON of a request, and what follows it.

    Args:
        body: The whole body.
        length: The request's HEADER; None where all of it is JSON.

    Raises:
        InvalidInputError: It is not a number of bytes that are there.
    """
    if length is None:
        return body, Blob(memoryview(b""))
    if not length.isascii() or not length.isdigit() or int(length) > len(body):
        message = f"the header {HEADER} is {length!r}, and the body has {len(body)} bytes"
        raise InvalidInputError(message, status=400)
    return body[: int(length)], Blob(memoryview(body)[int(length) :])


def packed(values: Array) -> bytes:
    """The bytes of an output tensor."""
    if values.dtype.kind in "iufb":
        return values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes()
    texts = [str(value).encode() for value in values.reshape(-1)]
    return b"".join(_LENGTH.pack(len(text)) + text for text in texts)


def _texts(data: memoryview, shape: list[int], field: str) -> Array:
    """Text: each value after its length in bytes."""
    values: list[Any] = []
    while len(data):
        if len(data) < _LENGTH.size or len(data) - _LENGTH.size < (size := _LENGTH.unpack_from(data)[0]):
            raise InvalidInputError("a value is longer than the bytes that are left", field=field)
        try:
            values.append(str(data[_LENGTH.size : _LENGTH.size + size], "utf-8"))
        except UnicodeDecodeError:
            raise InvalidInputError("expected text in UTF-8", field=field, row=len(values)) from None
        data = data[_LENGTH.size + size :]
    if len(values) != math.prod(shape):
        raise InvalidInputError(f"shape {shape} needs {math.prod(shape)} values, got {len(values)}", field=field)
    return of_objects(values, shape)
