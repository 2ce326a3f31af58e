from pathlib import Path

import typer
from typer.testing import CliRunner

from eagleray.api.crd.manifest import crd_yaml
from eagleray.api.crd.reference import reference_page
from eagleray.cli.crd import crd

APP = typer.Typer()
APP.command()(crd)


def test_prints_the_crd() -> None:
    assert CliRunner().invoke(APP, []).stdout == crd_yaml()


def test_prints_the_reference_page() -> None:
    assert CliRunner().invoke(APP, ["--docs"]).stdout == reference_page()


def test_check_fails_until_written(tmp_path: Path) -> None:
    before = CliRunner().invoke(APP, ["--check", str(tmp_path)])
    assert before.exit_code == 1
    assert "is stale; run `eagleray crd --write" in before.stderr
    assert CliRunner().invoke(APP, ["--write", str(tmp_path)]).exit_code == 0
    assert CliRunner().invoke(APP, ["--check", str(tmp_path)]).exit_code == 0
