"""Serve applications that go wrong, each in one way. Only the end-to-end tests use them."""

import threading

from ray import serve


class Raises:
    """Its constructor raises."""

    def __init__(self) -> None:
        raise ValueError("the vocabulary file is empty")


class Hangs:
    """Its constructor never returns."""

    def __init__(self) -> None:
        threading.Event().wait()


class Hungry:
    """Its constructor takes more memory than it is given."""

    def __init__(self) -> None:
        self.held: list[bytearray] = []
        while True:
            self.held.append(bytearray(b"x" * 32 * 2**20))


raises = serve.deployment(Raises).bind()
hangs = serve.deployment(Hangs).bind()
hungry = serve.deployment(Hungry).bind()
