"""Which images a command builds, out of what, and which are forgotten. Docker and the registry are told, not run."""

import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from kind import build, cache, chart, images, node_image, registry, shell
from kind.machine import Mode
from kind.progress import HarnessError

ROOT = Path(__file__).resolve().parents[3]
OLD = "0123456789ab"

DOCKERFILE = """\
ARG BASE=python
FROM ${BASE} AS deps
COPY --chown=1 requirements/a.txt \\
    requirements/b.txt /tmp/
FROM deps
COPY --from=deps /x /y
COPY src /opt/src
"""


def test_what_a_dockerfile_copies_is_read_from_it() -> None:
    assert images.copied(DOCKERFILE) == ["requirements/a.txt", "requirements/b.txt", "src"]
    assert images.copied(images.until(DOCKERFILE, "deps")) == ["requirements/a.txt", "requirements/b.txt"]


def test_copy_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(ValueError, match="brackets"):
        images.copied('COPY ["a", "b"]')


def test_images_start_from_earlier_ones_and_their_inputs_exist() -> None:
    seen: set[str] = set()
    for image in images.IMAGES:
        assert not image.base or image.base in seen
        seen.add(image.name)
    assert set(images.tags("os")) == seen


def test_the_tag_of_an_image_changes_with_its_base() -> None:
    one, other = images.tags("os:1"), images.tags("os:2")
    assert all(one[name] != other[name] for name in one)


@pytest.mark.parametrize("command", images.NEEDS)
def test_every_command_names_images_that_pods_run(command: str) -> None:
    assert not [i.name for i in images.named(images.NEEDS[command]) if i.stage or not i.pushed]


def test_the_chart_is_told_of_every_image_that_it_names_but_for_those_with_cuda() -> None:
    named = yaml.safe_load((ROOT / "helm" / "eagleray" / "values.yaml").read_text())["images"]
    ours = {name for name, value in named.items() if isinstance(value, dict) and not name.endswith("-gpu")}
    assert set(images.CHART) == ours
    told = chart.values(images.tags("os"))["images"]
    assert isinstance(told, dict)
    assert ours <= told.keys() <= named.keys()


@dataclass
class Docker:
    """A Docker engine, a registry and a node, of which each image is a name.

    Attributes:
        local: what the engine has, as whole references.
        pushed: what the registry has, as repository and tag.
        built: names in the order in which they were built.
        node: what a node has.
        at_once: the most builds that ran at the same time.
    """

    local: set[str] = field(default_factory=set)
    pushed: set[tuple[str, str]] = field(default_factory=set)
    built: list[str] = field(default_factory=list)
    node: set[str] = field(default_factory=set)
    at_once: int = 0
    running: int = 0
    failing: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, args: list[str], **_: object) -> None:
        """What would have to succeed."""
        if args[:2] == ["docker", "build"]:
            self.build(args[args.index("-t") + 1], next(a for a in args if a.startswith("BASE=")))
        elif args[:2] == ["docker", "push"]:
            self.pushed.add(split(args[-1]))
        else:
            assert "pull" in args, args
            assert split(args[-1]) in self.pushed or "@" in args[-1]
            self.node.add(args[-1])

    def build(self, target: str, base: str) -> None:
        with self.lock:
            self.running += 1
            self.at_once = max(self.at_once, self.running)
        time.sleep(0.02)  # long enough for another thread to come by
        with self.lock:
            self.running -= 1
            name = target.rsplit("/", maxsplit=1)[-1].split(":", maxsplit=1)[0]
            if name == self.failing:
                raise HarnessError(f"{name} cannot be built")
            source = base.removeprefix("BASE=")
            assert source == "os" or source in self.local
            self.local.add(target)
            self.built.append(name)

    def capture(self, args: list[str], **_: object) -> str:
        """What is listed."""
        return "\n".join(self.node if "exec" in args else self.local)

    def succeeds(self, args: list[str], **_: object) -> bool:
        """What may fail."""
        if args[:2] == ["docker", "rmi"]:
            self.local.discard(args[-1])
        if args[-2:-1] == ["rm"] or "rm" in args:
            self.node -= set(args)
        return args[:3] != ["docker", "image", "inspect"] or args[-1] in self.local

    def digest(self, repository: str, tag: str) -> str:
        """What the registry has."""
        return f"sha256:{tag}" if (repository, tag) in self.pushed else ""


def split(whole: str) -> tuple[str, str]:
    repository, _, tag = whole.removeprefix(f"{registry.ADDRESS}/").rpartition(":")
    return repository, tag


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Docker]:
    monkeypatch.setenv("EAGLERAY_CACHE", str(tmp_path))
    docker = Docker()
    for name in ("run", "capture", "succeeds"):
        monkeypatch.setattr(shell, name, getattr(docker, name))
    monkeypatch.setattr(registry, "digest", docker.digest)
    monkeypatch.setattr(node_image, "ensure_os_base", lambda _: "os")
    monkeypatch.setattr(build, "LIST", tmp_path / "build" / "images.json")
    yield docker
    shell._stopping.clear()


