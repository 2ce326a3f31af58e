"""The weights of a module in what trainers save: checkpoints, with names that begin with those of wrappers.

Knows no framework: weights are whatever a mapping has by name.
"""

from collections.abc import Collection, Mapping
from typing import Any

from eagleray_serving.errors import ModelLoadError

Weights = Mapping[str, Any]
"""Tensors by name, as ``state_dict()`` tells them."""

_SHOWN = 3


def weights_of(found: Weights, wanted: Collection[str]) -> Weights:
    """The weights by the names that a module has for them.

    They are what was found, or the one member of it that fits, such as ``state_dict`` of a checkpoint; and their names
    may all begin with the same words, such as ``module.`` of DistributedDataParallel, ``_orig_mod.`` of torch.compile()
    or ``model.`` of a LightningModule.

    Args:
        found: What a file holds.
        wanted: The names of the module's weights.

    Raises:
        ModelLoadError: Nothing fits by name, or several members do. The sentence goes on from the name of the file.
    """
    members = {name: value for name, value in found.items() if _is_named(value)}
    named = {name: _unwrapped(value, wanted) for name, value in {"": found, **members}.items()}
    fitting = {name: weights for name, weights in named.items() if weights is not None}
    if len(fitting) == 1:
        return next(iter(fitting.values()))
    if fitting:
        raise ModelLoadError(f"holds several weights that fit: {', '.join(fitting)}; save the ones to serve alone")
    raise ModelLoadError(_mismatch(found, members, wanted))


def _is_named(value: object) -> bool:
    return isinstance(value, Mapping) and all(isinstance(name, str) for name in value)


def _unwrapped(found: Weights, wanted: Collection[str]) -> Weights | None:
    """The weights without the prefix that all names have, if that makes them those that are wanted."""
    if len(found) != len(wanted):
        return None
    if set(found) == set(wanted):
        return found
    one = min(wanted)
    prefixes = [name.removesuffix(one) for name in found if name.endswith(f".{one}")]
    fitting = next((prefix for prefix in prefixes if {prefix + name for name in wanted} == set(found)), None)
    return None if fitting is None else {name: found[fitting + name] for name in wanted}


def _mismatch(found: Weights, members: Mapping[str, Weights], wanted: Collection[str]) -> str:
    inside = next((name for name, value in members.items() if value), "")
    names = members.get(inside, found)
    lacking, unknown = sorted(set(wanted) - set(names)), sorted(set(names) - set(wanted))
    told = [f"{what} {_some(which)}" for what, which in (("lacks", lacking), ("has besides", unknown)) if which]
    where = f"its member '{inside}' (of {_some(sorted(found))})" if inside else "it"
    return f"does not fit model.class: {where} {' and '.join(told)}"


def _some(names: list[str]) -> str:
    rest = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
