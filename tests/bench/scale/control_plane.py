"""etcd, kube-apiserver and the controllers that a ModelDeployment needs, from the programs that the harness builds."""

import asyncio
import shutil
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from bench.scale.api import Access, Api, ApiError
from bench.scale.processes import Running, free_ports, running
from kind import toolchain

ADMIN, OPERATOR, KUBERAY, CONTROLLERS = "admin", "eagleray-operator", "kuberay-operator", "controllers"
READY_SECONDS = 120.0
# Who is an administrator: neither rate-limited by fairness nor in the audit log.
_GROUPS = {ADMIN: "system:masters", CONTROLLERS: "system:masters"}
_CONTROLLERS = ("deployment", "replicaset", "garbage-collector", "disruption")
# Only those whose requests are counted.
_AUDIT = f"""
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
  users: [{OPERATOR}, {KUBERAY}]
- level: None
"""


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """A control plane that runs.

    Attributes:
        folder: its data, certificates and logs.
        url: the API server.
        programs: what runs, by name.
    """

    folder: Path
    url: str
    programs: dict[str, Running]

    @property
    def audit_log(self) -> Path:
        """The requests of the operators, a line each."""
        return self.folder / "audit.log"

    def access(self, user: str) -> Access:
        """How to reach it as `user`."""
        return Access(self.url, str(self.folder / "certs" / "apiserver.crt"), _token(user))


@asynccontextmanager
async def control_plane(folder: Path) -> AsyncIterator[ControlPlane]:
    """A fresh control plane, which ends with the context.

    Args:
        folder: where it puts everything; what is there is removed first.

    Raises:
        RuntimeError: one of its programs ended.
        TimeoutError: it did not become ready within `READY_SECONDS`.
    """
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "certs").mkdir(parents=True)
    kubernetes, etcd = (toolchain.ensure(program) for program in toolchain.NODE[:2])
    peer, client, secure = free_ports(3)
    with ExitStack() as stack:
        store = running(_etcd(etcd, folder, peer, client), folder / "etcd.log")
        server = running(_api_server(kubernetes, folder, client, secure), folder / "kube-apiserver.log")
        programs = {"etcd": stack.enter_context(store), "kube-apiserver": stack.enter_context(server)}
        plane = ControlPlane(folder, f"https://127.0.0.1:{secure}", programs)
        await _ready(plane)
        controllers = running(_controller_manager(kubernetes, plane), folder / "kube-controller-manager.log")
        programs["kube-controller-manager"] = stack.enter_context(controllers)
        yield plane


def _token(user: str) -> str:
    return f"token-of-{user}"


def _etcd(programs: Path, folder: Path, peer: int, client: int) -> list[str | Path]:
    peers, clients = f"http://127.0.0.1:{peer}", f"http://127.0.0.1:{client}"
    return [
        programs / "etcd",
        f"--data-dir={folder / 'etcd'}",
        f"--listen-client-urls={clients}",
        f"--advertise-client-urls={clients}",
        f"--listen-peer-urls={peers}",
        f"--initial-advertise-peer-urls={peers}",
        f"--initial-cluster=default={peers}",
        "--log-level=warn",
        # Of a disk that others use as well nothing is to be learned here.
        "--unsafe-no-fsync",
    ]


def _api_server(programs: Path, folder: Path, etcd: int, port: int) -> list[str | Path]:
    key, tokens, policy = folder / "accounts.key", folder / "tokens.csv", folder / "audit.yaml"
    subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
    users = (ADMIN, CONTROLLERS, OPERATOR, KUBERAY)
    tokens.write_text("".join(f'{_token(u)},{u},{u},"{_GROUPS.get(u, u)}"\n' for u in users))
    policy.write_text(_AUDIT)
    return [
        programs / "kube-apiserver",
        f"--etcd-servers=http://127.0.0.1:{etcd}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        "--endpoint-reconciler-type=none",
        f"--secure-port={port}",
        f"--cert-dir={folder / 'certs'}",
        f"--token-auth-file={tokens}",
        "--authorization-mode=AlwaysAllow",
        "--disable-admission-plugins=ServiceAccount",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={key}",
        f"--service-account-signing-key-file={key}",
        "--service-cluster-ip-range=10.96.0.0/12",
        f"--audit-policy-file={policy}",
        f"--audit-log-path={folder / 'audit.log'}",
        "--audit-log-mode=blocking",
    ]


def _controller_manager(programs: Path, plane: ControlPlane) -> list[str | Path]:
    kubeconfig = plane.access(CONTROLLERS).kubeconfig(plane.folder / "controllers.kubeconfig")
    return [
        programs / "kube-controller-manager",
        f"--kubeconfig={kubeconfig}",
        f"--controllers={','.join(f'{name}-controller' for name in _CONTROLLERS)}",
        "--leader-elect=false",
        "--secure-port=0",
        # They are not what is measured.
        "--kube-api-qps=500",
        "--kube-api-burst=1000",
        "--concurrent-deployment-syncs=16",
        "--concurrent-replicaset-syncs=16",
    ]


async def _ready(plane: ControlPlane) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        for program in plane.programs.values():
            program.check()
        if await _is_ready(plane):
            return
        await asyncio.sleep(0.2)
    raise TimeoutError(f"kube-apiserver is not ready after {READY_SECONDS:.0f} s; see {plane.folder}")


async def _is_ready(plane: ControlPlane) -> bool:
    """Whether it answers; before that it writes its certificate, whose file is not there either."""
    try:
        async with Api(plane.access(ADMIN)) as api:
            return await api.text("/readyz") == "ok"
    except (ApiError, aiohttp.ClientError, FileNotFoundError):
        return False
