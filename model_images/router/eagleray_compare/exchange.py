"""What users asked and got, put together from the copies that Envoy streams."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Self

from eagleray_compare.answers import Answer, Tolerance
from eagleray_compare.proto.ext_proc_pb2 import HttpBody, HttpHeaders, ProcessingRequest

# The router copies no request with a longer body; a longer answer is not compared.
MAX_BODY_BYTES = 960 * 1024
# All bodies that are kept at one time: exchanges under way, and those that wait for the mirrored version.
MAX_HELD_BYTES = 64 * 1024 * 1024
ORDER_METADATA = "x-eagleray-compare"
REVISION_HEADER = "x-eagleray-revision"


class SkippedError(Exception):
    """An exchange that cannot be compared; the message is the reason, one word of a metric's label."""


@dataclass(frozen=True, slots=True)
class Order:
    """What the router's configuration says about a comparison.

    Attributes:
        revision: the mirrored revision.
        tolerance: how far apart numbers may be.
        bodies: whether differing samples carry the bodies.
    """

    revision: str
    tolerance: Tolerance
    bodies: bool

    @classmethod
    def read(cls, text: str) -> Self:
        """Read it as the router sends it with every exchange.

        Raises:
            ValueError, KeyError: it is none.
        """
        said = json.loads(text)
        return cls(said["revision"], Tolerance(said["relative"], said["absolute"]), said["bodies"])


class Budget:
    """Bytes that may be kept at one time.

    Args:
        limit: so many.
    """

    def __init__(self, limit: int = MAX_HELD_BYTES) -> None:
        self._limit = limit
        self.held = 0

    def take(self, size: int) -> None:
        """Count bytes that are kept from now on.

        Raises:
            SkippedError: there is no room.
        """
        if self.held + size > self._limit:
            raise SkippedError("memory")
        self.held += size

    def give(self, size: int) -> None:
        """Bytes are kept no longer."""
        self.held -= size


@dataclass(slots=True)
class Exchange:
    """A request and its answer, as far as they are known.

    Attributes:
        budget: what its bodies are counted in, until `release`.
        clock: monotonic seconds.
    """

    budget: Budget
    clock: Callable[[], float]
    request: dict[str, str] = field(default_factory=dict)
    response: dict[str, str] = field(default_factory=dict)
    request_body: bytearray = field(default_factory=bytearray)
    response_body: bytearray = field(default_factory=bytearray)
    complete: bool = False
    _asked_at: float = 0.0
    _answered_at: float = 0.0

    @property
    def answer(self) -> Answer:
        """What the user got."""
        return Answer(int(self.response[":status"]), bytes(self.response_body))

    @property
    def seconds(self) -> float:
        """From the request's last byte to the answer's."""
        return self._answered_at - self._asked_at

    def add(self, message: ProcessingRequest) -> None:
        """Take the next piece.

        Raises:
            SkippedError: it cannot be compared.
        """
        kind = message.WhichOneof("request")
        if kind == "request_headers":
            self.request = _read(message.request_headers)
            self._asked_at = self.clock()
        elif kind == "request_body":
            self._keep(message.request_body, self.request_body)
            self._asked_at = self.clock()
        elif kind == "response_headers":
            self.response = _read(message.response_headers)
            refuse_encoded(self.response)
            self._ends(end=message.response_headers.end_of_stream)
        elif kind == "response_body":
            self._keep(message.response_body, self.response_body)
            self._ends(end=message.response_body.end_of_stream)

    def _keep(self, piece: HttpBody, body: bytearray) -> None:
        if len(body) + len(piece.body) > MAX_BODY_BYTES:
            raise SkippedError("large")
        self.budget.take(len(piece.body))
        body += piece.body

    def _ends(self, *, end: bool) -> None:
        if end:
            self._answered_at = self.clock()
            self.complete = True

    def release(self) -> None:
        """Let go of the bodies."""
        self.budget.give(len(self.request_body) + len(self.response_body))
        self.request_body, self.response_body = bytearray(), bytearray()


def refuse_encoded(headers: Mapping[str, str]) -> None:
    """Refuse a compressed answer.

    Raises:
        SkippedError: it is one.
    """
    if headers.get("content-encoding", "identity") != "identity":
        raise SkippedError("encoded")


def _read(headers: HttpHeaders) -> dict[str, str]:
    """Headers by name; of one name all values, joined by commas as HTTP allows."""
    found: dict[str, str] = {}
    for header in headers.headers.headers:
        value = (header.raw_value or header.value.encode()).decode(errors="replace")
        found[header.key] = f"{found[header.key]}, {value}" if header.key in found else value
    return found