def test_the_demo_builds_what_the_churn_model_needs_and_nothing_else(docker: Docker) -> None:
    tags = build.ensure(Mode.BUILT, images.NEEDS["demo"])
    assert sorted(docker.built) == ["operator", "ray", "router", "sklearn"]
    assert set(tags) == {image.name for image in images.IMAGES}, "the chart is told of what comes later, too"
    build.ensure(Mode.BUILT, images.NEEDS["demo"])
    assert len(docker.built) == 4, "what is there is not built again"


def test_what_several_start_from_is_built_once_and_few_at_a_time(docker: Docker) -> None:
    pods = [image.name for image in images.IMAGES if image.pushed]
    build.ensure(Mode.BUILT, pods)
    assert sorted(docker.built) == sorted(pods)
    assert docker.at_once <= build.AT_ONCE


def test_two_processes_share_the_work(docker: Docker) -> None:
    shell.together(
        lambda: build.ensure(Mode.BUILT, ["square", "monitored", "e2e-apps"]),
        lambda: build.ensure(Mode.BUILT, ["e2e-apps", "recommender", "square"]),
    )
    assert sorted(docker.built) == ["base", "e2e-apps", "monitored", "recommender", "square"]


def test_an_image_in_the_registry_does_not_need_what_it_started_from(docker: Docker) -> None:
    docker.pushed.add(("eagleray/sklearn", images.tags("os")["sklearn"]))
    build.ensure(Mode.BUILT, ["sklearn"])
    assert docker.built == []


def test_what_takes_gigabytes_stays_in_docker(docker: Docker) -> None:
    build.ensure(Mode.BUILT, ["torch-gpu-tests"])
    assert docker.built == ["ray", "torch-gpu", "torch-gpu-tests"]
    assert {repository for repository, _ in docker.pushed} == {"eagleray/ray"}
    build.ensure(Mode.BUILT, ["torch-gpu-tests"])
    assert len(docker.built) == 3


def test_one_that_cannot_be_built_is_named_and_may_be_tried_again(docker: Docker) -> None:
    docker.failing = "base"
    with pytest.raises(HarnessError, match="base cannot be built"):
        build.ensure(Mode.BUILT, ["square"])
    docker.failing = ""
    build.ensure(Mode.BUILT, ["square"])
    assert docker.built[-2:] == ["base", "square"]


def test_one_that_there_is_not_is_named() -> None:
    with pytest.raises(HarnessError, match="no image squares"):
        images.named(["square", "squares"])


def aged(name: str, tag: str, seconds: float) -> str:
    """The reference of an image that was used so long ago."""
    mark = build._marks() / f"{name}:{tag}"
    mark.touch()
    then = time.time() - seconds
    os.utime(mark, (then, then))
    return images.reference(name, tag)


def test_only_what_is_old_and_of_another_content_is_forgotten(docker: Docker) -> None:
    tags = images.tags("os")
    of_this_checkout = [aged(name, tags[name], 100 * build.UNUSED_S) for name in ("torch-gpu", "square", "monitored")]
    of_another_today = aged("square", "aaaaaaaaaaaa", build.UNUSED_S / 2)
    superseded = aged("square", OLD, 2 * build.UNUSED_S)
    unknown = images.reference("square", "bbbbbbbbbbbb")
    not_ours = f"{registry.ADDRESS}/eagleray/square:latest"
    docker.local = {*of_this_checkout, of_another_today, superseded, unknown, not_ours}
    build.ensure(Mode.BUILT, ["operator"])
    gone = {superseded, unknown}
    assert docker.local & (gone | {*of_this_checkout, of_another_today, not_ours}) == {
        *of_this_checkout,
        of_another_today,
        not_ours,
    }
    assert not (build._marks() / f"square:{OLD}").exists()
    assert (build._marks() / "square:aaaaaaaaaaaa").exists()


def test_nodes_get_what_is_asked_for_and_lose_what_is_forgotten(docker: Docker) -> None:
    tags = build.ensure(Mode.BUILT, ["square", "monitored", "torch-tests"])
    monitored, old = images.reference("monitored", tags["monitored"]), images.reference("square", OLD)
    docker.node = {monitored, old, "registry.k8s.io/pause:3.10"}
    build.warm(["node"], tags, ["square", "torch-tests"])
    square = images.reference("square", tags["square"])
    by_digest = f"{square.rpartition(':')[0]}@sha256:{tags['square']}"
    assert docker.node == {monitored, square, by_digest, "registry.k8s.io/pause:3.10"}


def test_the_list_names_every_image_by_its_whole_reference(docker: Docker) -> None:  # noqa: ARG001 - it is run
    tags = build.ensure(Mode.BUILT, ["operator"])
    listed = yaml.safe_load(build.LIST.read_text())
    assert listed == {name: images.reference(name, tag) for name, tag in tags.items()}
    assert cache.folder() in build.LIST.parents
