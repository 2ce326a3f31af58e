"""What Ray's runtime environment may say in a Pod."""

from collections.abc import Mapping
from typing import Any

from eagleray.api.env import FIXED_VARIABLES

_ONE_IMAGE = "an application runs in the containers of its Pods; write spec.image"
REFUSED_PLUGINS: Mapping[str, str] = {
    "container": _ONE_IMAGE,
    "image_uri": _ONE_IMAGE,
    "nsight": "it records profiles to a disk that ends with the Pod; profile in a Pod of your own",
    "rocprof_sys": "it records profiles to a disk that ends with the Pod; profile in a Pod of your own",
}
"""Parts of a runtime environment that cannot work in a Pod."""
_FOLDERS = ("working_dir", "py_modules")


def check_runtime_env(found: dict[str, Any]) -> dict[str, Any]:
    """Return a runtime environment if it can work in a Pod; Ray itself checks the rest.

    Raises:
        ValueError: naming the part and the remedy.
    """
    for name in found.keys() & REFUSED_PLUGINS.keys():
        raise ValueError(f"{name}: {REFUSED_PLUGINS[name]}")
    variables = found.get("env_vars")
    for name in FIXED_VARIABLES:
        if isinstance(variables, Mapping) and name in variables:
            raise ValueError(f"env_vars: the operator sets {name} itself, as Pods find and trust each other by it")
    for name in _FOLDERS:
        places = found.get(name)
        for place in places if isinstance(places, list) else [places]:
            if place is not None and "://" not in str(place):
                raise ValueError(f"{name}: {place} is a folder of nobody's; write the URI of an archive")
    return found
