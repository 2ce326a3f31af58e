"""Writes everything that is generated from the API models, or checks that it is fresh.

`python -m eagleray.api.generate` writes, `python -m eagleray.api.generate --check` only compares.
"""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from eagleray.api.crd.manifest import chart_template, crd_yaml
from eagleray.api.crd.reference import reference_page
from eagleray.api.spec import GROUP, PLURAL

ROOT = Path(__file__).resolve().parents[3]
"""The repository, when the package is imported from a checkout."""

OUTPUTS: Mapping[str, Callable[[], str]] = {
    f"crds/{GROUP}_{PLURAL}.yaml": crd_yaml,
    f"helm/eagleray/templates/crds/{PLURAL}.yaml": chart_template,
    "docs/reference/api.md": reference_page,
}
"""Each generated file, relative to the repository, and what writes its text."""


def stale(root: Path = ROOT) -> list[str]:
    """Name the generated files below `root` that differ from what the models give."""
    return [*_fresh_texts(root)]


def write(root: Path = ROOT) -> list[str]:
    """Write the generated files below `root` that differ, and name them."""
    fresh = _fresh_texts(root)
    for name, text in fresh.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return [*fresh]


def _fresh_texts(root: Path) -> dict[str, str]:
    texts = {name: render() for name, render in OUTPUTS.items()}
    return {name: text for name, text in texts.items() if _text(root / name) != text}


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


def main(arguments: list[str]) -> int:
    """Write or check, and tell what changed; 1 when `--check` finds a stale file."""
    if "--check" not in arguments:
        sys.stdout.writelines(f"wrote {name}\n" for name in write())
        return 0
    names = stale()
    sys.stderr.writelines(f"{name} is stale; run `python -m eagleray.api.generate`\n" for name in names)
    return 1 if names else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
