"""Where a router finds its files and listens."""

from dataclasses import dataclass, field

CONFIG_DIR = "/etc/eagleray/router"
# Kubelet replaces the files of a ConfigMap all at once by moving this link in their folder.
KUBELET_DATA = "..data"
HOLDS_FILE = "holds.json"
# Read in place of `lds.json` where the kernel knows no IPv6.
IPV4_LISTENERS_FILE = "lds-ipv4.json"
EVERYWHERE = "::"
CONFIG_ANNOTATION = "eagleray.dev/router-config"
HTTP_PORT = 8080
OPS_PORT = 9902
ADMIN_PORT = 9901
# On loopback, and only in routers that compare: copies for the mirror, exchanges to compare, what was found.
COPIES_PORT = 9903
EXCHANGES_PORT = 9904
REPORT_PORT = 9905
# On loopback, and only in routers that hold: whether a request may pass, how many wait.
CHECKS_PORT = 9906
HELD_PORT = 9907
# Only in routers that let nobody in unknown: the operator's requests, by its own token …
WARMUP_PORT = 9908
WARMUP_HEADER = "x-warmup-token"
# … and on loopback what is wrong with what is mounted.
CREDENTIALS_PORT = 9909
# What router Pods mount of others, each in a folder of its own, what Envoy reads of it, and how one becomes the other.
MOUNTED_DIR = "/etc/eagleray/mounted"
CREDENTIALS_DIR = "/etc/eagleray/credentials"
CREDENTIALS_FILE = "credentials.json"
KEYS, CERTIFICATE, CLIENT_CA = "keys", "certificate", "client-ca"
"""Folders of what is mounted, and names of what is made of it."""
JWKS = "jwks"
"""How the folder of an issuer's keys begins; its number follows."""
REVISION_HEADER = "x-eagleray-revision"
VERSION_HEADER = "x-eagleray-version"
CLIENT_HEADER = "x-eagleray-client"
"""What tells a replica who asks, by the key or the token; clients cannot set it."""


@dataclass(frozen=True, slots=True)
class RouterLayout:
    """Where a router finds its files and listens; the defaults are those of a router Pod.

    Attributes:
        config_dir: folder of the files, absolute.
        bind: address of the two public listeners; `EVERYWHERE` is that of IPv4, too.
        http_port: traffic.
        ops_port: readiness, statistics and configuration version.
        admin_port: Envoy's own interface, always on loopback, as the following are.
        copies_port: the comparer's copies for the mirrored revision.
        exchanges_port: the comparer, for exchanges to compare.
        report_port: the comparer, for what it found.
        checks_port: the holder, which lets requests pass.
        held_port: the holder, for how many wait.
        bind_ipv4: `bind` where the kernel knows no IPv6.
        warmup_port: requests of the operator where clients must say who they are.
        credentials_port: the program that turns what is mounted into Envoy's files, for what is wrong with it.
        mounted_dir: folder of the folders that are mounted.
        credentials_dir: folder of the files that are made of them.
    """

    config_dir: str = CONFIG_DIR
    bind: str = EVERYWHERE
    http_port: int = HTTP_PORT
    ops_port: int = OPS_PORT
    admin_port: int = ADMIN_PORT
    copies_port: int = COPIES_PORT
    exchanges_port: int = EXCHANGES_PORT
    report_port: int = REPORT_PORT
    checks_port: int = CHECKS_PORT
    held_port: int = HELD_PORT
    bind_ipv4: str = field(default="0.0.0.0", kw_only=True)  # noqa: S104 -- a Pod is reached by its own address
    warmup_port: int = field(default=WARMUP_PORT, kw_only=True)
    credentials_port: int = field(default=CREDENTIALS_PORT, kw_only=True)
    mounted_dir: str = field(default=MOUNTED_DIR, kw_only=True)
    credentials_dir: str = field(default=CREDENTIALS_DIR, kw_only=True)
