"""Downloads over HTTP: what is final, what is tried again, and where a broken one goes on."""

import hashlib
from pathlib import Path

import pytest

from eagleray_serving.fetch import retry
from eagleray_serving.fetch.errors import Reason
from eagleray_serving.fetch.retry import with_retries
from eagleray_serving.fetch.uri import parse_uri
from eagleray_serving.fetch.web import WebDownload
from unit.serving.fetch_rig import CONTENT, SHA, File, Run, Site


def test_http_with_credentials_and_progress(run: Run, site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.answers["/m.joblib"] = [(200, CONTENT)]
    assert run(f"http://me:secret@{site.address}/m.joblib?signature=hidden", "--sha256", SHA) == 0
    assert (run.model / "m.joblib").read_bytes() == CONTENT
    assert site.asked == [("/m.joblib?signature=hidden", "Basic bWU6c2VjcmV0")]
    out = capsys.readouterr().out
    assert "100 %" in out
    assert not any(word in out for word in ("secret", "hidden"))


@pytest.mark.parametrize(
    ("status", "words"),
    [(404, "no such file"), (403, "refuses access"), (401, "credentials"), (410, "gone"), (400, "400")],
)
def test_a_final_answer_is_not_asked_for_again(run: Run, site: Site, status: int, words: str) -> None:
    site.answers["/m"] = [(status, b"")]
    assert run(f"http://me:secret@{site.address}/m?signature=hidden") == 1
    assert len(site.asked) == 1
    assert run.reason == Reason.DOWNLOAD_FAILED
    assert words in run.message
    assert f"http://{site.address}/m" in run.message
    assert not any(word in run.message for word in ("secret", "hidden"))


@pytest.mark.parametrize("failure", [(503, b""), (429, b""), (299, b"cut short")])
def test_what_may_pass_is_tried_again(run: Run, site: Site, failure: tuple[int, bytes]) -> None:
    site.answers["/m"] = [failure, failure, (200, CONTENT)]
    assert run(f"http://{site.address}/m", "--sha256", SHA) == 0
    assert len(site.asked) == 3


@pytest.mark.parametrize("said", ["ETag", "Last-Modified"])
def test_a_broken_download_goes_on_where_it_broke_off(run: Run, site: Site, said: str) -> None:
    site.files["/m"] = File(CONTENT, {said: '"v1"'}, breaks=6)
    assert run(f"http://{site.address}/m", "--sha256", SHA) == 0
    assert site.ranges == [None, *(f"bytes={1000 * n}-" for n in range(1, 7))]


@pytest.mark.parametrize(("had", "ranges"), [(4000, ["bytes=4000-"]), (len(CONTENT), [f"bytes={len(CONTENT)}-", None])])
def test_it_goes_on_with_what_was_there_before(site: Site, tmp_path: Path, had: int, ranges: list[str | None]) -> None:
    site.files["/m"] = File(CONTENT, {"ETag": '"v1"'})
    (tmp_path / "part").write_bytes(CONTENT[:had])
    with_retries(WebDownload(parse_uri(f"http://{site.address}/m"), tmp_path / "part", 2**20), "m")
    assert (tmp_path / "part").read_bytes() == CONTENT
    assert site.ranges == ranges


@pytest.mark.parametrize("headers", [{}, {"ETag": 'W/"v1"'}], ids=["nothing", "a weak ETag"])
def test_where_nothing_tells_that_a_file_is_the_same_it_is_brought_anew(
    run: Run, site: Site, headers: dict[str, str]
) -> None:
    site.files["/m"] = File(CONTENT, headers, breaks=2)
    assert run(f"http://{site.address}/m", "--sha256", SHA) == 0
    assert site.ranges == [None] * 3


def test_a_file_that_changed_meanwhile_is_brought_anew(run: Run, site: Site) -> None:
    new = CONTENT[::-1]
    site.files["/m"] = File(CONTENT, {"ETag": '"v1"'}, breaks=1, then=File(new, {"ETag": '"v2"'}))
    assert run(f"http://{site.address}/m", "--sha256", hashlib.sha256(new).hexdigest()) == 0
    assert site.ranges == [None, "bytes=1000-"]


@pytest.mark.parametrize("file", [File(CONTENT, {}), File(CONTENT, {}, length_known=False)], ids=["known", "unknown"])
def test_a_model_that_is_too_large_is_refused(run: Run, site: Site, file: File) -> None:
    site.files["/m"] = file
    assert run(f"http://{site.address}/m", "--max-bytes", "8999") == 1
    assert run.reason == Reason.DOWNLOAD_FAILED
    assert "more than 8.8 KiB" in run.message
    assert "models.maxSize" in run.message
    assert not run.model.exists()


def test_retries_end(run: Run, site: Site) -> None:
    site.answers["/m"] = [(503, b"")]
    assert run(f"http://{site.address}/m") == 1
    assert len(site.asked) == retry.ATTEMPTS
    assert "answered 503" in run.message
    assert "gave up after 5 attempts" in run.message


def test_nobody_there(run: Run, site: Site) -> None:
    site.refuse()
    assert run(f"http://{site.address}/m") == 1
    assert "no connection" in run.message
