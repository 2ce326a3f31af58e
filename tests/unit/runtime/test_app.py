"""The operator while it leads, with a fake API server and without kopf's watches."""

import asyncio
from collections.abc import Callable

import pytest

from eagleray.engine.queue import WorkQueue
from eagleray.engine.tools import Tools
from eagleray.kube.api_server import ApiServerCredentials
from eagleray.kube.kinds import CHILD_LABELS, LEASE, MODEL_DEPLOYMENT, POD, SECRET, SERVICE, Key, Kind, Manifest, Ref
from eagleray.runtime import app
from eagleray.runtime.app import EXIT_SECONDS, Operator, Process
from eagleray.runtime.health import Health, Stage
from eagleray.runtime.metrics import Metrics
from eagleray.runtime.settings import Settings
from eagleray.runtime.source import Source
from fakes import virtual_time
from fakes.kube import FakeKube

CHURN = Key("ns", "churn")
LABELS = {**CHILD_LABELS, "eagleray.dev/name": "churn"}


def made(kind: Kind, name: str, **rest: object) -> Manifest:
    metadata = {"namespace": "ns", "name": name, "labels": LABELS}
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata, **rest}


class Server(FakeKube):
    address = ""

    async def version(self) -> tuple[int, int]:
        return 1, 34

    async def credentials(self) -> ApiServerCredentials:
        return ApiServerCredentials(server="")


During = Callable[[Source], None]


def _nothing(source: Source) -> None:
    pass


class Engine:
    """Notes what it is asked to look at, and what it sees then."""

    def __init__(self, around: Tools) -> None:
        self.around = around
        self.looked: list[tuple[Key, bool]] = []
        self.closed = False

    async def __call__(self, key: Key) -> float | None:
        self.looked.append((key, self.around.store.get(Ref(SERVICE, "ns", "s")) is not None))
        return None

    async def close(self) -> None:
        self.closed = True


class Led:
    """An operator that leads until `until` seconds have passed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *manifests: Manifest, settings: Settings | None = None) -> None:
        self.kube = Server(*manifests)
        self.settings = settings or Settings()
        self.metrics = Metrics(concurrency=1, lease="op")
        self.health = Health(max_work=600)
        self.engine: Engine | None = None
        self.source: Source | None = None
        self.stages: list[Stage] = []
        self.during: During = _nothing
        monkeypatch.setattr(app, "Source", self._make_source)

    def lead(self, until: float) -> Engine:
        async def scenario() -> None:
            stop = asyncio.Event()
            asyncio.get_running_loop().call_at(until, stop.set)
            queue = WorkQueue(metrics=self.metrics)
            process = Process(self.settings, self.kube, queue, self.health, self.metrics)  # type: ignore[arg-type]
            await Operator(process, self._make_engine).run(stop)

        virtual_time.run(scenario())
        assert self.engine is not None
        return self.engine

    def _make_engine(self, around: Tools) -> Engine:
        self.engine = Engine(around)
        return self.engine

    def _make_source(self, **fields: object) -> "Led":
        self.source = Source(**fields)  # type: ignore[arg-type]
        return self

    async def run(self, stop: asyncio.Event) -> None:
        """What `Source.run` does, without any watch."""
        assert self.source is not None
        await self.source.on_start()
        self.during(self.source)
        asyncio.get_running_loop().call_later(5, lambda: self.stages.append(self.health.stage))
        await stop.wait()
        await self.source.on_stop()


def test_nothing_is_looked_at_before_everything_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    led = Led(monkeypatch, made(MODEL_DEPLOYMENT, "churn"), made(SERVICE, "s"))
    led.kube.unlisted[SERVICE] = 5
    led.during = lambda source: source.add(CHURN)
    engine = led.lead(120)
    assert led.stages == [Stage.SYNCING]
    assert engine.looked == [(CHURN, True)]
    assert engine.closed
    assert led.kube.objects[Ref(LEASE, "eagleray-system", "eagleray-operator")]["spec"]["holderIdentity"] == ""


def test_whoever_has_pods_on_a_node_that_goes_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    def leave(source: Source) -> None:
        node = {"metadata": {"name": "n1", "deletionTimestamp": "2026-01-01T00:00:00Z"}}
        asyncio.get_running_loop().call_at(60, source.node, node, False)  # noqa: FBT003
        asyncio.get_running_loop().call_at(61, source.node, {"metadata": {"name": "n1"}, "spec": None}, True)  # noqa: FBT003

    foreign = made(POD, "foreign", spec={"nodeName": "n1"})
    foreign["metadata"]["labels"] = {"app.kubernetes.io/managed-by": "eagleray"}
    led = Led(monkeypatch, made(MODEL_DEPLOYMENT, "churn"), made(POD, "p", spec={"nodeName": "n1"}), foreign)
    led.during = leave
    assert [key for key, _ in led.lead(120).looked] == [CHURN, CHURN]


def test_own_writes_are_held_and_wake_whom_they_concern(monkeypatch: pytest.MonkeyPatch) -> None:
    led = Led(monkeypatch, made(MODEL_DEPLOYMENT, "churn"))

    def write(_: Source) -> None:
        assert led.engine is not None
        asyncio.get_running_loop().call_at(60, create, led.engine)

    tasks = []

    def create(engine: Engine) -> None:
        tasks.append(asyncio.ensure_future(engine.around.kube.create(made(SERVICE, "s"))))

    led.during = write
    assert led.lead(120).looked == [(CHURN, False), (CHURN, True)]


def test_kopf_has_time_for_the_work_in_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    led = Led(monkeypatch, settings=Settings(drain_seconds=7))
    led.lead(1)
    assert led.source is not None
    assert led.source.exit_seconds == 7 + EXIT_SECONDS


def test_a_defect_of_the_resync_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    led = Led(monkeypatch)

    def broken(_: Source) -> None:
        led.kube.objects[Ref(POD, "ns", "p")] = None  # type: ignore[assignment]

    led.during = broken
    with pytest.raises(ExceptionGroup):
        led.lead(1000)


def test_the_operator_holds_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    led = Led(monkeypatch)
    engine = led.lead(10)
    (key,) = [ref for ref in led.kube.objects if ref.kind == SECRET]
    assert engine.around.store.get(key) is None
    assert not [ref for verb, ref in led.kube.calls if verb == "list" and ref.kind == SECRET]
