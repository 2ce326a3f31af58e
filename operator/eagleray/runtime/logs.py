"""JSON logs, one object a line: ours with key and revision bound, and the libraries' in the same form."""

import logging
import sys
from typing import TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from eagleray.domain.facts.text import strip_ansi

# kopf reports every handler's success at INFO, which is one line per watch event.
_QUIET = {
    "kopf.objects": logging.WARNING,
    "kopf.activities": logging.WARNING,
    "aiohttp.access": logging.WARNING,
}


def _rename(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    message = event.pop("event")
    return {"ts": event.pop("timestamp"), "level": event.pop("level"), "msg": message, **event}


def _clean(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Strip what a terminal acts on: lines quote peers, users and the API server."""
    return {name: _cleaned(value) for name, value in event.items()}


def _cleaned(value: object) -> object:
    if isinstance(value, dict):
        return {strip_ansi(str(name)): _cleaned(part) for name, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_cleaned(part) for part in value]
    return value if isinstance(value, int | float | None) else strip_ansi(str(value))


def configure(level: str, stream: TextIO | None = None) -> None:
    """Route structlog and the standard library's logging to one stream.

    Args:
        level: lowest level that is written.
        stream: where to; standard error by default.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*shared, structlog.stdlib.PositionalArgumentsFormatter()],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            _rename,
            _clean,
            structlog.processors.JSONRenderer(),
        ],
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name, lowest in _QUIET.items():
        logging.getLogger(name).setLevel(max(lowest, root.level))
