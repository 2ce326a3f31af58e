"""kubectl and helm, as the tests call them."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from . import api

Manifest = dict[str, Any]

REPO = Path(__file__).resolve().parents[2]
NAME = "eagleray-test"
# The nodes of kind-config.yaml.
GPU_NODE = "eagleray-test-worker"
SPOT_NODE = "eagleray-test-worker2"
OTHER_NODE = "eagleray-test-control-plane"
OPERATOR_NAMESPACE = "eagleray-system"
RELEASE = "eagleray"


class CommandError(AssertionError):
    """A command ended with an exit status other than 0.

    Args:
        command: its first words.
        stderr: what it complained of.
    """

    def __init__(self, command: str, stderr: str) -> None:
        super().__init__(f"`{command}`: {stderr.strip()}")
        self.stderr = stderr.strip()


@dataclass(frozen=True, slots=True)
class Cluster:
    """The cluster under test.

    Args:
        bin: folder with kubectl and helm.
        kubeconfig: how to reach the cluster.
        values: file with the chart's values for this cluster.
        images: whole reference of each image of the project, by its name after `eagleray/`.
    """

    bin: Path
    kubeconfig: Path
    values: Path
    images: dict[str, str]

    @classmethod
    def from_harness(cls) -> "Cluster":
        """The cluster that the harness (tests/kind) prepared.

        Raises:
            FileNotFoundError: it has not run; `make test` runs it.
        """
        cache = Path(os.environ.get("EAGLERAY_CACHE") or Path.home() / ".cache" / "eagleray")
        return cls(
            bin=cache / "bin",
            kubeconfig=cache / f"kubeconfig-{NAME}",
            values=cache / f"values-{NAME}.json",
            images=json.loads((REPO / "build" / "images.json").read_text()),
        )

    def kubectl(self, *args: str, stdin: str | None = None, timeout: float = 60) -> str:
        """Run kubectl and return what it prints.

        Args:
            args: its arguments.
            stdin: what it reads.
            timeout: seconds until it is killed.

        Raises:
            CommandError: it failed; `stderr` has its words.
        """
        return run(self.kubectl_command(*args), stdin=stdin, timeout=timeout)

    def kubectl_command(self, *args: str) -> list[str]:
        """The command line of kubectl for this cluster."""
        return [str(self.bin / "kubectl"), "--kubeconfig", str(self.kubeconfig), *args]

    def helm(self, *args: str, timeout: float = 240) -> str:
        """Run helm and return what it prints.

        Raises:
            CommandError: it failed.
        """
        return run([str(self.bin / "helm"), "--kubeconfig", str(self.kubeconfig), *args], timeout=timeout)

    def plugin(self, *args: str) -> str:
        """Run `kubectl eagleray` and return what it prints.

        Raises:
            CommandError: it failed.
        """
        command = [str(Path(sys.executable).parent / "kubectl-eagleray"), *args, "--kubeconfig", str(self.kubeconfig)]
        return run(command, timeout=60)

    def find(self, kind: str, name: str, namespace: str = "") -> Manifest | None:
        """Read one object, or None where there is none."""
        if namespace and kind in api.PATHS:
            found: Manifest | None = self._read(kind, namespace, name=name)
            return found
        text = self.kubectl("get", kind, name, *_in(namespace), "-o", "json", "--ignore-not-found")
        return json.loads(text) if text.strip() else None

    def get(self, kind: str, name: str, namespace: str = "") -> Manifest:
        """Read one object that must be there."""
        found = self.find(kind, name, namespace)
        assert found is not None, f"{kind} {namespace}/{name} does not exist"
        return found

    def list(self, kind: str, namespace: str = "", selector: str = "") -> list[Manifest]:
        """Read the objects of a kind, or of kinds separated by commas; of all namespaces without `namespace`."""
        if namespace and kind in api.PATHS:
            found: list[Manifest] = self._read(kind, namespace, selector=selector)["items"]
            return found
        where = _in(namespace) or ["--all-namespaces"]
        chosen = ["-l", selector] if selector else []
        items: list[Manifest] = json.loads(self.kubectl("get", kind, *where, *chosen, "-o", "json"))["items"]
        return items

    def _read(self, kind: str, namespace: str, **what: str) -> Any:
        try:
            return api.read(api.connection(self.kubeconfig), kind, namespace, **what)
        except httpx.HTTPError as e:
            raise CommandError(f"GET {kind} of {namespace}", f"{type(e).__name__}: {e}") from e

    def apply(self, *manifests: Manifest) -> str:
        """Apply manifests as a user would, and return what kubectl says of each.

        Raises:
            CommandError: the API server refuses one.
        """
        text = "\n---\n".join(map(json.dumps, manifests))
        return self.kubectl("apply", "-f", "-", stdin=text)

    def delete(self, kind: str, name: str, namespace: str = "", *options: str) -> None:
        """Delete one object; it need not exist."""
        self.kubectl("delete", kind, name, *_in(namespace), "--ignore-not-found", *options, timeout=180)

    def gateway(self) -> str:
        """The address of this machine as Pods reach it."""
        node = str(self.list("nodes")[0]["metadata"]["name"])
        gateway = "{{range .NetworkSettings.Networks}}{{.Gateway}}{{end}}"
        return run(["docker", "inspect", "-f", gateway, node]).strip()

    def patch_spec(self, kind: str, name: str, namespace: str, spec: Manifest) -> None:
        """Merge into the spec of one object."""
        patch = json.dumps({"spec": spec})
        self.kubectl("patch", kind, name, *_in(namespace), "--type=merge", "-p", patch)


def _in(namespace: str) -> list[str]:
    return ["-n", namespace] if namespace else []


def run(command: list[str], *, stdin: str | None = None, timeout: float = 60, env: dict[str, str] | None = None) -> str:
    """Run a command and return its standard output.

    Raises:
        CommandError: it is too slow or ended with an exit status other than 0.
    """
    shown = " ".join(
        Path(command[0]).name if i == 0 else word for i, word in enumerate(command) if "kubeconfig" not in word
    )
    try:
        done = subprocess.run(
            command, input=stdin, capture_output=True, text=True, timeout=timeout, check=False, env=env
        )
    except subprocess.TimeoutExpired:
        raise CommandError(shown, f"no answer within {timeout:.0f} s") from None
    if done.returncode:
        raise CommandError(shown, done.stderr or done.stdout)
    return done.stdout
