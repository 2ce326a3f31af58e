"""Users and passwords, each for the one host that its Secret names: docs/adr/0037-a-password-is-for-a-host.md."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from eagleray_serving.fetch.errors import FetchError, Reason


@dataclass(frozen=True, slots=True)
class Login:
    """The variables of a Secret that let in to one host.

    Args:
        username: Name of the variable with the user.
        password: Name of the variable with the password.
        host: Name of the variable with the host that both are for, ``host[:port]`` as in the URI.
    """

    username: str
    password: str
    host: str

    def basic(self, host: str, environ: Mapping[str, str]) -> str | None:
        """Base64 of ``user:password``, as HTTP's basic authentication has it; None where there is none for a host.

        Args:
            host: Who is to be asked, ``host[:port]``.
            environ: The variables.

        Raises:
            FetchError: DownloadFailed, when nothing says which host the password is for.
        """
        if self.password not in environ or not self.is_for(host, environ):
            return None
        return basic(environ.get(self.username, ""), environ[self.password])

    def is_for(self, host: str, environ: Mapping[str, str]) -> bool:
        """Whether the Secret is for a host.

        Args:
            host: Who is to be asked, ``host[:port]``.
            environ: The variables.

        Raises:
            FetchError: DownloadFailed, when nothing says which host it is for.
        """
        if self.host not in environ:
            raise FetchError(
                Reason.DOWNLOAD_FAILED,
                f"the Secret that model.credentials names does not say which host it is for; write "
                f"{self.host}={host} into it",
            )
        return environ[self.host].strip().lower() == host.lower()

    def __str__(self) -> str:
        """What a Secret needs, for messages."""
        return f"{self.username}, {self.password} and {self.host}"


WEB: Final = Login("HTTP_USERNAME", "HTTP_PASSWORD", "HTTP_HOST")
REGISTRY: Final = Login("OCI_USERNAME", "OCI_PASSWORD", "OCI_REGISTRY")


def basic(user: str, password: str) -> str:
    """Base64 of ``user:password``."""
    return base64.b64encode(f"{user}:{password}".encode()).decode()
