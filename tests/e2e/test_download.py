"""A download with a password over a slow link that breaks: longer than the deadline, told meanwhile, begun once."""

import base64
import hashlib
import io
import re
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from e2e.given import API_VERSION, ROLLOUT_NAMESPACE, Given
from e2e.then import Then
from e2e.when import When

# A start behind the download takes its own part of it.
DEADLINE = 60
SIZE = 6 * 2**20
SECONDS = 75
ROWS = np.random.default_rng(0).normal(size=(50, 3)).round(3)


class Link(BaseHTTPRequestHandler):
    """Serves one file to who is let in: `/fast` at once; `/slow` over longer than the deadline, half a connection."""

    content: bytes
    ranges: list[str]

    def do_GET(self) -> None:
        """Called by the base class."""
        if self.headers.get("Authorization") != f"Basic {base64.b64encode(b'me:secret').decode()}":
            self.send_error(401)
            return
        told = self.headers.get("Range", "")
        begin = int(told.removeprefix("bytes=").removesuffix("-")) if told else 0
        self.ranges.append(told)
        self.send_response(206 if told else 200)
        self.send_header("ETag", '"one"')
        self.send_header("Content-Length", str(len(self.content) - begin))
        if told:
            self.send_header("Content-Range", f"bytes {begin}-{len(self.content) - 1}/{len(self.content)}")
        self.end_headers()
        slow = self.path == "/slow/model.joblib"
        step = len(self.content) // SECONDS if slow else len(self.content)
        end = len(self.content) // 2 if slow and not told else len(self.content)
        for at in range(begin, end, step):
            self.wfile.write(self.content[at : min(at + step, end)])
            time.sleep(1 if slow else 0)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def link(given: Given) -> Iterator[tuple[str, str, list[str]]]:
    """A server on this machine as Pods reach it, the checksum of its file, and the ranges that it is asked for."""
    model = LogisticRegression().fit(ROWS, ROWS.sum(axis=1) > 0)
    model.padding = np.random.default_rng(0).bytes(SIZE)
    content = io.BytesIO()
    joblib.dump(model, content)
    address = given.cluster.gateway()
    ranges: list[str] = []
    handler = type("Handler", (Link,), {"content": content.getvalue(), "ranges": ranges})
    server = ThreadingHTTPServer((address, 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    checksum = hashlib.sha256(content.getvalue()).hexdigest()
    yield f"{address}:{server.server_address[1]}", checksum, ranges
    server.shutdown()
    server.server_close()


def test_it_is_waited_for_while_it_moves_and_goes_on_where_it_broke_off(
    link: tuple[str, str, list[str]], given: Given, when: When, then: Then
) -> None:
    given.operator()
    given.namespace(ROLLOUT_NAMESPACE)
    host, sha256, ranges = link
    entries = {"HTTP_USERNAME": "me", "HTTP_PASSWORD": "secret", "HTTP_HOST": host}
    named = {"name": "slow-link", "namespace": ROLLOUT_NAMESPACE}
    given.cluster.apply({"apiVersion": "v1", "kind": "Secret", "metadata": named, "stringData": entries})
    spec = {
        "model": {
            "framework": "sklearn",
            "uri": f"http://{host}/fast/model.joblib?signature=hidden",
            "sha256": sha256,
            "credentials": {"secretName": "slow-link"},
        },
        "replicas": 1,
        "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}},
        "rollout": {"progressDeadlineSeconds": DEADLINE},
    }
    md = given.settled({"apiVersion": API_VERSION, "kind": "ModelDeployment", "metadata": named, "spec": spec})
    before = md.stable_revision()
    assert "hidden" not in str(md.status())
    ranges.clear()

    begun = time.monotonic()
    when.changed(md, {"model": {"uri": f"http://{host}/slow/model.joblib"}})
    said = then.condition(
        md, "Progressing", "True", reasons={"RolloutInProgress"}, saying="MiB of 6.0 MiB (", within=60
    )
    assert re.search(
        r"container fetch downloads the model: [\d.]+ [KM]iB of 6.0 MiB \(\d+ %\), [\d.]+ \w+/s", said["message"]
    )
    then.settled(md)
    assert time.monotonic() - begun > SECONDS > DEADLINE
    assert md.stable_revision() != before
    assert [bool(told) for told in ranges] == [False, True], ranges
    given.cluster.delete("md", md.name, md.namespace)
