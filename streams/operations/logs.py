"""Logs for a worker: one line for each thing an operator would act on, no floods, no personal data."""

import logging
import time

FORMAT = "%(asctime)s %(levelname)-7s %(message)s"

# While a broker is away aiokafka logs some 100 lines a second, all of the same few kinds. One of each kind every
# ten seconds still shows that it goes on, and leaves the log readable.
REPEAT_SECONDS = 10.0

# Faust and mode log every start and stop of their some 30 services at INFO.
QUIET_LOGGERS = ("faust", "mode", "aiokafka")


class OncePerWhile(logging.Filter):
    """Lets a kind of message (logger and template) pass once per `REPEAT_SECONDS`, with the number left out since."""

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[tuple[str, str], float] = {}
        self._left_out: dict[tuple[str, str], int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is logged; says how many of its kind were not."""
        if not record.name.startswith(QUIET_LOGGERS):
            return True
        kind = (record.name, str(record.msg))
        now = time.monotonic()
        if now - self._last.get(kind, -REPEAT_SECONDS) < REPEAT_SECONDS:
            self._left_out[kind] = self._left_out.get(kind, 0) + 1
            return False
        self._last[kind] = now
        left_out = self._left_out.pop(kind, 0)
        if left_out:
            record.msg = f"{record.msg} (and {left_out} more of this kind)"
        return True


class WithoutTraceback(logging.Filter):
    """Drops the traceback of errors whose message says all: they are made for operators, not for programmers."""

    def __init__(self, *explained: type[BaseException]) -> None:
        super().__init__()
        self._explained = explained

    def filter(self, record: logging.LogRecord) -> bool:
        """Always true; the record may lose its traceback."""
        if record.exc_info and isinstance(record.exc_info[1], self._explained):
            record.exc_info = None
            record.exc_text = None
        return True


def configure_logs(level: str, *explained: type[BaseException]) -> None:
    """Log to standard error. Errors of the types `explained` are logged without a traceback."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter(FORMAT))
    handler.addFilter(OncePerWhile())
    handler.addFilter(WithoutTraceback(*explained))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in QUIET_LOGGERS:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelName(level)))
