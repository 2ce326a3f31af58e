"""Condition types and reasons; the reference page prints their meanings."""

from enum import StrEnum
from typing import Self


class _Documented(StrEnum):
    """A constant with its meaning beside it."""

    meaning: str

    def __new__(cls, value: str, meaning: str = "") -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member


class ConditionType(_Documented):
    """What a condition is about; `Ready`, `Progressing`, `Degraded` and `Stalled` as kstatus reads them."""

    READY = (
        "Ready",
        "True while real requests through the router are answered; `Progressing` says whether by what spec describes.",
    )
    PROGRESSING = (
        "Progressing",
        "True while the operator works towards spec and expects to get there by itself.",
    )
    DEGRADED = "Degraded", "True while less is served than spec asks for, though something may still answer."
    PAUSED = "Paused", "True while a rollout waits for a person; `kubectl eagleray promote` goes on."
    STALLED = "Stalled", "True when only a change of spec or of the cluster can help; the message says which."
    SCALING_ACTIVE = (
        "ScalingActive",
        "With `autoscaling`: True while every metric is known; the message names those that are not, and since when.",
    )
    SCALING_LIMITED = (
        "ScalingLimited",
        "With `autoscaling`: True while a bound, a policy or a window keeps replicas from what the metrics ask for.",
    )
    EXPOSED = (
        "Exposed",
        "True while whoever reaches the router may ask: `spec.router.auth` names nobody by whom clients are known.",
    )
    PUBLISHED = (
        "Published",
        "With `router.ingress`, `gateway` or a load balancer: True while they lead here, Unknown while nobody says so.",
    )
    SAME_REFERENCES = (
        "SameReferences",
        "Where Secrets or ConfigMaps give variables: True while replicas of a revision began with the same values.",
    )


WELL = frozenset(
    {ConditionType.READY, ConditionType.SCALING_ACTIVE, ConditionType.PUBLISHED, ConditionType.SAME_REFERENCES}
)
"""Conditions that are True where all is well; the others are False there."""


