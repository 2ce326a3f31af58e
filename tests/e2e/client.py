"""The client Pod: asks, checks and loads from inside the cluster, because nothing is reachable from outside."""

import base64
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .cluster import Cluster, Manifest

SCRIPTS = Path(__file__).parent / "client"
START_SECONDS = 30.0
STOP_SECONDS = 120.0
MODELS = "/models"
# The second by TLS.
FIGURES_PORTS = (9099, 9443)

RESTRICTED: Manifest = {
    "runAsNonRoot": True,
    "runAsUser": 12345,
    "runAsGroup": 12345,
    "fsGroup": 12345,
    "seccompProfile": {"type": "RuntimeDefault"},
}
LOCKED_DOWN: Manifest = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


@dataclass(frozen=True, slots=True)
class Answer:
    """One response."""

    status: int
    headers: dict[str, str]
    body: str

    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class LoadResult:
    """What a load found; see client/load.py for the fields of `raw`."""

    raw: dict[str, Any]

    @property
    def sent(self) -> int:
        """Requests sent."""
        return int(self.raw["sent"])

    @property
    def failed(self) -> int:
        """Requests that were not answered rightly and in time."""
        return int(self.raw["failed"])

    @property
    def revisions(self) -> dict[str, dict[str, float]]:
        """For each revision that answered: the times of its first and last answer, and their count."""
        found: dict[str, dict[str, float]] = self.raw["revisions"]
        return found

    def told(self) -> str:
        """The result for people: the failures first."""
        failures = "\n".join(f"  {f}" for f in self.raw["failures"])
        return f"{self.failed} of {self.sent} requests failed; {self.raw['statuses']}\n{failures}"


@dataclass(frozen=True, slots=True)
class Count:
    """Who answered a number of requests; see client/split.py."""

    versions: dict[str, int]
    revisions: dict[str, int]
    statuses: dict[str, int]
    users: dict[str, list[str]]
    retry_after: dict[str, int]


@dataclass(slots=True)
class Load:
    """A load that is running; `result` is there when its block has ended."""

    _result: LoadResult | None = field(default=None)

    @property
    def result(self) -> LoadResult:
        """What came of it."""
        assert self._result is not None, "the load has not ended yet"
        return self._result

    def finish(self, text: str) -> None:
        """Take in what the script printed last."""
        self._result = LoadResult(json.loads(text.splitlines()[-1]))


@dataclass(frozen=True, slots=True)
class Figures:
    """A server that answers every query of Prometheus, and of the API server, with one word; see client/figures.py."""

    client: "Client"
    url: str

    def say(self, word: str) -> None:
        """Answer with this from now on: a number, or "" for an error."""
        assert self.client.ask("PUT", f"{self.url}/", word).status == 200


