"""docs/testing.md is about the tests that there are."""

import re
from pathlib import Path

from e2e.modules import MODULES, PHASES

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "testing.md").read_text()
LINKS = re.findall(r"\[([\w.-]+)\]\(\.\./([\w./-]+)\)", PAGE)


def test_every_file_that_it_names_exists_and_is_called_so() -> None:
    assert LINKS
    assert [path for _, path in LINKS if not (ROOT / path).is_file()] == []
    assert [(name, path) for name, path in LINKS if name not in {Path(path).stem, Path(path).name}] == []


def test_every_folder_that_it_names_exists() -> None:
    folders = re.findall(r"`(tests/\w+)`", PAGE)
    assert folders
    assert [folder for folder in folders if not (ROOT / folder).is_dir()] == []


def test_every_module_on_the_cluster_is_named_beside_its_promise() -> None:
    named = {Path(path).stem for _, path in LINKS if path.startswith("tests/e2e/test_")}
    assert named == set(MODULES)


def test_every_promise_is_proven_somewhere() -> None:
    rows = [row for row in PAGE.partition("## Which promise")[2].splitlines() if row.startswith("| ")][1:]
    assert rows
    assert [row for row in rows if len(re.findall(r"\]\(\.\./tests/", row)) < 2] == []


def test_every_phase_is_explained() -> None:
    assert re.findall(r"^\d\. `(\w+)`:", PAGE, re.MULTILINE) == list(PHASES)
