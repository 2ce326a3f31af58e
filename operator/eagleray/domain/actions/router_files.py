"""A router's configuration as the files of its ConfigMap."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RouterFiles:
    """All files of one configuration.

    Attributes:
        files: file name → text.
        version: what tells this configuration from another one; a router's statistics and `/config-version` say it.
    """

    files: Mapping[str, str]
    version: str
