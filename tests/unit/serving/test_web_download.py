"""Downloads over HTTP: what is final, what is tried again, and where a broken one goes on."""

import hashlib
import io
import urllib.request
from http.client import HTTPMessage
from pathlib import Path

import pytest

from eagleray_serving.fetch import over_http, retry
from eagleray_serving.fetch.errors import Reason
from eagleray_serving.fetch.over_http import RedirectError, request_for
from eagleray_serving.fetch.retry import with_retries
from eagleray_serving.fetch.uri import parse_uri
from eagleray_serving.fetch.web import WebDownload
from unit.serving.fetch_rig import CONTENT, SHA, File, Run, Site


@pytest.fixture
def let_in(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variables of a Secret for the site."""
    for name, value in {"HTTP_USERNAME": "me", "HTTP_PASSWORD": "secret", "HTTP_HOST": site.address}.items():
        monkeypatch.setenv(name, value)


LOGIN = "Basic bWU6c2VjcmV0"


@pytest.mark.usefixtures("let_in")
def test_http_with_credentials_and_progress(run: Run, site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.answers["/m.joblib"] = [(200, CONTENT)]
    assert run(f"http://{site.address}/m.joblib?signature=hidden", "--sha256", SHA) == 0
    assert (run.model / "m.joblib").read_bytes() == CONTENT
    assert site.asked == [("/m.joblib?signature=hidden", LOGIN)]
    out = capsys.readouterr().out
    assert "100 %" in out
    assert not any(word in out for word in ("secret", "hidden"))


@pytest.mark.usefixtures("let_in")
@pytest.mark.parametrize(
    ("status", "words"),
    [(404, "no such file"), (403, "refuses access"), (401, "HTTP_PASSWORD and HTTP_HOST"), (410, "gone"), (400, "400")],
)
def test_a_final_answer_is_not_asked_for_again(run: Run, site: Site, status: int, words: str) -> None:
    site.answers["/m"] = [(status, b"")]
    assert run(f"http://{site.address}/m?signature=hidden") == 1
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


@pytest.mark.parametrize("userinfo", ["me:secret", "me", ":secret"])
def test_a_uri_with_a_user_is_refused_and_not_repeated(run: Run, site: Site, userinfo: str) -> None:
    assert run(f"http://{userinfo}@{site.address}/m") == 1
    assert run.reason == Reason.UNSUPPORTED_URI
    assert "write them into the Secret that model.credentials names" in run.message
    assert f"{userinfo}@" not in run.message
    assert site.asked == []


@pytest.mark.usefixtures("let_in")
def test_a_password_is_for_the_host_that_its_secret_names(
    run: Run, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.answers["/m"] = [(200, CONTENT)]
    monkeypatch.setenv("HTTP_HOST", "models.example.com")
    assert run(f"http://{site.address}/m", "--sha256", SHA) == 0
    monkeypatch.delenv("HTTP_HOST")
    assert run(f"http://{site.address}/m", "--sha256", SHA) == 1
    assert f"write HTTP_HOST={site.address} into it" in run.message
    assert site.asked == [("/m", None)]


def test_a_signature_may_come_from_the_secret(
    run: Run, site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    site.answers["/m"] = [(200, CONTENT)]
    monkeypatch.setenv("HTTP_QUERY", "?sig=hidden")
    monkeypatch.setenv("HTTP_HOST", site.address)
    assert run(f"http://{site.address}/m?v=1", "--sha256", SHA) == 0
    monkeypatch.setenv("HTTP_HOST", "models.example.com")
    assert run(f"http://{site.address}/m?v=1", "--sha256", SHA) == 0
    assert [path for path, _ in site.asked] == ["/m?v=1&sig=hidden", "/m?v=1"]
    assert "hidden" not in capsys.readouterr().out


@pytest.mark.usefixtures("let_in")
@pytest.mark.parametrize("elsewhere", [True, False])
def test_a_password_goes_on_to_the_same_host_alone(run: Run, site: Site, *, elsewhere: bool) -> None:
    other = Site()
    there = other if elsewhere else site
    there.answers["/there"] = [(200, CONTENT)]
    site.redirects["/m"] = f"http://{there.address}/there"
    assert run(f"http://{site.address}/m", "--sha256", SHA) == 0
    assert there.asked[-1] == ("/there", None if elsewhere else LOGIN)
    other.close()


@pytest.mark.parametrize(
    ("before", "after", "followed"),
    [
        ("https://a/m", "http://a/m", False),
        ("https://a/m", "http://b/m", False),
        ("https://a/m", "ftp://a/m", False),
        ("http://a/m", "ftp://a/m", False),
        ("http://a/m", "file:///etc/passwd", False),
        ("https://a/m", "https://b/m", True),
        ("http://a/m", "https://a/m", True),
        ("http://a/m", "http://b/m", True),
    ],
)
def test_a_redirect_never_leads_away_from_tls(before: str, after: str, *, followed: bool) -> None:
    request = request_for(before, {}, "Basic eDp5")

    def redirect() -> urllib.request.Request | None:
        return over_http._Redirects().redirect_request(request, io.BytesIO(), 302, "Found", HTTPMessage(), after)

    if not followed:
        with pytest.raises(RedirectError, match="which is not followed"):
            redirect()
        return
    found = redirect()
    assert found is not None
    assert found.full_url == after
    assert "Authorization" not in found.unredirected_hdrs
    assert "Authorization" not in found.headers


def test_a_redirect_that_is_not_followed_is_said(run: Run, site: Site) -> None:
    site.redirects["/m"] = "ftp://elsewhere/m?signature=hidden"
    assert run(f"http://{site.address}/m") == 1
    assert "the server leads on from http:// to ftp://, which is not followed" in run.message
    assert "hidden" not in run.message
