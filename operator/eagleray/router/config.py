"""A router's configuration as the files that Envoy reads (file xDS), rendered from a `RouterConfig`.

Source: Envoy 1.40 API v3. Every dynamic file carries the configuration's version as its `version_info`, so that a
router's statistics tell what it really runs. Envoy takes one route table and one endpoint list a file.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

import orjson

from eagleray.domain.actions.router_config import InvalidRouterConfigError, RouterConfig
from eagleray.domain.actions.router_files import RouterFiles
from eagleray.domain.facts.router_layout import CREDENTIALS_FILE, HOLDS_FILE, IPV4_LISTENERS_FILE, RouterLayout
from eagleray.router.access import credentials_order
from eagleray.router.bootstrap import bootstrap
from eagleray.router.cache import Cache
from eagleray.router.clusters import cluster
from eagleray.router.compare import comparer_clusters, copies_routes
from eagleray.router.endpoints import assignment, endpoints_file, endpoints_text
from eagleray.router.failover import failovers
from eagleray.router.hold import holder_clusters, holds_file
from eagleray.router.listeners import listeners
from eagleray.router.made import credentials_cluster
from eagleray.router.routes import ops_routes, routes

BOOTSTRAP = "bootstrap.json"
OPS = "ops.json"
POD_LAYOUT = RouterLayout()
# An API server takes 1 MiB; what is left is for the ConfigMap's metadata.
MAX_BYTES = 1_000_000
CACHE_BYTES = 32 * 1024 * 1024
Resources = list[dict[str, Any]]


def rendered(config: RouterConfig, layout: RouterLayout = POD_LAYOUT) -> RouterFiles:
    """Render every file of the router's ConfigMap; what was rendered lately is not rendered again.

    The same input gives the same bytes. `bootstrap.json` depends on the layout, on names, and on what a router Pod may
    use: only a change of it needs new router Pods, all else is taken over by running ones.

    Args:
        config: what to route where.
        layout: paths and ports.

    Raises:
        InvalidRouterConfigError: the files are more than a ConfigMap holds.
    """
    return _renderings.get((config, layout), lambda: _render(config, layout))


def _render(config: RouterConfig, layout: RouterLayout) -> RouterFiles:
    dynamic = _dynamic(config, layout)
    assignments = {endpoints_file(t): assignment(t) for t in config.targets}
    others = {HOLDS_FILE: holds_file(config)} if config.holds else {}
    others |= {CREDENTIALS_FILE: credentials_order(config.access, layout)} if config.guarded else {}
    version = _hash(dynamic, assignments, others)
    dynamic[OPS] = [ops_routes(config, version)]
    whole = {
        BOOTSTRAP: _text(bootstrap(config, layout)),
        **{name: _text({"version_info": version, "resources": found}) for name, found in dynamic.items()},
        **{name: endpoints_text(version, assigned) for name, assigned in sorted(assignments.items())},
        **others,
    }
    _check_size(config, whole)
    return RouterFiles(whole, version)


def _dynamic(config: RouterConfig, layout: RouterLayout) -> dict[str, Resources]:
    """What running routers take over, but for endpoints: file name → Envoy's resources; `ops.json` names no version."""
    targets = sorted(config.targets, key=lambda t: t.revision)
    beside = comparer_clusters(layout) if config.compares else []
    beside += holder_clusters(config, layout) if config.holds else []
    beside += [credentials_cluster(layout)] if config.guarded else []
    copies = {"copies.json": [copies_routes(config)]} if config.compares else {}
    return {
        "lds.json": listeners(config, layout, layout.bind),
        IPV4_LISTENERS_FILE: listeners(config, layout, layout.bind_ipv4),
        "cds.json": [*(cluster(config, t, layout) for t in targets), *failovers(config), *beside],
        "rds.json": [routes(config)],
        OPS: [ops_routes(config, "")],
        **copies,
    }


def _hash(*parts: Mapping[str, object]) -> str:
    return hashlib.sha256(_bytes(parts)).hexdigest()[:16]


def _check_size(config: RouterConfig, files: Mapping[str, str]) -> None:
    size = len(_bytes(files))
    if size <= MAX_BYTES:
        return
    largest = max(config.targets, key=lambda t: len(t.addresses) * len(t.ports))
    raise InvalidRouterConfigError(
        f"targets: the router's files take {size} bytes, and its ConfigMap holds {MAX_BYTES}; the largest part is "
        f"{largest.revision} with {len(largest.addresses)} Pods: ask for fewer replicas or versions"
    )


def _text(document: Mapping[str, Any]) -> str:
    return _bytes(document).decode() + "\n"


def _bytes(document: object) -> bytes:
    return orjson.dumps(document, option=orjson.OPT_SORT_KEYS)


def _size(whole: RouterFiles) -> int:
    return sum(map(len, whole.files.values()))


_renderings: Cache[tuple[RouterConfig, RouterLayout], RouterFiles] = Cache(CACHE_BYTES, _size)
