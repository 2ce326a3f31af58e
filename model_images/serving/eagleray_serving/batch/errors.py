"""What ends a batch prediction."""

from eagleray_serving.errors import ServingError


class BatchError(ServingError):
    """Trying again will not help; the message names the file, the cause and the remedy."""
