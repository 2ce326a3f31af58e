"""Bills of materials: which pins are in which image, and that a file says so."""

import http.server
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from kind import bill, cache, images, supply_chain

TEXT = """\
# a comment
a==1 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
    # via b
b[x]==2 ; python_full_version < '3.12' \\
    --hash=sha256:cc
b[x]==3 ; python_full_version >= '3.12' \\
    --hash=sha256:dd
c==4 ; sys_platform == 'win32' \\
    --hash=sha256:ee
"""


def test_the_pins_are_those_of_the_platform_with_all_their_hashes() -> None:
    lines = [line.split() for _, line in bill.pins(TEXT)]
    assert lines == [["a==1", "--hash=sha256:aa", "--hash=sha256:bb"], ["b[x]==3", "--hash=sha256:dd"]]


def test_what_is_installed_later_is_there(tmp_path: Path) -> None:
    first, then = tmp_path / "first.txt", tmp_path / "then.txt"
    first.write_text("a==1\nb==1\n")
    then.write_text("a==2\n")
    assert bill.installed([str(first), str(then)]) == "a==2\nb==1\n"


def test_an_image_has_the_pins_of_all_that_it_starts_from() -> None:
    by_name = {each.name: each for each in supply_chain.bills()}
    assert by_name["eagleray/torch"].pins == (
        "requirements/serving.txt",
        "requirements/batch.txt",
        "requirements/serving-torch.txt",
    )
    assert by_name["eagleray/operator"].pins == ("requirements/operator.txt",)
    assert by_name["eagleray/router"].base.startswith("python:")


def test_each_image_of_the_chart_has_a_bill() -> None:
    values = (cache.REPO / "helm/eagleray/values.yaml").read_text()
    named = set(re.findall(r"repository: (eagleray/[a-z-]+)", values))
    assert {each.name for each in supply_chain.bills() if each.kind == "container"} == named
    assert {images.repository(name) for name in supply_chain.SHIPPED} == named


def test_a_file_says_what_it_is_of_and_what_is_below() -> None:
    sbom = {"components": [{"bom-ref": "requirements-L1", "name": "a"}], "dependencies": [{"ref": "requirements-L1"}]}
    of = {"name": "eagleray/x", "version": "1", "kind": "container", "base": "python:3.13-slim", "pins": []}
    found = bill.completed(sbom, of)
    assert found["metadata"]["component"]["name"] == "eagleray/x"
    refs = {component["bom-ref"] for component in found["components"]}
    assert refs == {"base:python:3.13-slim", "requirements-L1"} == set(found["dependencies"][0]["dependsOn"])
    assert {each["ref"] for each in found["dependencies"]} == {"eagleray/x@1", *refs}


@contextmanager
def index(body: Any) -> Iterator[str]:
    """An index of packages that answers the same to all."""

    class Answers(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_an_audit_without_advisories_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(supply_chain, "unreachable", lambda: "nobody answers")
    supply_chain.audit()
    said = "".join(capsys.readouterr())
    assert "Audit SKIPPED" in said
    assert "nobody answers" in said


def test_an_index_that_has_advisories_is_told_from_others() -> None:
    with index({"vulnerabilities": [{"id": "PYSEC-2020-173"}]}) as url:
        assert supply_chain.unreachable(url) == ""
    others: list[dict[str, Any]] = [{"vulnerabilities": []}, {"info": {}}]
    for other in others:
        with index(other) as url:
            assert supply_chain.unreachable(url) == "no fault is known there"
    assert supply_chain.unreachable(url)
