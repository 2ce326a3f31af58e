"""Every Python of the image begins here: a head with HOSTILE answers as that says, and nothing else of it begins."""

import os

if os.environ.get("RAY_NODE_TYPE_NAME") == "head" and "HOSTILE" in os.environ:
    from fakes.hostile import Hostile

    Hostile(os.environ["HOSTILE"], "0.0.0.0", 8265).serve()  # noqa: S104 - in a Pod of its own
