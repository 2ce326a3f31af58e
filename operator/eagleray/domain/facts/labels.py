"""Labels that every child carries; selectors are made of them."""

MANAGED_BY = "app.kubernetes.io/managed-by"
MANAGER = "eagleray"
NAME = "eagleray.dev/name"
VERSION = "eagleray.dev/version"
REVISION = "eagleray.dev/revision"
ROLE = "eagleray.dev/role"
INCARNATION = "eagleray.dev/incarnation"
# Of a worker: its worker group. Ray's node carries it too, so that replicas find it.
GROUP = "eagleray.dev/group"
# Of a worker: the accelerator that its node is to have.
ACCELERATOR_ANNOTATION = "eagleray.dev/accelerator"
# Of a worker that runs on no spot node, whatever its group may do.
CAPACITY_ANNOTATION = "eagleray.dev/capacity-type"
ON_DEMAND = "on-demand"
# Of a worker: the nodes that were about to go when it was made, where it must not run.
KEPT_OFF_ANNOTATION = "eagleray.dev/kept-off-nodes"
# Of the router's Deployment, which is there as long as its object: what the operator's settings say of Pods, for those
# that are made of a revision by others.
POD_SETTINGS_ANNOTATION = "eagleray.dev/pod-settings"
# Of a batch prediction, which is none of our children: the ModelDeployment. Its manager must be another than ours.
BATCH = "eagleray.dev/batch"
BATCH_MANAGER = "kubectl-eagleray"

# What kopf watches and observe lists: our children alone.
MANAGED_SELECTOR = f"{MANAGED_BY}={MANAGER}"


def selector(name: str) -> str:
    """Select the worker Pods of the ModelDeployment `name`, for the scale subresource."""
    return f"{MANAGED_SELECTOR},{NAME}={name},{ROLE}=worker"


def children(name: str) -> str:
    """Select every child of the ModelDeployment `name`."""
    return f"{MANAGED_SELECTOR},{NAME}={name}"
