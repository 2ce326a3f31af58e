"""What Ray Serve says of its applications: what decisions need of its `ServeInstanceDetails`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from eagleray.domain.facts.patience import UNKNOWN, Patience


class AppStatus(StrEnum):
    """State of a Serve application (`ApplicationStatus` in Ray 2.60)."""

    NOT_STARTED = "NOT_STARTED"
    DEPLOYING = "DEPLOYING"
    DEPLOY_FAILED = "DEPLOY_FAILED"
    RUNNING = "RUNNING"
    UNHEALTHY = "UNHEALTHY"
    DELETING = "DELETING"
    UNKNOWN = "UNKNOWN"


class DeploymentStatus(StrEnum):
    """State of a Serve deployment (`DeploymentStatus` in Ray 2.60)."""

    UPDATING = "UPDATING"
    HEALTHY = "HEALTHY"
    UNHEALTHY = "UNHEALTHY"
    DEPLOY_FAILED = "DEPLOY_FAILED"
    UPSCALING = "UPSCALING"
    DOWNSCALING = "DOWNSCALING"
    UNKNOWN = "UNKNOWN"


class ReplicaState(StrEnum):
    """State of a replica (`ReplicaState` in Ray 2.60)."""

    STARTING = "STARTING"
    UPDATING = "UPDATING"
    RECOVERING = "RECOVERING"
    RUNNING = "RUNNING"
    STOPPING = "STOPPING"
    STOPPED = "STOPPED"
    PENDING_MIGRATION = "PENDING_MIGRATION"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class Replica:
    """One replica of a deployment.

    Attributes:
        replica_id: Serve's id of it.
        state: what it does.
        pod: the Pod that it runs in, or "" before Ray has placed it.
        start_time: when Serve began to start it.
    """

    replica_id: str
    state: ReplicaState
    pod: str
    start_time: datetime

    @property
    def starting(self) -> bool:
        """Whether its constructor has not returned."""
        return self.state is ReplicaState.STARTING

    def started_before(self, now: datetime, seconds: float) -> bool:
        """Whether it was begun more than `seconds` before `now`."""
        return now - self.start_time > timedelta(seconds=seconds)


@dataclass(frozen=True, slots=True)
class ServeDeployment:
    """One deployment of an application.

    Attributes:
        name: its name.
        status: its state.
        message: what Serve says of it, free of ANSI codes; a traceback where a replica failed.
        target_num_replicas: how many replicas it is to have.
        is_ingress: whether it answers the application's HTTP requests.
        replicas: its replicas, in any state.
        failing: whether `message` tells of a failure rather than of progress.
        needs: what one replica takes of a Ray node, by Ray's name of the resource.
        patience: how long Serve waits for its replicas, whoever said so.
        told: the same, as far as the last PUT said so; what it left out is the code's.
    """

    name: str
    status: DeploymentStatus
    message: str = ""
    target_num_replicas: int = 0
    is_ingress: bool = False
    replicas: tuple[Replica, ...] = ()
    failing: bool = False
    needs: Mapping[str, float] = field(default_factory=dict)
    patience: Patience = UNKNOWN
    told: Patience = UNKNOWN

    @property
    def running(self) -> int:
        """How many of its replicas run."""
        return sum(r.state is ReplicaState.RUNNING for r in self.replicas)


@dataclass(frozen=True, slots=True)
class Application:
    """One Serve application.

    Attributes:
        name: its name.
        status: its state.
        message: what Serve says of it, free of ANSI codes; a traceback where it could not be built.
        deployments: its deployments; none while Serve builds the application, even if old replicas serve.
    """

    name: str
    status: AppStatus
    message: str = ""
    deployments: tuple[ServeDeployment, ...] = ()

    def ingress(self) -> ServeDeployment | None:
        """The deployment that answers the requests, or None while Serve builds the application."""
        return next((d for d in self.deployments if d.is_ingress), None)


@dataclass(frozen=True, slots=True)
class ServeState:
    """What one head's Serve REST API says.

    Attributes:
        applications: its applications.
    """

    applications: tuple[Application, ...] = ()

    def application(self, name: str) -> Application | None:
        """The application `name`, or None where Serve knows none."""
        return next((a for a in self.applications if a.name == name), None)

    def occupied_pods(self) -> frozenset[str]:
        """The Pods that hold a replica, whatever its state."""
        return frozenset(r.pod for r in self._replicas() if r.pod)

    def starting_pods(self) -> frozenset[str]:
        """The Pods where a constructor runs."""
        return frozenset(r.pod for r in self._replicas() if r.pod and r.starting)

    def _replicas(self) -> Iterator[Replica]:
        return (r for a in self.applications for d in a.deployments for r in d.replicas)