class Reason(_Documented):
    """Why a condition is as it is."""

    ANSWERING = "Answering", "A real request through the router was answered."
    NOT_ANSWERING = "NotAnswering", "A revision that answered before does not answer now."
    STARTING = "Starting", "The operator has seen the object and begins."
    SETTLED = "Settled", "Everything is as spec says."
    REVISION_READY = "RevisionReady", "The new revision answers and gets the traffic."
    ROLLOUT_IN_PROGRESS = "RolloutInProgress", "A new revision is built beside the one that serves, or takes its share."
    ROLLOUT_STARTED = "RolloutStarted", "A rollout to a new revision begins."
    ROLLOUT_STEP = "RolloutStep", "The routers have taken over the candidate's share, or the rollout goes on."
    ROLLOUT_PAUSED = "RolloutPaused", "A rollout waits for a person: a pause without duration, `pause`, or no proof."
    ROLLOUT_ABORTED = (
        "RolloutAborted",
        "A rollout was taken back; the message has the measurement or the failure. Change spec, or retry.",
    )
    ROLLED_BACK = (
        "RolledBack",
        "A person went back to an earlier revision; spec still asks for the newer one. Change spec to make it last.",
    )
    TRAFFIC_SHIFTED = (
        "TrafficShifted",
        "A version has no answering replica; the others have its share of the requests until it answers.",
    )

    IMAGE_PULL_FAILED = (
        "ImagePullFailed",
        "The node cannot pull the image; check its name, tag and pull secrets.",
    )
    UNSCHEDULABLE = "Unschedulable", "No node fits a Pod; the message has the scheduler's words."
    POD_NOT_STARTED = (
        "PodNotStarted",
        "No container of a Pod starts, for want of a volume, say; the message has the node's words.",
    )
    CONTAINER_CRASHED = (
        "ContainerCrashed",
        "A container ended by itself; the message has its exit code and last lines.",
    )
    CONTAINER_CONFIG_ERROR = (
        "ContainerConfigError",
        "The kubelet cannot create a container, for want of a Secret, a ConfigMap or a volume.",
    )
    POD_FAILED = "PodFailed", "A Pod was evicted or ended by its node; the message has the node's words."
    OUT_OF_MEMORY = (
        "OutOfMemory",
        "A container used more memory than its limit; raise resources.limits.memory.",
    )
    DOWNLOAD_FAILED = "DownloadFailed", "The model cannot be read from model.uri."
    CHECKSUM_MISMATCH = (
        "ChecksumMismatch",
        "The file behind model.uri is not the one that model.sha256 names.",
    )
    MODEL_LOAD_FAILED = "ModelLoadFailed", "The file was read, but the framework cannot load a model from it."
    IMPORT_FAILED = "ImportFailed", "app.importPath cannot be imported; the message has the exception."
    CONSTRUCTOR_FAILED = (
        "ConstructorFailed",
        "A deployment's constructor raised; the message has the exception.",
    )
    REPLICA_STARTING = "ReplicaStarting", "A replica's constructor is still running."
    DEPLOYMENT_NOT_NAMED = (
        "DeploymentNotNamed",
        "`app.deployments` leaves out a deployment of the application; it has all of them, or none.",
    )
    DEPLOY_FAILED = "DeployFailed", "Ray Serve could not deploy the application for another reason."

    HEAD_STARTING = "HeadStarting", "The Ray head's Pod is starting."
    WORKERS_STARTING = "WorkersStarting", "Worker Pods are starting or joining the Ray cluster."
    APPLICATION_STARTING = "ApplicationStarting", "Ray Serve is deploying the application."
    WARMING_UP = "WarmingUp", "The new revision is answering its warm-up requests."
    WARMUP_FAILED = "WarmupFailed", "A warm-up request was not answered with success."
    ROUTER_STARTING = (
        "RouterStarting",
        "The router's Pods are starting or have not taken up their configuration.",
    )

    INVALID_SPEC = "InvalidSpec", "spec breaks a rule; the message names the field and what to write instead."
    NAME_CONFLICT = "NameConflict", "A child's name is taken by an object that is not Eagleray's."
    PODS_REFUSED = "PodsRefused", "The API server refuses a child, by quota, policy or validation."
    API_UNREACHABLE = (
        "ApiUnreachable",
        "The API server, or a webhook of it, does not answer the operator; it is tried again.",
    )
    RAY_UNPROTECTED = (
        "RayUnprotected",
        "Ray on the head takes requests without a token: nothing is deployed there. The message says what to change.",
    )
    REVISION_UNREADABLE = (
        "RevisionUnreadable",
        "Another version of the operator wrote a revision: it serves on and cannot be healed; upgrade, or change spec.",
    )
    NO_AUTH = "NoAuth", "Nobody is asked for a key or a token."
    CLIENTS_KNOWN = "ClientsKnown", "Whoever asks must be known by what `spec.router` names."
    CREDENTIALS_MISSING = (
        "CredentialsMissing",
        "A Secret or ConfigMap that `spec.router` names is not there or cannot be used; who depends on it is kept out.",
    )
    LEADS_HERE = "LeadsHere", "What leads to the router from outside the cluster does."
    ADDRESS_PENDING = (
        "AddressPending",
        "Nobody has given the Ingress or the load balancer an address; the message says whose work that is.",
    )
    ROUTE_PENDING = "RoutePending", "No Gateway has said a word of the HTTPRoute; the message names those it asks."
    ROUTE_REFUSED = "RouteRefused", "A Gateway does not take the HTTPRoute; the message has its words."
    GATEWAY_API_MISSING = (
        "GatewayApiMissing",
        "`router.gateway` asks for an HTTPRoute, and the cluster has none; install the CRDs of the Gateway API.",
    )
    REFERENCES_DIFFER = (
        "ReferencesDiffer",
        "A Secret or ConfigMap was changed after some replicas had begun; `kubectl eagleray restart` makes them alike.",
    )
    DELETING = "Deleting", "The object was deleted; its children go."
    SUSPENDED = "Suspended", "spec.suspend is true; nothing runs but the router, which answers with 503."
    IDLE = "Idle", "Nothing runs for want of requests; the next one is held while the version starts."
    WAKING = "Waking", "A version that slept starts; the requests that woke it are held."
    SCALING_DISABLED = "ScalingDisabled", "Nothing is scaled, as nothing runs."
    VALID_METRIC_FOUND = "ValidMetricFound", "Every metric of `autoscaling` is known."
    FAILED_GET_METRIC = (
        "FailedGetMetric",
        "A metric of `autoscaling` is not known in full; until it is, nothing is scaled down.",
    )
    DESIRED_WITHIN_RANGE = "DesiredWithinRange", "There are as many replicas as the metrics ask for."
    TOO_FEW_REPLICAS = "TooFewReplicas", "The metrics ask for fewer replicas than `minReplicas` or a schedule allows."
    TOO_MANY_REPLICAS = "TooManyReplicas", "The metrics ask for more replicas than `maxReplicas` or a schedule allows."
    SCALE_UP_LIMIT = "ScaleUpLimit", "A policy of `behavior.scaleUp` limits how many replicas are added now."
    SCALE_DOWN_LIMIT = "ScaleDownLimit", "A policy of `behavior.scaleDown` limits how many replicas are removed now."
    SCALE_UP_STABILIZED = "ScaleUpStabilized", "Fewer replicas were asked for within the window of `behavior.scaleUp`."
    SCALE_DOWN_STABILIZED = (
        "ScaleDownStabilized",
        "More replicas were asked for within the window of `behavior.scaleDown`, five minutes unless told.",
    )
    SCALE_DOWN_HELD = "ScaleDownHeld", "Nothing may be removed now; the message says why."
    SUCCESSFUL_RESCALE = "SuccessfulRescale", "The number of replicas was changed; the message says from what to what."
    SCALED_TO_ZERO = "ScaledToZero", "spec.replicas is 0; requests are answered with 503."
    DRAINING = "Draining", "Pods that are no longer wanted finish their requests."
