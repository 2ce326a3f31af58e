"""The index of models, as Triton's extension of the Open Inference Protocol has it.

Source: https://github.com/triton-inference-server/server, docs/protocol/extension_model_repository.md. Its calls to
load and to unload a model are left out: they would reach one replica, and models are loaded when they are asked.
"""

from collections.abc import Iterable
from typing import Any

from eagleray_serving.columns import describe
from eagleray_serving.errors import InvalidInputError
from eagleray_serving.model_state import ModelState, Phase
from eagleray_serving.protocols import VERSION, parse_object

_STATES = {Phase.READY: "READY", Phase.LOADING: "LOADING", Phase.UNLOADED: "UNAVAILABLE", Phase.FAILED: "UNAVAILABLE"}
_UNLOADED = "unloaded; it is loaded when it is asked"


def parse_index(body: bytes) -> bool:
    """Whether only models that are loaded are wanted.

    Raises:
        InvalidInputError: The body is no such request.
    """
    ready = parse_object(body).get("ready", False) if body else False
    if not isinstance(ready, bool):
        raise InvalidInputError(f"expected true or false, got {describe(ready)}", field="ready")
    return ready


def index(states: Iterable[ModelState], *, only_ready: bool) -> list[dict[str, Any]]:
    """The answer: an object a model.

    Args:
        states: Where each is.
        only_ready: Whether those that are not loaded are left out.
    """
    wanted = (state for state in states if state.phase is Phase.READY or not only_ready)
    return [
        {
            "name": state.name,
            "version": VERSION,
            "state": _STATES[state.phase],
            "reason": _UNLOADED if state.phase is Phase.UNLOADED else state.reason,
        }
        for state in wanted
    ]
