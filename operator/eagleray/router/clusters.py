"""A revision as Envoy's cluster: whether its replicas answer, and how requests spread over them."""

from typing import Any

from eagleray.domain.actions.router_config import RouterConfig, RouterTarget
from eagleray.domain.facts.patience import CHECKS_IN_A_ROW, router_health_seconds
from eagleray.domain.facts.router_layout import RouterLayout
from eagleray.router.budget import COPIES, buffer_bytes, requests_at_once
from eagleray.router.calls import call_health_check
from eagleray.router.downstream import WINDOWS
from eagleray.router.endpoints import endpoints_file
from eagleray.router.failover import METADATA
from eagleray.router.limits import limits
from eagleray.router.xds import extension, file_source, seconds, typed

HEALTH_PATH = "/-/healthz"
HEALTH_INTERVAL_SECONDS = 1
# Of a replica that did not answer well. Three such answers count (`CHECKS_IN_A_ROW`): one that drains is asked for
# two of these intervals more, in which its successor, which Serve starts first, has been checked and found.
UNHEALTHY_INTERVAL_SECONDS = 0.5
# Shorter than the replica's own (Serve: 90 s), so that a request never meets a connection that is just being closed.
UPSTREAM_IDLE_SECONDS = 30
# A peer that vanished without a word (its node died): unanswered data for so long is a lost connection.
TCP_USER_TIMEOUT_MS = 5000


def cluster(config: RouterConfig, target: RouterTarget, layout: RouterLayout) -> dict[str, Any]:
    """The target's cluster.

    A replica leaves at its third health check in turn that fails or answers 503: one that drains answers requests for
    5 s more (`resources/env.py`), and one that refuses them is passed over at once. Requests in progress there end in
    peace, also when the endpoint is removed (`ignore_health_on_host_removal`: at once for new requests, since its
    address may soon belong to another Pod).

    Args:
        config: what the router is to do.
        target: the revision.
        layout: where Envoy finds its files.
    """
    return typed(
        "envoy.config.cluster.v3.Cluster",
        name=target.revision,
        type="EDS",
        eds_cluster_config={"eds_config": file_source(layout, endpoints_file(target))},
        metadata={"filter_metadata": {METADATA: {"version": target.version, "revision": target.revision}}},
        connect_timeout="1s",
        per_connection_buffer_limit_bytes=buffer_bytes(target),
        ignore_health_on_host_removal=True,
        close_connections_on_host_health_failure=False,
        # Without the window of 0 s Envoy withholds a change of health from its workers for up to a second.
        common_lb_config={"healthy_panic_threshold": {"value": 0}, "update_merge_window": "0s"},
        load_balancing_policy={"policies": [{"typed_extension_config": _least_request()}]},
        health_checks=[_health_check(router_health_seconds(config.request_timeout), calls=target.calls)],
        outlier_detection=_outlier_detection(),
        # Routes give the requests of users priority HIGH; Envoy sends copies with DEFAULT, whatever their route says.
        circuit_breakers={"thresholds": [limits("HIGH", requests_at_once(config, target)), limits("DEFAULT", COPIES)]},
        upstream_connection_options={
            "tcp_keepalive": {"keepalive_time": 5, "keepalive_interval": 1, "keepalive_probes": 3},
        },
        upstream_bind_config={"socket_options": [_tcp_user_timeout()]},
        typed_extension_protocol_options={
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": _http(calls=target.calls)
        },
    )


def _least_request() -> dict[str, Any]:
    # A full scan: model replicas are few and slow, and the idle one among them must be found, not guessed at.
    return extension(
        "envoy.load_balancing_policies.least_request",
        "envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest",
        selection_method="FULL_SCAN",
    )


def _health_check(timeout: float, *, calls: bool) -> dict[str, Any]:
    # A replica that computes where it answers health checks answers late, and is still the right one to ask; one that
    # answers none for longer than a request may take hangs (docs/adr/0031-a-replica-that-hangs.md). A dead one refuses
    # at once, and one whose node is gone is found out by TCP (`TCP_USER_TIMEOUT_MS`), whatever the timeout.
    every = seconds(HEALTH_INTERVAL_SECONDS)
    return {
        "timeout": seconds(timeout),
        "interval": every,
        "no_traffic_interval": every,
        "unhealthy_interval": seconds(UNHEALTHY_INTERVAL_SECONDS),
        "interval_jitter_percent": 10,
        "unhealthy_threshold": CHECKS_IN_A_ROW,
        "healthy_threshold": 1,
        "http_health_check": {
            "host": "eagleray-router",
            **(call_health_check() if calls else {"path": HEALTH_PATH}),
            "retriable_statuses": [{"start": 503, "end": 504}],
        },
    }


def _outlier_detection() -> dict[str, Any]:
    # Between two health checks: a replica that cannot be reached is left out until a health check passes again. Not at
    # the first failure, since a request that times out counts as one and may be the request's own fault.
    return {
        "interval": "1s",
        "base_ejection_time": "2s",
        "max_ejection_time": "10s",
        "max_ejection_percent": 100,
        "split_external_local_origin_errors": True,
        "consecutive_local_origin_failure": 3,
        "enforcing_consecutive_local_origin_failure": 100,
        "enforcing_consecutive_5xx": 0,
        "enforcing_consecutive_gateway_failure": 0,
        "enforcing_success_rate": 0,
        "enforcing_local_origin_success_rate": 0,
    }


def _tcp_user_timeout() -> dict[str, Any]:
    return {
        "description": "TCP_USER_TIMEOUT",
        "level": "6",
        "name": "18",
        "int_value": str(TCP_USER_TIMEOUT_MS),
        "state": "STATE_PREBIND",
    }


def _http(*, calls: bool) -> dict[str, Any]:
    return typed(
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        common_http_protocol_options={"idle_timeout": seconds(UPSTREAM_IDLE_SECONDS)},
        explicit_http_config={"http2_protocol_options": WINDOWS} if calls else {"http_protocol_options": {}},
    )
