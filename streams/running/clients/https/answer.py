"""What became of a request to a receiver."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, Literal, NamedTuple

# `refused`: the receiver answered that it does not take this request. `unavailable`: it could not be reached,
# is overloaded or broken. `not_sendable`: the adapter cannot make a request from the event.
Failure = Literal["refused", "unavailable", "not_sendable"]

# A receiver that asks for more time than this probably made a mistake; the adapter would look dead.
_LONGEST_WAIT = 3600.0


class Accepted(NamedTuple):
    """The receiver took the event, or had it already."""


class Failed(NamedTuple):
    """It did not. `why` is for logs, and quotes nothing that the receiver or the event said.

    `wait_seconds`: how long the receiver asks to be left alone.
    """

    failure: Failure
    why: str
    wait_seconds: float = 0.0


Answer = Accepted | Failed

NOT_DOCUMENTED: Final = Failed("unavailable", "its answer is not what its documentation says")
"""Of a receiver whose answer lacks what is needed of it."""


def answer_of(status: int, headers: Mapping[str, str], now: datetime) -> Answer:
    """The meaning of an HTTP status.

    A redirect is a refusal: following it would lead to a place that nobody configured.
    """
    if 200 <= status < 300:
        return Accepted()
    # Too Early and Request Timeout ask to be tried again, like Too Many Requests.
    if status in (408, 425, 429) or status >= 500:
        return Failed("unavailable", f"HTTP {status}", _retry_after(headers.get("Retry-After", ""), now))
    return Failed("refused", f"HTTP {status}")


def _retry_after(text: str, now: datetime) -> float:
    """The seconds that a Retry-After header asks for (RFC 9110, section 10.2.3); 0 if it is not readable."""
    if text.strip().isdecimal():
        return min(float(text), _LONGEST_WAIT)
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    return min(max(0.0, (until.replace(tzinfo=until.tzinfo or UTC) - now).total_seconds()), _LONGEST_WAIT)
