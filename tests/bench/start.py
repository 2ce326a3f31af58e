"""Time from apply to the first right answer, made by hand and by Eagleray in turns."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from bench import plain
from e2e.client import Client
from e2e.cluster import Manifest
from e2e.deployment import ModelDeployment, name_of, when
from e2e.given import Given
from e2e.wait import NotYetError, eventually

FIRST_ANSWER = (Path(__file__).parent / "client" / "first_answer.py").read_text()
BODY, EXPECTED = '{"num": 7}', '{"result": 49}'
FIRST = "first right answer"
LIMIT_SECONDS = 240.0


@dataclass(frozen=True, slots=True)
class Start:
    """One start.

    Attributes:
        steps: seconds from `kubectl apply` until each step was over.
    """

    steps: dict[str, float]

    @property
    def seconds(self) -> float:
        """Until the first right answer."""
        return self.steps[FIRST]


def by_hand(client: Client, image: str) -> Start:
    """Start the application by hand, and remove it again."""
    namespace = client.namespace
    words = (plain.url(namespace), BODY, EXPECTED, plain.rest(namespace), plain.applications())
    began, over = _timed(client, plain.manifests(namespace, image), words)
    over["head container runs"] = _started(client.cluster.get("pod", f"{plain.NAME}-head", namespace))
    client.cluster.kubectl(
        "delete", "pods,services", "-l", f"app={plain.NAME}", "-n", namespace, "--wait", timeout=LIMIT_SECONDS
    )
    return _start(began, over)


def by_eagleray(given: Given, client: Client) -> Start:
    """Start it as a ModelDeployment, and remove it again."""
    manifest = given.square_manifest(client.namespace, "bench")
    manifest["spec"]["replicas"] = plain.WORKERS
    md = ModelDeployment(client.cluster, client.namespace, "bench")
    began, over = _timed(client, [manifest], (f"{md.url}/", BODY, EXPECTED))
    head = md.pods("head")[0]
    over["head container runs"] = _started(head)
    over |= _from_log(given, name_of(head))
    client.cluster.delete("md", md.name, md.namespace)
    given.then.nothing_left(md, within=LIMIT_SECONDS)
    return _start(began, over)


def _timed(client: Client, manifests: list[Manifest], words: tuple[str, ...]) -> tuple[float, dict[str, float]]:
    with ThreadPoolExecutor(1) as pool:
        # The client asks before there is anything to ask, so that its own start is not counted.
        asking = pool.submit(client.run_source, FIRST_ANSWER, *words, timeout=LIMIT_SECONDS)
        time.sleep(1)
        began = time.time()
        client.cluster.apply(*manifests)
        applied = time.time()
        over: dict[str, float] = json.loads(asking.result())
    return began, {"applied": applied, **over}


def _start(began: float, over: dict[str, float]) -> Start:
    return Start({step: at - began for step, at in sorted(over.items(), key=lambda item: item[1])})


def _started(pod: Manifest) -> float:
    state = pod["status"]["containerStatuses"][0]["state"]
    return when(state["running"]["startedAt"]).timestamp()


def _from_log(given: Given, head: str) -> dict[str, float]:
    """What the operator says of the steps that only it sees."""
    revision = head.rsplit("-head-", 1)[0]

    def look() -> dict[str, float]:
        lines = [line for line in given.operator().log() if revision in (line.get("revision"), line.get("object"))]
        deployed = [line for line in lines if line["msg"] == "Deployed application"]
        probed = [line for line in lines if line["msg"] == "Probed revision" and line.get("ok")]
        if not deployed or not probed:
            raise NotYetError(f"{len(lines)} lines about {revision}")
        return {
            "application is accepted": when(deployed[-1]["ts"]).timestamp(),
            "operator's probe is answered": when(probed[-1]["ts"]).timestamp(),
        }

    return eventually(f"the operator's log tells of {revision}", look, within=30)
