"""Why a model could not be fetched."""

from enum import StrEnum


class Reason(StrEnum):
    """Reasons that the operator shows in a condition."""

    DOWNLOAD_FAILED = "DownloadFailed"
    CHECKSUM_MISMATCH = "ChecksumMismatch"
    UNSUPPORTED_URI = "UnsupportedUri"
    ARCHIVE_REFUSED = "ArchiveRefused"


class FetchError(Exception):
    """Trying again will not help.

    Args:
        reason: What the operator shows.
        message: The cause and the remedy, without secrets.
    """

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class GaveUpError(FetchError):
    """Nothing came for long: what is there is right, and somebody may go on with it later."""


class TransientError(Exception):
    """Trying again may help."""
