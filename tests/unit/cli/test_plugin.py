"""The commands as they are typed, and what importing them costs."""

import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from io import StringIO

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from eagleray.cli import main, plugin
from eagleray.cli.cluster import Cluster, Target
from eagleray.cli.errors import CliError
from eagleray.cli.outcome import Ended
from eagleray.cli.watch import PERIOD, watch
from eagleray.kube.errors import ForbiddenError, TransientError
from eagleray.kube.kinds import Manifest
from unit.cli.cluster import REF, Server
from unit.cli.objects import NEW, OLD, OLDER, manifest, pod, rollout

Typed = Callable[..., Result]

ABORTED = rollout(phase="Aborted", message="at 5%: too slow")


@pytest.fixture
def targets() -> list[Target]:
    return []


@pytest.fixture
def server() -> Server:
    return Server(manifest(rollout()), pod(f"{OLD}-head-1", "head", OLD))


@pytest.fixture
def typed(server: Server, targets: list[Target], monkeypatch: pytest.MonkeyPatch) -> Typed:
    monkeypatch.delenv("COLUMNS", raising=False)

    @asynccontextmanager
    async def connect(target: Target) -> AsyncIterator[Cluster]:
        targets.append(target)
        yield Cluster(server, target.namespace or "shop")

    monkeypatch.setattr(plugin, "connect", connect)
    return lambda *words: CliRunner().invoke(plugin.app, words)


def put(server: Server, manifest: Manifest) -> None:
    server.objects[REF] = manifest | {"metadata": manifest["metadata"] | {"resourceVersion": "changed"}}


@pytest.mark.parametrize(
    ("words", "annotation", "value"),
    [
        (["promote", "churn"], "promote", f"{NEW}/1/1"),
        (["promote", "churn", "--full", "--version", "default"], "promote", f"{NEW}/1/full"),
        (["pause", "churn"], "pause", f"{NEW}/1"),
        (["abort", "churn"], "abort", f"{NEW}/1"),
        (["rollback", "churn", "--to", OLDER], "rollback", f"{OLDER}/{NEW}"),
    ],
)
def test_verbs(words: list[str], annotation: str, value: str, typed: Typed, server: Server) -> None:
    done = typed(*words)
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.count("\n") == 1
    assert server.annotations == {f"eagleray.dev/{annotation}": value}


def test_restart(typed: Typed, server: Server) -> None:
    put(server, manifest())
    done = typed("restart", "churn")
    assert (done.exit_code, done.stderr) == (0, "")
    (written,) = server.annotations.items()
    assert written[0] == "kubectl.kubernetes.io/restartedAt"
    assert datetime.fromisoformat(written[1]) <= datetime.now(UTC)


def test_pause_and_resume(typed: Typed, server: Server) -> None:
    assert typed("pause", "churn").exit_code == 0
    assert typed("resume", "churn").exit_code == 0
    assert server.annotations == {}


def test_retry(typed: Typed, server: Server) -> None:
    put(server, manifest(ABORTED))
    assert typed("retry", "churn").exit_code == 0
    assert server.annotations == {"eagleray.dev/retry": f"{NEW}/1"}


def test_a_refusal_is_one_line(typed: Typed, server: Server) -> None:
    done = typed("retry", "churn")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == f"Error: nothing to retry: the rollout to {NEW} is Progressing, not Aborted\n"
    assert server.patches == []


def test_an_object_that_is_not_there(typed: Typed) -> None:
    done = typed("status", "mill")
    assert done.exit_code == 1
    assert done.stderr == (
        "Error: ModelDeployment shop/mill is not there; `kubectl get modeldeployments -A` lists all\n"
    )


def test_an_api_server_that_refuses(typed: Typed, server: Server) -> None:
    server.fail = {"get": [ForbiddenError("GET /x:\nyou may not", status=403)]}
    done = typed("revisions", "churn")
    assert (done.exit_code, done.stderr) == (1, "Error: GET /x: you may not\n")


