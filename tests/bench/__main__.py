"""python -m bench [--mirror | --batching | …]: measures, and writes docs/benchmarks.md."""

import argparse
import sys

from bench import batching, mirror, report, router, shift, start, vision
from bench.hostile_clients import run as hostile_clients
from bench.scale import run as scale
from bench.servers import run as servers
from bench.switches import run as switches
from e2e.cluster import Cluster
from e2e.given import ROLLOUT_NAMESPACE, Given, Served
from e2e.then import Then
from e2e.when import When

NAMESPACE = "e2e-bench"


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="starts of each kind, in turns")
    parser.add_argument("--mirror", action="store_true", help="only what a mirrored version costs")
    parser.add_argument("--batching", action="store_true", help="only what batching is worth")
    parser.add_argument("--vision", action="store_true", help="only how long a frame is on its way")
    parser.add_argument("--servers", action="store_true", help="only our model server and its peers; needs no cluster")
    parser.add_argument("--switches", action="store_true", help="only Ray Serve's switches; needs no cluster")
    parser.add_argument("--hostile-clients", action="store_true", help="only routers under attack; needs no cluster")
    parser.add_argument("--scale", action="store_true", help="only what many models cost; needs no cluster")
    parser.add_argument("--objects", type=int, action="append", help="with --scale: how many, once or more often")
    args = parser.parse_args()
    if args.scale:
        scale.run(args.objects or scale.OBJECTS)
        return
    if args.servers:
        servers.run()
        return
    if args.switches:
        switches.run()
        return
    if args.hostile_clients:
        hostile_clients.run()
        return
    cluster = Cluster.from_harness()
    given = Given(cluster, Then(cluster))
    given.operator()
    if args.batching:
        say(f"batching: {batching.ROUNDS} rounds of each way, some two minutes a round")
        batching.write(batching.measure(given))
        return
    if args.vision:
        say(f"vision: {vision.ROUNDS} rounds at {len(vision.RATES)} rates")
        vision.write(vision.measure(given, given.client(ROLLOUT_NAMESPACE)))
        return
    if not args.mirror:
        everything_else(cluster, given, args.rounds)
    say(f"mirror: {mirror.ROUNDS} rounds of each")
    mirror.write(mirror.measure(given, When(cluster)))


def everything_else(cluster: Cluster, given: Given, rounds: int) -> None:
    """Starts, the router, and shifts."""
    client = given.client(NAMESPACE)
    hand, eagleray = [], []
    for number in range(1, rounds + 1):
        hand.append(start.by_hand(client, cluster.images["square"]))
        eagleray.append(start.by_eagleray(given, client))
        say(f"start {number}/{rounds}: by hand {hand[-1].seconds:.1f} s, Eagleray {eagleray[-1].seconds:.1f} s")
    manifest = given.square_manifest(NAMESPACE)
    manifest["spec"]["replicas"] = 2
    served = Served(given.settled(manifest), client, "/", {"num": 7}, {"result": 49})
    cost = router.measure(served)
    cluster.delete("md", served.md.name, NAMESPACE)
    shifts = shift.measure(given, When(cluster))
    report.write(hand, eagleray, cost, shifts)
    say(f"start: {report.ratio(hand, eagleray):.2f}x of by hand; router: {cost.added_ms('p50'):+.2f} ms p50,")
    say(f"{cost.throughput_ratio():.2f}x of the direct requests per second; written to {report.PAGE.name}")


def say(text: str) -> None:
    """One line for people."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
