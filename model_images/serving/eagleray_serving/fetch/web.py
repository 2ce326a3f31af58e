"""Downloads over HTTP.

The client is the standard library's: it starts in a tenth of the time that fsspec's needs and tells every status apart.
"""

import http.client
import os
import urllib.error
import urllib.request
from typing import ClassVar, Final
from urllib.parse import urlsplit, urlunsplit

from eagleray_serving.fetch.errors import TransientError
from eagleray_serving.fetch.login import WEB
from eagleray_serving.fetch.over_http import PARTIAL, RANGE_REFUSED, HttpDownload, open_url, request_for

QUERY: Final = "HTTP_QUERY"
"""The variable with what is added to the query of the URI, such as its signature."""
_LET_IN: Final = f"it lets in who has the right Secret in model.credentials, with {WEB}"


class WebDownload(HttpDownload):
    """One file: a later try goes on where the one before broke off.

    It goes on only where the server says that the file is still the same, by a strong ETag or by Last-Modified:
    https://www.rfc-editor.org/rfc/rfc9110#section-13.1.5. Of what was there before, the checksum will say so.
    """

    advice: ClassVar = {
        401: _LET_IN,
        403: f"the server refuses access; {_LET_IN}",
        404: "there is no such file; check spec.model.uri",
        410: "the file is gone; check spec.model.uri",
    }
    _validator: str | None = None
    _asked = False

    def _bring(self) -> None:
        with open_url(self._request()) as response:
            self._take(response)

    def _take(self, response: http.client.HTTPResponse) -> None:
        had = self.done if self._goes_on(response) else 0
        self._asked = True
        self._validator = _validator(response)
        length = response.headers.get("Content-Length")
        total = had + int(length) if length else None
        self._begin(total, had)
        with self._to.open("ab" if had else "wb") as file:
            self._receive(response, file)
        if total is not None and self.done != total:
            raise TransientError(f"the connection ended after {self.done} of {total} bytes")
        self._finish()

    def _goes_on(self, response: http.client.HTTPResponse) -> bool:
        if response.status != PARTIAL:
            return False
        found = response.headers.get("Content-Range", "")
        if not found.startswith(f"bytes {self.done}-"):
            self._begins_anew()
            raise TransientError(f"asked from byte {self.done} on, the server sent {found!r}")
        return True

    def _answered(self, error: urllib.error.HTTPError) -> Exception:
        if error.code == RANGE_REFUSED:
            self._begins_anew()
        return super()._answered(error)

    def _begins_anew(self) -> None:
        self._asked, self._validator = True, None

    def _request(self) -> urllib.request.Request:
        parts = urlsplit(self._uri.text)
        login = WEB.basic(parts.netloc, os.environ)
        secret = os.environ[QUERY] if QUERY in os.environ and WEB.is_for(parts.netloc, os.environ) else ""
        query = "&".join(part for part in (parts.query, secret.lstrip("?")) if part)
        url = urlunsplit((parts.scheme, parts.netloc, parts.path, query, ""))
        goes_on = {"Range": f"bytes={self.done}-"} if self.done and (self._validator or not self._asked) else {}
        unchanged = {"If-Range": self._validator} if self.done and self._validator else {}
        return request_for(url, goes_on | unchanged, f"Basic {login}" if login else None)


def _validator(response: http.client.HTTPResponse) -> str | None:
    etag = response.headers.get("ETag", "")
    return etag if etag.startswith('"') else response.headers.get("Last-Modified")
