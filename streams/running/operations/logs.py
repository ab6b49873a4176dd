"""Logging of a worker or a console: a line per event for operators, repeats limited, no personal data."""

import logging
import sys
import time
from datetime import UTC, datetime
from typing import Any, Literal

import orjson
import structlog
from structlog.typing import EventDict, Processor

LogFormat = Literal["auto", "console", "json"]

# While a broker is away, aiokafka logs some 100 lines a second of the same few kinds. One line of each kind
# every ten seconds shows that the problem persists and keeps the log readable.
REPEAT_SECONDS = 10.0

# Faust and mode log every start and stop of some 30 services at INFO, uvicorn each malformed request as a
# warning. httpx and Authlib log addresses and secrets of a sign-in, at INFO and DEBUG. OpenTelemetry logs
# each attempt to send spans.
QUIET_LOGGERS = (
    "faust",
    "mode",
    "aiokafka",
    "uvicorn",
    "httpx",
    "httpcore",
    "authlib",
    "opentelemetry",
    "urllib3",
)


class OncePerWhile(logging.Filter):
    """Lets each kind of message (logger and template) pass once per REPEAT_SECONDS, and counts the rest."""

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[tuple[str, str], float] = {}
        self._left_out: dict[tuple[str, str], tuple[int, float]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is logged.

        If so, the number of suppressed records of its kind is added to its message.
        """
        if not record.name.startswith(QUIET_LOGGERS):
            return True
        kind = (record.name, str(record.msg))
        now = time.monotonic()
        left_out, since = self._left_out.get(kind, (0, record.created))
        if now - self._last.get(kind, -REPEAT_SECONDS) < REPEAT_SECONDS:
            self._left_out[kind] = (left_out + 1, since)
            return False
        self._last[kind] = now
        self._left_out.pop(kind, None)
        if left_out:
            # The added text must not contain a percent sign, because the template is formatted later.
            record.msg = f"{record.msg} (and {left_out} more of this kind since {_time_of_day(since)} UTC)"
        return True


def is_no_chatter(record: logging.LogRecord) -> bool:
    """False for the steps of a service that mode logs at INFO, under the logger of its module.

    False also for aiokafka's error that the brokers allow no session of this length. Most allow none that is
    shorter than Kafka's default: the worker then takes that, or says itself why it cannot start.
    """
    if record.levelno == logging.INFO:
        return not str(record.msg).startswith("[^")
    return not (isinstance(record.args, tuple) and any(_is_about_sessions(each) for each in record.args))


def _is_about_sessions(argument: object) -> bool:
    return type(argument).__name__ == "InvalidSessionTimeoutError"


class WithoutTraceback(logging.Filter):
    """Drops the traceback of the given error types: their messages tell an operator all that is needed."""

    def __init__(self, *explained: type[BaseException]) -> None:
        super().__init__()
        self._explained = explained

    def filter(self, record: logging.LogRecord) -> bool:
        """Always true; the record may lose its traceback."""
        if record.exc_info and isinstance(record.exc_info[1], self._explained):
            record.exc_info = None
            record.exc_text = None
        return True


def configure_logs(level: str, log_format: LogFormat, *explained: type[BaseException]) -> None:
    """Log to standard error, for structlog and the standard library alike.

    `console` is for reading; `json` writes one object per line: timestamp, level, logger, event, further
    fields, and the exception or stack as text; `auto` is `console` on a terminal, else `json`. Errors of the
    types `explained` are logged without a traceback.
    """
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        # The handler below renders these records, like those of the standard library.
        processors=[
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_rendering(log_format)],
        )
    )
    handler.addFilter(is_no_chatter)
    handler.addFilter(OncePerWhile())
    handler.addFilter(WithoutTraceback(*explained))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.captureWarnings(capture=True)
    for name in QUIET_LOGGERS:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelName(level)))


def _rendering(log_format: LogFormat) -> list[Processor]:
    on_terminal = sys.stderr.isatty()
    if log_format == "json" or (log_format == "auto" and not on_terminal):
        return [structlog.processors.format_exc_info, _json]
    # Plain tracebacks, because the rich ones show local variables, which hold reports.
    return [
        structlog.dev.ConsoleRenderer(
            colors=on_terminal, exception_formatter=structlog.dev.plain_traceback, pad_event_to=0
        )
    ]


def _json(_logger: Any, _method: str, event: EventDict) -> str:
    return orjson.dumps(event, default=repr).decode()


def _time_of_day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%H:%M:%S")
