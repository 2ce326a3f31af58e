"""A router's configuration as the files that Envoy reads (file xDS), rendered from a `RouterConfig`.

Source: Envoy 1.40 API v3. Every dynamic file carries the configuration's version as its `version_info`, so that a
router's statistics tell what it really runs. Envoy takes one route table and one endpoint list a file, hence
`eds-<revision>.json`.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from eagleray.domain.traffic.router import HOLDS_FILE, RouterConfig, RouterLayout
from eagleray.router.bootstrap import bootstrap
from eagleray.router.clusters import cluster, eds_file, load_assignment
from eagleray.router.compare import comparer_clusters, copies_routes
from eagleray.router.hold import holder_clusters, holds_file
from eagleray.router.listeners import listeners
from eagleray.router.routes import ops_routes, routes

BOOTSTRAP = "bootstrap.json"
POD_LAYOUT = RouterLayout()


def render(config: RouterConfig, layout: RouterLayout = POD_LAYOUT) -> dict[str, str]:
    """Every file of the router's ConfigMap: file name → JSON text.

    The same input gives the same bytes. `bootstrap.json` depends on the layout and on names alone: only a change of it
    needs new router Pods, all else is taken over by running ones.

    Args:
        config: what to route where.
        layout: paths and ports.
    """
    version = config_version(config, layout)
    files = {name: _text(_discovery(version, body)) for name, body in _resources(config, layout, version).items()}
    return {BOOTSTRAP: _text(bootstrap(config, layout)), **files, **_others(config)}


def config_version(config: RouterConfig, layout: RouterLayout = POD_LAYOUT) -> str:
    """The hash of all dynamic files, as served at `/config-version` and found in a router's statistics."""
    unversioned = _text(_resources(config, layout, version="")) + "".join(_others(config).values())
    return hashlib.sha256(unversioned.encode()).hexdigest()[:16]


def _resources(config: RouterConfig, layout: RouterLayout, version: str) -> dict[str, list[dict[str, Any]]]:
    targets = sorted(config.targets, key=lambda t: t.revision)
    beside = comparer_clusters(layout) if config.compares else []
    beside += holder_clusters(layout) if config.holds else []
    copies = {"copies.json": [copies_routes(config)]} if config.compares else {}
    return {
        "lds.json": listeners(config, layout),
        "cds.json": [*(cluster(t, layout) for t in targets), *beside],
        "rds.json": [routes(config)],
        "ops.json": [ops_routes(config, version)],
        **copies,
        **{eds_file(t): [load_assignment(t)] for t in targets},
    }


def _others(config: RouterConfig) -> dict[str, str]:
    """Files that are not Envoy's."""
    return {HOLDS_FILE: holds_file(config)} if config.holds else {}


def _discovery(version: str, resources: list[dict[str, Any]]) -> dict[str, Any]:
    return {"version_info": version, "resources": resources}


def _text(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
