"""What a router Pod's comparer found."""

from collections.abc import Hashable, Mapping
from typing import Any, Final

from eagleray.api.mirror_status import MirrorSample
from eagleray.domain.facts.comparison import Comparison
from eagleray.domain.status.mirror import MAX_SAMPLES
from eagleray.peers.address import http_url
from eagleray.peers.http import ROUTERS, Http, Request
from eagleray.peers.shape import items, loads, mapping, moment, number, text, whole
from eagleray.router.compare import REPORT_PATHS

SECONDS: Final = 2.0
MOST_MIRRORS: Final = 64
_MOST: Final = 4096


async def comparisons(http: Http, owner: Hashable, ip: str, port: int) -> tuple[Comparison, ...]:
    """Read what one comparer found, about each revision that it was to compare with lately.

    Args:
        http: asks.
        owner: the object whose budget it is.
        ip: the router Pod's address.
        port: its ops port.

    Raises:
        PeerError: one of its kinds, by what went wrong.
    """
    request = Request(peer=f"comparer {ip}", url=http_url(ip, port, REPORT_PATHS[0]), seconds=SECONDS)
    return await http.ask(ROUTERS, owner, request, parse_comparisons)


def parse_comparisons(body: bytes) -> tuple[Comparison, ...]:
    """Read a comparer's report; of too many samples, the last of each revision.

    Raises:
        ShapeError: it is not a comparer's, or about too many revisions.
    """
    mirrors = items(mapping(loads(body), "it").get("mirrors"), "mirrors", MOST_MIRRORS)
    return tuple(_comparison(mapping(mirror, "mirror")) for mirror in mirrors)


def _comparison(mirror: Mapping[str, Any]) -> Comparison:
    samples = items(mirror.get("samples"), "samples", _MOST)[-MAX_SAMPLES:]
    return Comparison(
        revision=text(mirror.get("revision"), "revision"),
        compared=whole(mirror.get("compared"), "compared"),
        agreed=whole(mirror.get("agreed"), "agreed"),
        failed=whole(mirror.get("failed"), "failed"),
        skipped=sum(whole(count, "skipped") for count in mapping(mirror.get("skipped"), "skipped").values()),
        user_seconds=number(mirror.get("userSeconds"), "userSeconds"),
        mirror_seconds=number(mirror.get("mirrorSeconds"), "mirrorSeconds"),
        samples=tuple(_sample(mapping(sample, "sample")) for sample in samples),
    )


# By the name in a report: the field of a sample, and how much of it status takes.
_TEXTS: Final = {
    "method": ("method", 32),
    "url": ("url", 256),
    "revision": ("revision", 63),
    "path": ("path", 128),
    "user": ("user", 128),
    "mirror": ("mirror", 128),
    "requestBody": ("request_body", 1024),
    "userBody": ("user_body", 1024),
    "mirrorBody": ("mirror_body", 1024),
}
_BODIES: Final = {"requestBody", "userBody", "mirrorBody"}


def _sample(sample: Mapping[str, Any]) -> MirrorSample:
    texts = {
        field: text(sample.get(name), name, most)
        for name, (field, most) in _TEXTS.items()
        if name not in _BODIES or sample.get(name) is not None
    }
    # Kubernetes keeps whole seconds; with a fraction the same sample would differ from itself.
    return MirrorSample(at=moment(sample.get("at"), "at").replace(microsecond=0), **texts)