@dataclass(frozen=True, slots=True)
class Client:
    """A Pod with Python and the scripts of tests/e2e/client at /scripts.

    Args:
        cluster: where it runs.
        namespace: its namespace.
        claim: a volume claim that is mounted at /models, or "".
    """

    cluster: Cluster
    namespace: str
    claim: str = ""
    name: str = "client"

    def start(self) -> None:
        """Make the Pod, or make it anew where its scripts are old, and wait until it runs."""
        scripts = {path.name: path.read_text() for path in sorted(SCRIPTS.glob("*.py"))}
        config = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": self.name, "namespace": self.namespace},
            "data": scripts,
        }
        changed = not self.cluster.apply(config).rstrip().endswith("unchanged")
        there = self.cluster.find("pod", self.name, self.namespace)
        image = self.cluster.images["sklearn"]
        if there and (changed or there["spec"]["containers"][0]["image"] != image):
            self.cluster.delete("pod", self.name, self.namespace, "--grace-period=0", "--force")
        self.cluster.apply(self.manifest())
        ready = ("wait", "--for=condition=Ready", f"pod/{self.name}", "-n", self.namespace, "--timeout=180s")
        self.cluster.kubectl(*ready, timeout=200)

    def ask(self, method: str, url: str, body: object = None) -> Answer:
        """Send one request."""
        words = [] if body is None else [body if isinstance(body, str) else json.dumps(body)]
        return Answer(**json.loads(self.python("ask.py", method, url, *words)))

    def python(self, script: str, *args: str, stdin: str = "", timeout: float = 120) -> str:
        """Run one of the scripts to its end and return what it prints."""
        # With -i and nothing to read, kubectl now and then returns before the output has come.
        reading = ["-i"] if stdin else []
        where = ("exec", *reading, "-n", self.namespace, self.name)
        command = (*where, "--", "python", f"/scripts/{script}", *args)
        return self.cluster.kubectl(*command, stdin=stdin or None, timeout=timeout)

    def count(
        self,
        url: str,
        requests: int,
        *,
        at_once: int = 16,
        users: int = 0,
        headers: dict[str, str] | None = None,
        body: object = None,
        timeout: float = 90,
    ) -> Count:
        """Send so many requests, and count who answers; NUMBER in a body of text is the request's own number."""
        options = [f"--header={name}={value}" for name, value in (headers or {}).items()]
        options += [f"--at-once={at_once}", f"--timeout={timeout}"]
        text = body if isinstance(body, str) else json.dumps(body or {"num": 7})
        words = [url, "--requests", str(requests), "--users", str(users), "--body", text, *options]
        return Count(**json.loads(self.python("split.py", *words, timeout=300)))

    def put(self, path: str, content: bytes) -> None:
        """Write a file of the volume claim, at a path below /models."""
        source = (
            "import base64, pathlib, sys; file = pathlib.Path(sys.argv[1]); "
            "file.parent.mkdir(parents=True, exist_ok=True); file.write_bytes(base64.b64decode(sys.stdin.read()))"
        )
        command = ("exec", "-i", "-n", self.namespace, self.name, "--", "python", "-c", source, f"{MODELS}/{path}")
        self.cluster.kubectl(*command, stdin=base64.b64encode(content).decode())

    def run_source(self, source: str, *args: str, stdin: str = "", timeout: float = 120) -> str:
        """Run a program that is not among the scripts and return what it prints."""
        program = ["-c", source] if stdin else ["-"]
        command = ("exec", "-i", "-n", self.namespace, self.name, "--", "python", *program, *args)
        return self.cluster.kubectl(*command, stdin=stdin or source, timeout=timeout)

    @contextmanager
    def load(
        self,
        url: str,
        *,
        body: object,
        expected: object,
        headers: dict[str, str] | None = None,
        rate: float = 20.0,
        at_once: int = 0,
        ca: str = "",
    ) -> Iterator[Load]:
        """Load `url` steadily while the block runs; the block begins when the first right answer has come.

        With `at_once` so many requests are always under way, whatever their rate. `ca` is a file in the Pod: of the
        authority whose certificates are believed.
        """
        wanted = ["--body", json.dumps(body), "--expected", json.dumps(expected), "--rate", str(rate)]
        wanted += ["--ca", ca] if ca else []
        wanted += ["--at-once", str(at_once), *(f"--header={name}={value}" for name, value in (headers or {}).items())]
        command = self.cluster.kubectl_command(
            "exec", "-i", "-n", self.namespace, self.name, "--", "python", "/scripts/load.py", url, *wanted
        )
        load = Load()
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            assert process.stdout is not None
            first = process.stdout.readline()
            assert first == "started\n", f"the load does not start: {first} {_rest(process)}"
            yield load
            out, err = process.communicate(timeout=STOP_SECONDS)
            assert process.returncode == 0, f"the load ended with an error: {err}"
            load.finish(out)
        finally:
            if process.poll() is None:
                process.kill()
                process.communicate()

    @contextmanager
    def figures(self) -> Iterator["Figures"]:
        """A server in this Pod that answers as Prometheus does, while the block runs."""
        address = self.cluster.get("pod", self.name, self.namespace)["status"]["podIP"]
        command = self.cluster.kubectl_command(
            "exec",
            "-i",
            "-n",
            self.namespace,
            self.name,
            "--",
            "python",
            "/scripts/figures.py",
            *map(str, FIGURES_PORTS),
        )
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "started\n"
            yield Figures(self, f"http://{address}:{FIGURES_PORTS[0]}")
        finally:
            process.kill()
            process.communicate()

    def manifest(self) -> Manifest:
        """The Pod."""
        mounts: list[Manifest] = [
            {"name": "scripts", "mountPath": "/scripts", "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - inside the container
        ]
        volumes: list[Manifest] = [
            {"name": "scripts", "configMap": {"name": self.name}},
            {"name": "tmp", "emptyDir": {}},
        ]
        if self.claim:
            mounts.append({"name": "models", "mountPath": MODELS})
            volumes.append({"name": "models", "persistentVolumeClaim": {"claimName": self.claim}})
        container: Manifest = {
            "name": "client",
            "image": self.cluster.images["sklearn"],
            "command": ["python", "-c", "import signal; signal.sigwait([signal.SIGTERM])"],
            "env": [{"name": "HOME", "value": "/tmp"}, {"name": "PYTHONDONTWRITEBYTECODE", "value": "1"}],  # noqa: S108
            "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}},
            "securityContext": LOCKED_DOWN,
            "volumeMounts": mounts,
        }
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": self.name, "namespace": self.namespace, "labels": {"app": self.name}},
            "spec": {
                "automountServiceAccountToken": False,
                "terminationGracePeriodSeconds": 1,
                "securityContext": RESTRICTED,
                "containers": [container],
                "volumes": volumes,
            },
        }


def _rest(process: "subprocess.Popen[str]") -> str:
    process.kill()
    _, err = process.communicate(timeout=STOP_SECONDS)
    return err
