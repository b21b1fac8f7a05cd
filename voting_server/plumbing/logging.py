"""Logs: one JSON object a line, made only of listed event names and listed keys.

Spec: `docs/operations/settings.md`, section "Logs". What is not on a list is dropped, not masked: no body, address,
token, name, pseudonym or hash of a ballot can reach a log by mistake. Messages of libraries are reduced to their logger
and the class of their error, because their texts quote what they choked on.

>>> keep_listed(None, "info", {"event": "block-written", "size": 7, "pseudonym": "00ff"})
{'event': 'block-written', 'size': 7}
>>> keep_listed(None, "info", {"event": "voter Aida voted"})
{'event': 'unlisted'}
"""

import io
import logging
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO, cast

import structlog

EVENTS = frozenset(
    {
        "started",
        "stopped",
        "refused-to-start",
        "request",
        "request-failed",
        "entry-queued",
        "entry-refused",
        "election-founded",
        "block-written",
        "block-published",
        "quorum-reached",
        "quorum-missed",
        "witness-failed",
        "timestamp-failed",
        "sequencer-waits",
        "totals-refused",
        "fork-seen",
        "entry-changed",
        "worker-failed",
        "certificate-failed",
        "certified",
        "timestamped",
        "arrivals-forgotten",
        "cache-lost",
        "cache-back",
        "kill-point",
        "library",
    }
)
"""Names of events; a feature adds its own here."""
KEYS = frozenset(
    {
        "event",
        "level",
        "timestamp",
        "side",
        "worker",
        "method",
        "route",
        "status",
        "ms",
        "problem",
        "check",
        "type",
        "index",
        "block",
        "size",
        "count",
        "wanted",
        "witness",
        "logger",
        "error",
        "name",
    }
)
"""Keys of a line: numbers, ids from closed lists, templates of routes; never what a client sent."""


def keep_listed(_logger: object, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Drop every key that is not listed; an event that is not listed loses its name."""
    kept = {key: value for key, value in line.items() if key in KEYS and isinstance(value, (str, int, float))}
    if kept.get("event") not in EVENTS:
        kept["event"] = "unlisted"
    return kept


class _LibraryHandler(logging.Handler):
    """Write what libraries log: which logger, which class of error, and nothing of the text."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        error = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else ""
        log().log(record.levelno, "library", logger=record.name, error=error)


class _Stderr(io.TextIOBase):
    """Standard error as it is when something is written, whoever has replaced it since."""

    def write(self, text: str) -> int:
        """Write."""
        return sys.stderr.write(text)

    def flush(self) -> None:
        """Flush."""
        sys.stderr.flush()


def configure(stream: TextIO | None = None) -> None:
    """Send structlog's lines and every library's to `stream` (standard error when none is given)."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            keep_listed,
            structlog.processors.JSONRenderer(sort_keys=True),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(stream or cast("TextIO", _Stderr())),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers = [_LibraryHandler(level=logging.WARNING)]
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers = []
        logging.getLogger(name).propagate = name != "uvicorn.access"


def log() -> Any:  # noqa: ANN401 - structlog builds the class when it is configured
    """Return the logger; call it with a listed event name and listed keys."""
    return structlog.get_logger()
