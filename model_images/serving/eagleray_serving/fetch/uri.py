"""Model URIs."""

import posixpath
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from eagleray_serving.fetch.errors import FetchError, Reason

PVC = "pvc"
LOCAL = (PVC, "file")
HTTP = ("http", "https")
OBJECT_STORES = ("s3", "gs", "az", "hf")
OCI = "oci"
SCHEMES = (*LOCAL, *HTTP, *OBJECT_STORES, OCI)
_FORMS = {
    "pvc": "pvc://<claim>/<path>",
    "s3": "s3://<bucket>/<key>",
    "gs": "gs://<bucket>/<object>",
    "az": "az://<container>/<blob>",
    "hf": "hf://<owner>/<repository>[@<revision>]/<path>",
    "oci": "oci://<registry>/<repository>:<tag>",
}


@dataclass(frozen=True, slots=True)
class ModelUri:
    """A URI that can be fetched.

    Args:
        text: The URI as the user wrote it; its query may hold a signature.
        scheme: One of ``SCHEMES``.
    """

    text: str
    scheme: str

    @property
    def shown(self) -> str:
        """The URI without query and fragment: fit for logs and conditions."""
        parts = urlsplit(self.text)
        host = parts.netloc.rpartition("@")[2]
        return urlunsplit((parts.scheme, host, parts.path, "", ""))

    @property
    def filename(self) -> str:
        """The last part of the path."""
        return posixpath.basename(unquote(urlsplit(self.text).path).rstrip("/")) or "model"

    def local_path(self, pvc_root: Path) -> Path:
        """Where a pvc:// or file:// URI lies in this Pod.

        Args:
            pvc_root: The folder in which claims are mounted under their names.
        """
        parts = urlsplit(self.text)
        path = unquote(parts.path)
        if self.scheme == "file":
            return Path(path)
        return pvc_root / parts.netloc / path.lstrip("/")


def parse_uri(text: str) -> ModelUri:
    """Check a URI's form.

    Raises:
        FetchError: UnsupportedUri, saying what is served.
    """
    try:
        parts = urlsplit(text)
        host = parts.hostname
    except ValueError as error:
        raise FetchError(Reason.UNSUPPORTED_URI, f"the model's uri is not a URI: {error}") from None
    uri = ModelUri(text, parts.scheme)
    if "@" in parts.netloc:
        raise FetchError(
            Reason.UNSUPPORTED_URI,
            f"{uri.shown}: everybody could read a user and a password in a uri; write them into the Secret that "
            "model.credentials names",
        )
    if parts.scheme not in SCHEMES:
        known = ", ".join(f"{scheme}://" for scheme in SCHEMES)
        raise FetchError(Reason.UNSUPPORTED_URI, f"{uri.shown}: the scheme must be one of {known}")
    if parts.scheme == "file" and (parts.netloc or not parts.path.startswith("/")):
        raise FetchError(Reason.UNSUPPORTED_URI, f"{uri.shown}: write file:///absolute/path")
    if parts.scheme != "file" and not host:
        what = _FORMS.get(parts.scheme, f"{parts.scheme}://<host>/<path>")
        raise FetchError(Reason.UNSUPPORTED_URI, f"{uri.shown}: write {what}")
    if ".." in unquote(parts.path).split("/"):
        raise FetchError(Reason.UNSUPPORTED_URI, f"{uri.shown}: the path must not contain '..'")
    return uri