def test_options_of_kubectl(typed: Typed, targets: list[Target]) -> None:
    typed("status", "churn", "-n", "shop", "--context", "prod", "--kubeconfig", "/k")
    assert [(t.namespace, t.context, str(t.kubeconfig)) for t in targets] == [("shop", "prod", "/k")]


def test_status_in_a_pipe_has_no_ansi_and_cuts_nothing(typed: Typed) -> None:
    done = typed("status", "churn")
    assert done.exit_code == 0
    assert "\x1b" not in done.stdout
    assert f"□ {OLD}-head-1" in done.stdout


def test_revisions(typed: Typed) -> None:
    lines = typed("revisions", "churn").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["NAME", NEW, OLD, OLDER]


@pytest.mark.parametrize(("at", "code"), [(manifest(), 0), (manifest(ABORTED), 1)], ids=["done", "aborted"])
def test_until_done(at: Manifest, code: int, typed: Typed, server: Server) -> None:
    put(server, at)
    done = typed("status", "churn", "--until-done")
    assert done.exit_code == code
    assert done.stderr == (f"Error: the rollout to {NEW} was taken back: at 5%: too slow\n" if code else "")


def test_ctrl_c_is_no_success(typed: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    async def interrupted(*_: object, **__: object) -> Ended:
        raise KeyboardInterrupt

    monkeypatch.setattr(plugin, "watch", interrupted)
    done = typed("status", "churn", "--until-done")
    assert (done.exit_code, done.stderr) == (plugin.INTERRUPTED, "")


def clock(server: Server, *changes: Callable[[Server], None]) -> Callable[[float], Awaitable[None]]:
    """A wait that lets one change happen at a time."""
    left = list(changes)

    async def pause(seconds: float) -> None:
        assert seconds == PERIOD
        left.pop(0)(server)

    return pause


def nothing(_: Server) -> None:
    pass


def no_answer(server: Server) -> None:
    server.fail = {"get": [TransientError("GET /x: no answer in 10 s")]}


def taken_back(server: Server) -> None:
    put(server, manifest(ABORTED))


async def test_watch_in_a_pipe_draws_changes_alone(server: Server) -> None:
    out = StringIO()
    wait = clock(server, nothing, nothing, no_answer, no_answer, taken_back)
    end = await watch(Cluster(server, "shop"), "churn", Console(file=out, width=200), until_done=True, pause=wait)
    assert end == Ended(well=False, why=f"the rollout to {NEW} was taken back: at 5%: too slow")
    drawings = out.getvalue().split("\n\n\n")
    assert out.getvalue().count("Name:       churn") == 3, drawings
    assert out.getvalue().count("Not up to date: GET /x: no answer in 10 s") == 1


async def test_watch_on_a_terminal_draws_every_second(server: Server) -> None:
    out = StringIO()
    console = Console(file=out, width=200, force_terminal=True, color_system=None)
    wait = clock(server, nothing, nothing, taken_back)
    await watch(Cluster(server, "shop"), "churn", console, until_done=True, pause=wait)
    assert out.getvalue().count("Name:       churn") >= 4


async def test_watch_ends_with_its_object(server: Server) -> None:
    console = Console(file=StringIO(), width=200)
    wait = clock(server, lambda s: s.objects.clear())
    with pytest.raises(CliError, match="shop/churn is not there"):
        await watch(Cluster(server, "shop"), "churn", console, until_done=False, pause=wait)


def test_the_same_commands_are_part_of_eagleray() -> None:
    shown = CliRunner().invoke(main.app, ["status", "--help"])
    assert shown.exit_code == 0
    assert "--until-done" in shown.stdout


def test_no_command_waits_for_the_operator_to_be_imported() -> None:
    heavy = "{'kopf', 'grpc', 'eagleray.engine', 'eagleray.runtime'}"
    code = f"import sys, eagleray.cli.main; print(*{heavy} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "\n"
