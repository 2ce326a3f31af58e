"""The files that the program beside Envoy (`eagleray_credentials`) makes of what router Pods mount.

The operator reads no Secret, and no key stands in a ConfigMap: the router's files have templates, in which the program
puts what it finds in place of words that begin with $.
"""

from typing import Any

from eagleray.domain.facts.router_layout import RouterLayout
from eagleray.router.xds import ONLY_GET, loopback_cluster

CREDENTIALS_CLUSTER = "credentials"
CREDENTIALS_PATH = "/credentials"
# A listener does not wait for what is not there: without it nobody is let in.
_FIRST_SECONDS = "2s"


def file_of(what: str) -> str:
    """Name of the file that is made of something mounted."""
    return f"{what}.json"


def made_file(what: str, layout: RouterLayout) -> dict[str, Any]:
    """Such a file as a source of configuration; it is replaced by a move."""
    source = {"path": f"{layout.credentials_dir}/{file_of(what)}"}
    return {"path_config_source": source, "resource_api_version": "V3", "initial_fetch_timeout": _FIRST_SECONDS}


def credentials_route() -> dict[str, Any]:
    """The route of the ops port to what is wrong with what is mounted; it names clients, and no key."""
    match = {"path": CREDENTIALS_PATH, "headers": [ONLY_GET]}
    return {"match": match, "route": {"cluster": CREDENTIALS_CLUSTER, "timeout": "5s"}}


def credentials_cluster(layout: RouterLayout) -> dict[str, Any]:
    """The program's door as Envoy's cluster."""
    return loopback_cluster(CREDENTIALS_CLUSTER, layout.credentials_port)
