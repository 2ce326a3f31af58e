"""What would take a Pod out of Kubernetes' policy `restricted`, wherever in a PodSpec it stands."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

_Forbids = Callable[[Any], bool]
_ADDED = frozenset({"NET_BIND_SERVICE"})
_SELINUX_TYPES = frozenset({"container_t", "container_init_t", "container_kvm_t", "container_engine_t"})
_SYSCTLS = frozenset({
    *("kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_local_reserved_ports"),
    *("net.ipv4.ip_unprivileged_port_start", "net.ipv4.ping_group_range", "net.ipv4.tcp_fin_timeout"),
    *("net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_keepalive_time"),
    "net.ipv4.tcp_syncookies",
})  # fmt: skip
APPARMOR = "container.apparmor.security.beta.kubernetes.io/"
"""Annotations by which older Pods chose a profile; fields have taken their place."""


def _unconfined(profile: object) -> bool:
    return isinstance(profile, Mapping) and profile.get("type") == "Unconfined"


def _adds(capabilities: object) -> bool:
    added = capabilities.get("add") if isinstance(capabilities, Mapping) else None
    return bool(added) and not (isinstance(added, list) and all(name in _ADDED for name in added))


def _relabels(options: object) -> bool:
    if not isinstance(options, Mapping):
        return False
    return (
        bool(options.get("user") or options.get("role")) or (options.get("type") or "container_t") not in _SELINUX_TYPES
    )


def _unsafe(sysctls: object) -> bool:
    return isinstance(sysctls, list) and not all(isinstance(s, Mapping) and s.get("name") in _SYSCTLS for s in sysctls)


UNRESTRICTED: Mapping[str, _Forbids] = {
    "allowPrivilegeEscalation": lambda v: v is True,
    "appArmorProfile": _unconfined,
    "capabilities": _adds,
    "hostPath": lambda v: isinstance(v, Mapping),
    "hostPort": lambda v: isinstance(v, int) and v != 0,
    "hostProcess": lambda v: v is True,
    "privileged": lambda v: v is True,
    "procMount": lambda v: v == "Unmasked",
    "runAsNonRoot": lambda v: v is False,
    "runAsUser": lambda v: isinstance(v, int) and v == 0,
    "seLinuxOptions": _relabels,
    "seccompProfile": _unconfined,
    "sysctls": _unsafe,
}
"""Fields, by their names at any depth, and the values that the policy does not take."""


def unrestricted(value: object, path: str = "") -> Iterator[str]:
    """Say what in a PodSpec the policy `restricted` does not take, each in a sentence.

    Args:
        value: the PodSpec, or a part of it.
        path: where the part stands.
    """
    if isinstance(value, Mapping):
        for name, below in value.items():
            where = f"{path}.{name}" if path else str(name)
            forbids = UNRESTRICTED.get(name)
            if forbids and forbids(below):
                yield f"{where} would take the Pod out of the policy restricted, in which all Pods stay; leave it out"
            else:
                yield from unrestricted(below, where)
    elif isinstance(value, list):
        for item in value:
            name = item.get("name") if isinstance(item, Mapping) else None
            yield from unrestricted(item, f"{path}[{name or ''}]")
