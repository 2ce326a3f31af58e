"""What users of other operators and proxies have reported in public, and what keeps each report from coming true here.

Each report names the tests that keep it from coming here, and whoever sends a request that was reported.
"""

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from e2e.scripts import script

TESTS = Path(__file__).parents[2]
CLIENTS: Any = script("clients")
GALLERY = "e2e/test_gallery"
ROUTER = "unit/router/test_envoy_"
TABLE = "clients::test_whoever_asks_gets_the_answer_or_is_told_why_not"
SENT_TO_BOTH = (f"{ROUTER}{TABLE}", f"e2e/test_{TABLE}")


@dataclass(frozen=True, slots=True)
class Report:
    """What somebody met elsewhere.

    Attributes:
        what: in a few words.
        links: issues where it is reported.
        tests: those that would show it, as `module::test` below the folder of the tests.
        clients: rows of the table of clients that are such requests.
        cases: cases of the simulated cluster that would show it.
    """

    what: str
    links: tuple[str, ...]
    tests: tuple[str, ...]
    clients: tuple[str, ...] = ()
    cases: tuple[str, ...] = ()


REPORTS = (
    Report(
        "HTTP/1.0 is refused",
        ("envoyproxy/envoy#18608", "SigNoz/charts#53", "apache/devlake#6190"),
        SENT_TO_BOTH,
        ("nginx as it comes", "nginx with keepalive", "ab", "ab -k", "an old health check", "curl --http1.0"),
    ),
    Report(
        "an upgrade that nobody asked for is refused",
        ("istio/istio#53239", "envoyproxy/envoy#36305", "dropwizard/dropwizard#9597"),
        SENT_TO_BOTH,
        ("Apache HttpClient 5.4", "Java's HttpClient", "curl --http2", "a protocol that nobody knows"),
    ),
    Report(
        "behind an ingress with TLS the application sees http",
        ("kedacore/http-add-on#1432", "istio/istio#7964"),
        (
            *SENT_TO_BOTH,
            "e2e/test_clients::test_behind_a_trusted_ingress_the_application_sees_https_and_no_pod_is_made_anew",
            f"{ROUTER}clients::test_who_asked_is_said_by_trusted_proxies_alone",
        ),
        ("a forger", "an ingress with TLS", "an application behind TLS"),
    ),
    Report(
        "variables are expanded in another order than in a Pod",
        ("vllm-project/aibrix#2107", "zalando/postgres-operator#2905", "elastic/cloud-on-k8s#2327"),
        (
            "unit/resources/test_environment::test_variables_expand_ours_and_theirs_in_the_users_order",
            "unit/resources/test_environment::test_everything_else_of_ours_gives_way_to_the_users",
            "e2e/test_environment::test_variables_expand_ours_and_theirs_in_their_order",
        ),
    ),
    Report(
        "a deployment hands another one no more than 4 MiB",
        ("ray-project/ray#62982",),
        (
            f"{GALLERY}::test_each_topic_is_answered_as_ray_answers_it",
            "unit/resources/test_environment::test_an_app_runs_as_ray_means_it_and_our_server_as_it_was_written",
        ),
    ),
    Report(
        "a handler that computes makes its replica unhealthy",
        ("ray-project/ray#24419", "ray-project/ray#24554"),
        (
            f"{GALLERY}::test_a_replica_that_computes_is_well_and_others_wait",
            "unit/domain/revision/test_told::test_nobody_ends_what_a_request_may_take",
        ),
    ),
    Report(
        "deployments ask for more than their Pods have, and nobody says so",
        ("ray-project/kuberay#1090", "ray-project/kuberay#3151", "ray-project/ray#18432"),
        (
            f"{GALLERY}::test_deployments_that_do_not_fit_say_what_they_ask_for",
            "unit/domain/revision/test_slow_start::test_what_holds_a_replica_up",
        ),
    ),
    Report(
        "a replica that leaves ends requests that are allowed to take longer",
        ("knative/serving#1197", "knative/serving#13953"),
        (
            f"{GALLERY}::test_a_replica_that_leaves_finishes_what_the_request_timeout_allows",
            "unit/domain/revision/test_told::test_all_deployments_are_told_and_only_the_one_that_answers_has_its_number_from_us",
        ),
    ),
    Report(
        "a Pod that stays Terminating keeps the object from being settled",
        ("ray-project/kuberay#4078", "ray-project/kuberay#5239"),
        (
            "unit/domain/plan/test_faults::test_a_pod_that_only_terminates_holds_nothing_up",
            "simulated/test_faults_of_section_1::test_case",
        ),
        cases=("a_pod_that_only_terminates_is_nobodys_progress",),
    ),
    Report(
        "a download that takes longer than the deadline is given up, and begins anew",
        ("kserve/kserve#3795", "rh-aiservices-bu/ai-on-openshift#100"),
        (
            "unit/domain/version/test_progress::test_it_has_no_deadline_and_says_how_far_it_is",
            "unit/domain/version/test_progress::test_ten_gibibytes_over_a_slow_link_take_over_with_the_default_deadline",
            "unit/serving/test_told::test_what_has_begun_waits_for_minutes_and_goes_on",
            "unit/serving/test_web_download::test_a_broken_download_goes_on_where_it_broke_off",
            "e2e/test_download::test_it_is_waited_for_while_it_moves_and_goes_on_where_it_broke_off",
        ),
    ),
    Report(
        "health checks keep a model awake, or wake it",
        ("KubeElasti/KubeElasti#290",),
        (
            f"{ROUTER}monitors::test_who_watches_a_model_that_sleeps_is_answered_and_wakes_nothing",
            f"{ROUTER}monitors::test_what_spec_names_wakes_nothing_either",
            "e2e/test_zero::test_health_checks_and_monitors_wake_nothing",
        ),
    ),
    Report(
        "a large body is refused without a number, and nobody can raise it",
        ("kserve/kserve#2810", "pytorch/serve#430"),
        (
            *SENT_TO_BOTH,
            f"{ROUTER}bodies::test_a_body_over_the_limit_is_refused_whether_it_says_its_length_or_not",
            f"{ROUTER}bodies::test_a_body_in_chunks_may_be_as_large_as_any_other",
            f"{ROUTER}bodies::test_our_own_server_is_told_what_the_router_takes_and_an_application_nothing",
            f"{ROUTER}bodies::test_headers_are_bounded_together_and_in_number_and_the_bounds_are_told",
            "unit/serving/test_http::test_how_large_a_body_may_be_is_what_the_router_says",
        ),
        ("too much, and says so", "too much, in chunks", "a large cookie", "many headers"),
    ),
    Report(
        "a web page may not ask a model",
        ("kserve/kserve#1902", "SeldonIO/MLServer#386"),
        (*SENT_TO_BOTH, f"{ROUTER}clients::test_a_preflight_wakes_nothing_and_is_no_request"),
        ("a page", "its preflight", "a strange page", "its preflight, too"),
    ),
    Report(
        "a packed body is called no JSON",
        ("kserve/kserve#1902",),
        (
            "unit/serving/test_bodies::test_a_packed_body",
            "unit/serving/test_bodies::test_another_packing_is_named_with_those_that_are_taken",
        ),
    ),
    Report(
        "replicas have different values of a Secret, and nothing restarts them",
        ("kserve/kserve#2276",),
        (
            "unit/domain/status/test_references::test_those_that_differ_from_the_newest_are_named_with_what_was_changed",
            "unit/domain/version/test_restart::test_it_goes_by_the_steps_of_a_rollout",
            "e2e/test_environment::test_who_began_with_another_secret_is_named_and_a_restart_makes_them_alike",
            "e2e/test_environment::test_the_annotation_that_git_or_kubectl_writes_restarts",
        ),
    ),
    Report(
        "a stream is cut at the request's timeout, and ends as if it were whole",
        ("knative/serving#2582", "kserve/kserve#3706"),
        (
            f"{ROUTER}streams::test_how_a_stream_ends",
            f"{ROUTER}streams::test_a_websocket_lives_as_long_as_it_is_not_silent",
            f"{GALLERY}::test_each_topic_is_answered_as_ray_answers_it",
        ),
    ),
    Report(
        "a client that goes away keeps its replica busy",
        ("kserve/kserve#1663",),
        (f"{ROUTER}clients::test_a_client_that_goes_away_ends_its_request_and_is_counted_no_more",),
    ),
)


@cache
def names_in(module: str) -> set[str]:
    tree = ast.parse((TESTS / module).with_suffix(".py").read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


@cache
def cases() -> set[str]:
    trees = [ast.parse(file.read_text()) for file in (TESTS / "simulated").glob("cases_*.py")]
    return {node.name for tree in trees for node in tree.body if isinstance(node, ast.AsyncFunctionDef)}


@pytest.mark.parametrize("report", REPORTS, ids=lambda report: report.what)
def test_what_is_reported_elsewhere_is_proven_here(report: Report) -> None:
    assert report.links
    assert report.tests
    modules = [proof.split("::") for proof in report.tests]
    assert [f"{module}::{test}" for module, test in modules if test not in names_in(module)] == []
    assert set(report.clients) <= {row.client for row in CLIENTS.ROWS}
    assert set(report.cases) <= cases()


def test_no_report_is_there_twice() -> None:
    assert len({report.what for report in REPORTS}) == len(REPORTS)
