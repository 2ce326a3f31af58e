"""What downloads over HTTP have in common: which failures are final, and which another try may mend."""

import http.client
import urllib.error
from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from eagleray_serving.fetch.download import Download
from eagleray_serving.fetch.errors import TransientError

TIMEOUT_SECONDS = 30
PARTIAL = 206
RANGE_REFUSED = 416
_TRANSIENT_STATUS = frozenset({408, 425, 429, RANGE_REFUSED, 500, 502, 503, 504})


class HttpDownload(Download):
    """A download whose server answers HTTP."""

    advice: ClassVar[Mapping[int, str]]
    """What a final status means, and what to do about it."""

    def attempt(self) -> None:
        """Download what is missing."""
        try:
            self._bring()
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
