"""What is read from a router's statistics."""

import pytest

from eagleray.domain.router import RevisionStats, RouterStats
from eagleray.router.stats import parse

TEXT = """# TYPE envoy_cluster_upstream_rq_completed counter
envoy_cluster_upstream_rq_completed{envoy_cluster_name="m-a"} 12
envoy_cluster_upstream_rq_completed{envoy_cluster_name="admin"} 3
# TYPE envoy_cluster_upstream_rq_retry counter
envoy_cluster_upstream_rq_retry{envoy_cluster_name="m-a"} 4
# TYPE envoy_cluster_upstream_rq_xx counter
envoy_cluster_upstream_rq_xx{envoy_response_code_class="5",envoy_cluster_name="m-a"} 2
# TYPE envoy_cluster_membership_healthy gauge
envoy_cluster_membership_healthy{envoy_cluster_name="m-a"} 3
envoy_cluster_membership_healthy{envoy_cluster_name="m-b"} 0
# TYPE envoy_cluster_upstream_rq_active gauge
envoy_cluster_upstream_rq_active{envoy_cluster_name="m-a"} 1
# TYPE envoy_http_downstream_rq_active gauge
envoy_http_downstream_rq_active{envoy_http_conn_manager_prefix="ingress"} 1
# TYPE envoy_cluster_version_text gauge
envoy_cluster_version_text{envoy_cluster_name="m-a",text_value="v2"} 0
envoy_cluster_version_text{envoy_cluster_name="m-b",text_value="v1"} 0
# TYPE envoy_cluster_manager_cds_version_text gauge
envoy_cluster_manager_cds_version_text{text_value="v2"} 0
# TYPE envoy_http_rds_version_text gauge
envoy_http_rds_version_text{envoy_rds_route_config="ingress",text_value="v2"} 0
# TYPE envoy_cluster_upstream_rq_time histogram
envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="m-a",le="+Inf"} 12
envoy_cluster_upstream_rq_time_sum{envoy_cluster_name="m-a"} 61.5
envoy_cluster_upstream_rq_time_count{envoy_cluster_name="m-a"} 12
"""


def test_every_figure_is_found_at_its_revision() -> None:
    first = RevisionStats("v2", 3, 1, 12, 2, 4, 61.5, 12)
    stats = RouterStats("v2", {"m-a": first, "m-b": RevisionStats("v1")}, active=1)
    assert parse(TEXT) == stats
    assert stats.of("m-c") == RevisionStats()


def test_a_router_runs_a_version_when_all_of_it_does() -> None:
    stats = parse(TEXT)
    assert stats.runs("v2", ["m-a"])
    assert not stats.runs("v2", ["m-a", "m-b"])
    assert not stats.runs("v2", ["m-c"])
    assert not stats.runs("v1", [])
    assert parse(TEXT.replace('"ingress",text_value="v2"', '"ingress",text_value="v1"')).config_version == ""


@pytest.mark.parametrize("text", ["", "<html>", "a{b=1} x"])
def test_what_is_no_statistics_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse(text)
