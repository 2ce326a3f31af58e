"""The command line of the harness; `make help` says what a person would call."""

import argparse
import os
import subprocess
import sys

from . import bring_up, cache, chart, cluster, demo, gpu_images, images, machine, supply_chain, venv
from .progress import HarnessError, report, say

TEST = "eagleray-test"
CLUSTERS = (demo.NAME, TEST)


def _up(options: argparse.Namespace) -> None:
    up, tags = bring_up.up(options.cluster, "up")
    if options.install:
        chart.install(up, tags)
    say(f"export KUBECONFIG={up.kubeconfig} PATH={cache.folder() / 'bin'}:$PATH")


def _down(options: argparse.Namespace) -> None:
    with cache.lock(f"cluster-{options.cluster}"):
        cluster.delete(options.cluster)
    say(f"There is no cluster {options.cluster} now. Images and programs stay in {cache.folder()}.")


def _dev(options: argparse.Namespace) -> None:
    mode = bring_up.machine_ready()
    names = [options.cluster] if options.cluster else [n for n in CLUSTERS if cluster.Cluster(n).nodes()]
    if not names:
        raise HarnessError("There is no cluster yet", hint="make demo, or make up")
    for name in names:
        existing = cluster.Cluster(name)
        tags = bring_up.more_images(existing, mode, images.NEEDS["demo" if name == demo.NAME else "up"])
        chart.install(existing, tags)
        say(f"The operator of this checkout runs in {name}")


def _images(options: argparse.Namespace) -> None:
    existing = cluster.Cluster(options.cluster)
    if not existing.nodes():
        raise HarnessError(f"There is no cluster {options.cluster}", hint=f"make up CLUSTER={options.cluster}")
    # Where a cluster is up the registry is: it is not emptied now, however large it has grown.
    bring_up.more_images(existing, machine.prepare(), options.names)


def _exec(options: argparse.Namespace) -> None:
    """Run a program that needs a cluster with this checkout's operator, alone on it."""
    with cache.lock(f"use-{options.cluster}"):
        up, tags = bring_up.up(options.cluster, options.needs)
        chart.install(up, tags)
        others = [name for name in CLUSTERS if name != options.cluster and cluster.Cluster(name).nodes()]
        if others:
            say(f"{', '.join(others)} is up as well and takes its share of this machine")
        environment = {
            **os.environ,
            "KUBECONFIG": str(up.kubeconfig),
            "PATH": f"{cache.folder() / 'bin'}:{os.environ['PATH']}",
        }
        done = subprocess.run(options.command, env=environment, stdin=subprocess.DEVNULL, check=False)
    sys.exit(done.returncode)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="kind", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, does: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=does, description=does)

    command("venv", "make or renew .venv").set_defaults(run=lambda _: venv.ensure())
    command("sbom", "what the images and the package are made of").set_defaults(
        run=lambda _: supply_chain.write_sboms()
    )
    command("audit", "what is known to be wrong with the pins").set_defaults(run=lambda _: supply_chain.audit())
    command("demo", "the demonstration, from the machine to an answer").set_defaults(run=lambda _: demo.run())
    up = command("up", "a cluster with the images of this checkout that the chart names")
    up.add_argument("cluster", choices=CLUSTERS)
    up.add_argument("--install", action="store_true", help="the operator as well")
    up.set_defaults(run=_up)
    down = command("down", "remove a cluster")
    down.add_argument("cluster", choices=CLUSTERS)
    down.set_defaults(run=_down)
    dev = command("dev", "rebuild and restart the operator in the clusters that are up")
    dev.add_argument("cluster", nargs="?", default="", help="only in this one")
    dev.set_defaults(run=_dev)
    command("gpu-images", "the images for GPUs, tried without one").set_defaults(
        run=lambda _: gpu_images.ensure(bring_up.machine_ready())
    )
    more = command("images", "images of this checkout, built where they are missing, on the nodes of a cluster")
    more.add_argument("cluster", choices=CLUSTERS)
    more.add_argument("names", nargs="+", metavar="IMAGE")
    more.set_defaults(run=_images)
    execute = command("exec", "run a program with a cluster, its kubeconfig and its tools")
    execute.add_argument("cluster", choices=CLUSTERS)
    execute.add_argument("needs", choices=images.NEEDS, help="which images it begins with")
    execute.add_argument("command", nargs=argparse.REMAINDER)
    execute.set_defaults(run=_exec)
    return parser


def main() -> None:
    """Run one command; exit with 1 and an explanation if it fails."""
    options = _parser().parse_args()
    try:
        options.run(options)
    except HarnessError as failure:
        report(failure)
        sys.exit(1)


if __name__ == "__main__":
    main()
