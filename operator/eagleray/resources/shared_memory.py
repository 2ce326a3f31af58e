"""Shared memory of a Pod, and how much of it is Ray's object store."""

from decimal import Decimal

from eagleray.api.pod_fields import LEAST_SHARED_MEMORY
from eagleray.api.units import parse_quantity
from eagleray.domain.goals.revision import Revision

# Ray's smallest store; requests do not pass through it, and Ray otherwise takes 30 % of the memory.
_OBJECT_STORE_BYTES = 80_000_000


def shared_memory(revision: Revision | None) -> str:
    """The size of /dev/shm, as a quantity, where replicas of `revision` run, or none do."""
    return (revision and revision.template.shared_memory) or LEAST_SHARED_MEMORY


def object_store_bytes(revision: Revision | None) -> int:
    """How many bytes of it are Ray's: three fifths, as data loaders and NCCL need the rest."""
    asked = revision and revision.template.shared_memory
    return int(parse_quantity(asked) * 3 / 5) if asked else _OBJECT_STORE_BYTES


def more_memory(revision: Revision) -> Decimal:
    """Bytes that a container has on top of its overhead, which counts on the least: what is written there is its."""
    return parse_quantity(shared_memory(revision)) - parse_quantity(LEAST_SHARED_MEMORY)
