"""Ports of a Ray Pod. Replicas listen themselves (direct ingress), each on the first free port of a pinned range."""

HEAD_GCS = 6379
HEAD_DASHBOARD = 8265
RAYLET = 8077
# Where a Pod tells how far its download, or a constructor, is. No port of Ray's, which could not bind it right after.
PROGRESS = 8078
REPLICA_FIRST = 30000
# Beyond the ports of as many replicas as a Pod may have.
CALLS_FIRST = 31000


def replica_ports(replicas_per_pod: int, first: int = REPLICA_FIRST) -> tuple[int, ...]:
    """Ports on which replicas of one worker Pod may listen: for requests, or from `CALLS_FIRST` on for gRPC calls.

    Ray keeps a freed port back for a while (65 s, `resources/env.py`), so that a replica that restarts needs another
    one: two spare rounds, and one port more.
    """
    return tuple(range(first, first + 3 * replicas_per_pod + 1))
