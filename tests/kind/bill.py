"""Writes one bill of materials; run by the Python of requirements/supply-chain.txt.

CycloneDX's own program reads the pins. What it cannot know is added: which of them this platform installs, and which
image the operating system comes from.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

# What the images run: other pins are for other platforms.
PLATFORM = {
    "implementation_name": "cpython",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "platform_system": "Linux",
    "python_full_version": "3.13.0",
    "python_version": "3.13",
    "sys_platform": "linux",
}


def pins(text: str) -> Iterator[tuple[Requirement, str]]:
    """Each pin of a file that this platform installs, and its line with all hashes."""
    for line in text.replace("\\\n", " ").splitlines():
        pin, _, hashes = line.partition(" --hash=")
        if not pin.strip() or pin.lstrip().startswith(("#", "-")):
            continue
        requirement = Requirement(pin.strip())
        if requirement.marker is None or requirement.marker.evaluate(PLATFORM):
            requirement.marker = None
            yield requirement, f"{requirement} --hash={hashes}" if hashes else str(requirement)


def installed(files: list[str]) -> str:
    """The pins of several files that are installed one after another, as one."""
    found = {r.name.lower(): line for file in files for r, line in pins(Path(file).read_text())}
    return "".join(f"{found[name]}\n" for name in sorted(found))


def completed(sbom: dict[str, Any], bill: dict[str, Any]) -> dict[str, Any]:
    """The program's file with what it is of, and what is below."""
    ref = f"{bill['name']}@{bill['version']}"
    of = {"type": bill["kind"], "bom-ref": ref, "name": bill["name"], "version": bill["version"]}
    components = sbom.get("components", [])
    if bill["base"]:
        name, _, tag = bill["base"].partition(":")
        components = [
            {"type": "container", "bom-ref": f"base:{bill['base']}", "name": name, "version": tag},
            *components,
        ]
    below = sorted(component["bom-ref"] for component in components)
    inner = [each for each in sbom.get("dependencies", []) if each["ref"] != "root-component"]
    extra = [{"ref": f"base:{bill['base']}"}] if bill["base"] else []
    return {
        **sbom,
        "metadata": {**sbom.get("metadata", {}), "component": of},
        "components": components,
        "dependencies": [{"ref": ref, "dependsOn": below}, *extra, *inner],
    }


def main() -> None:
    """Read a bill from standard input, and write the file that the first argument names."""
    bill, file = json.load(sys.stdin), Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        read, written = Path(folder) / "requirements.txt", Path(folder) / "sbom.json"
        read.write_text(installed(bill["pins"]))
        options = ["--output-reproducible", "--output-format", "JSON", "--spec-version", "1.6", "-o", str(written)]
        subprocess.run([sys.executable, "-m", "cyclonedx_py", "requirements", str(read), *options], check=True)
        sbom = completed(json.loads(written.read_text()), bill)
    file.write_text(json.dumps(sbom, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
