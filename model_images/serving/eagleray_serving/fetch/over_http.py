"""What downloads over HTTP have in common: where redirects may lead, and which failures another try may mend."""

import http.client
import urllib.error
import urllib.request
from abc import abstractmethod
from collections.abc import Mapping
from typing import IO, ClassVar
from urllib.parse import urlsplit

from eagleray_serving.fetch.download import Download
from eagleray_serving.fetch.errors import TransientError

TIMEOUT_SECONDS = 30
PARTIAL = 206
RANGE_REFUSED = 416
_TRANSIENT_STATUS = frozenset({408, 425, 429, RANGE_REFUSED, 500, 502, 503, 504})
_AUTHORIZATION = "Authorization"


class RedirectError(Exception):
    """A redirect that is not followed; the message says why."""


class HttpDownload(Download):
    """A download whose server answers HTTP."""

    advice: ClassVar[Mapping[int, str]]
    """What a final status means, and what to do about it."""

    def attempt(self) -> None:
        """Download what is missing."""
        try:
            self._bring()
        except RedirectError as error:
            raise self._failed(str(error)) from None
        except urllib.error.HTTPError as error:
            raise self._answered(error) from None
        except urllib.error.URLError as error:
            raise TransientError(f"no connection ({error.reason})") from None
        except (http.client.HTTPException, ConnectionError, TimeoutError) as error:
            raise TransientError(f"the connection broke ({type(error).__name__})") from None

    @abstractmethod
    def _bring(self) -> None:
        """Bring what is missing; errors of `urllib` and `http.client` are explained by the caller."""

    def _answered(self, error: urllib.error.HTTPError) -> Exception:
        message = f"the server answered {error.code} {error.reason}"
        if error.code in _TRANSIENT_STATUS:
            return TransientError(message)
        return self._failed(f"{message}: {self.advice.get(error.code, 'check spec.model.uri')}")


def request_for(url: str, headers: Mapping[str, str], login: str | None) -> urllib.request.Request:
    """Make a request.

    Args:
        url: What is asked for, by http or https.
        headers: Its headers.
        login: `Basic …` or `Bearer …`, for this host alone.
    """
    request = urllib.request.Request(url, headers={"User-Agent": "eagleray-fetch", **headers})  # noqa: S310 - as documented
    if login:
        request.add_unredirected_header(_AUTHORIZATION, login)
    return request


def open_url(request: urllib.request.Request) -> http.client.HTTPResponse:
    """Send a request, and go where redirects lead: never from https to what is not, never with a login elsewhere.

    Raises:
        RedirectError: They lead where they must not.
        urllib.error.HTTPError: The answer is no success.
        urllib.error.URLError: There is no answer.
    """
    opened: http.client.HTTPResponse = _OPENER.open(request, timeout=TIMEOUT_SECONDS)
    return opened


class _Redirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(  # noqa: PLR0913, PLR0917 - urllib's own
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        before, after = urlsplit(req.full_url), urlsplit(newurl)
        if after.scheme not in {"https", before.scheme}:
            raise RedirectError(
                f"the server leads on from {before.scheme}:// to {after.scheme}://, which is not followed; "
                "name in spec.model.uri what it leads to"
            )
        found = super().redirect_request(req, fp, code, msg, headers, newurl)
        login = req.unredirected_hdrs.get(_AUTHORIZATION)
        if found is not None and login and (before.scheme, before.netloc) == (after.scheme, after.netloc):
            found.add_unredirected_header(_AUTHORIZATION, login)
        return found


_OPENER = urllib.request.build_opener(_Redirects)
