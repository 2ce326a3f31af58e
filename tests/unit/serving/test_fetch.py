"""Where models come from but for the web and stores, and what is checked of them all."""

import subprocess
from pathlib import Path

import pytest

from eagleray_serving.fetch import __main__ as command
from eagleray_serving.fetch import checksum
from eagleray_serving.fetch.errors import Reason
from unit.serving.fetch_rig import CONTENT, Run, Site


def test_a_claim_is_used_in_place_without_a_checksum(run: Run) -> None:
    folder = run.pvc / "models" / "churn" / "1"
    folder.mkdir(parents=True)
    (folder / "model.joblib").write_bytes(CONTENT)
    assert run("pvc://models/churn/1") == 0
    assert run.model.is_symlink()
    assert (run.model / "model.joblib").read_bytes() == CONTENT
    assert run("pvc://models/churn/1/model.joblib") == 0
    assert (run.model / "model.joblib").is_symlink()
    assert (run.model / "model.joblib").read_bytes() == CONTENT


def test_what_is_not_in_a_claim_is_told_with_what_is(run: Run) -> None:
    (run.pvc / "models" / "churn").mkdir()
    assert run("pvc://models/churm/1") == 1
    assert run.reason == Reason.DOWNLOAD_FAILED
    assert "there is no 'churm'" in run.message
    assert "holds: churn" in run.message


def test_file(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a b").write_bytes(CONTENT)
    assert run(f"file://{tmp_path}/a%20b") == 0
    assert (run.model / "a b").read_bytes() == CONTENT


@pytest.mark.parametrize("wrong", ["0" * 64, "abc"])
def test_a_wrong_checksum(run: Run, site: Site, wrong: str) -> None:
    site.answers["/m"] = [(200, CONTENT)]
    assert run(f"http://{site.address}/m", "--sha256", wrong) == 1
    assert run.reason == Reason.CHECKSUM_MISMATCH
    assert wrong in run.message
    assert not run.model.exists()


def test_the_checksum_of_a_folder_is_what_the_shell_says(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "sub").mkdir(parents=True)
    for name in ("b.txt", "a b.txt", "sub/c.txt", "Z"):
        (folder / name).write_text(name)
    shell = "find . -type f -printf '%P\\n' | LC_ALL=C sort | xargs -d '\\n' sha256sum | sha256sum"
    assert shell in str(checksum.__doc__)
    output = subprocess.run(shell, shell=True, cwd=folder, check=True, capture_output=True, text=True).stdout  # noqa: S602
    assert checksum.of(folder) == output.split()[0]


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("ftp://host/m", "pvc://, file://, http://, https://, s3://, gs://, az://, hf://, oci://"),
        ("model.joblib", "the scheme must be one of"),
        ("pvc:///x", "write pvc://<claim>/<path>"),
        ("s3:///x", "write s3://<bucket>/<key>"),
        ("gs:///x", "write gs://<bucket>/<object>"),
        ("az:///x", "write az://<container>/<blob>"),
        ("oci:///x", "write oci://<registry>/<repository>:<tag>"),
        ("hf:///x", "write hf://<owner>/<repository>[@<revision>]/<path>"),
        ("https:///x", "write https://<host>/<path>"),
        ("file://x/y", "write file:///absolute/path"),
        ("pvc://models/../../etc", "must not contain '..'"),
        ("pvc://models/%2e%2e/etc", "must not contain '..'"),
        ("http://[bad", "not a URI"),
    ],
)
def test_an_unsupported_uri_says_what_to_write(run: Run, uri: str, words: str) -> None:
    assert run(uri) == 1
    assert run.reason == Reason.UNSUPPORTED_URI
    assert words in run.message


def test_a_disk_without_room_is_said(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_args: object, **_kwargs: object) -> None:
        raise OSError(28, "No space left on device", "/model/.part")

    monkeypatch.setattr(command, "with_retries", full)
    assert run("http://host/m") == 1
    assert "no space left for the model" in run.message
