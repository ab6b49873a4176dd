"""The most-reported messages of a channel, in bounded space.

A tally is a dict {message ref: code} with code = count << 32 | fine index of the newest report. It keeps
TALLIED_MESSAGES messages by the Space-Saving algorithm (Metwally, Agrawal, El Abbadi 2005): a new message
replaces the least reported one and continues from its count. So a count is never too low and is at most
reports / TALLIED_MESSAGES too high, and every message with more reports than that is in the tally.
"""

from streams.counting.windows import WindowSpec, window_start

Tally = dict[str, int]

# An escalation lists ten messages; three times as many leave room for messages that stay only briefly.
TALLIED_MESSAGES = 32

_ONE = 1 << 32
_SEEN = _ONE - 1


def tally_message(tally: Tally, message_ref: str, fine: int) -> None:
    """Count a report about a message.

    In a full tally, a new message replaces the one with the smallest count; of equals the one not reported
    for longest, then the one that entered first.
    """
    code = tally.get(message_ref)
    if code is None:
        if len(tally) < TALLIED_MESSAGES:
            tally[message_ref] = _ONE | fine
            return
        code = min(tally.values())
        # Dicts keep the order of insertion, so the first message with that code entered first.
        del tally[next(ref for ref, other in tally.items() if other == code)]
        tally[message_ref] = (code & ~_SEEN) + _ONE | fine
        return
    code += _ONE
    if code & _SEEN < fine:
        code = code & ~_SEEN | fine
    tally[message_ref] = code


def forget_before(tally: Tally, fine: int) -> None:
    """Drop the messages whose newest report is older than the fine index `fine`."""
    for message_ref in [ref for ref, code in tally.items() if code & _SEEN < fine]:
        del tally[message_ref]


def forget_after(tally: Tally, fine: int) -> None:
    """Drop the messages whose newest report is newer than the fine index `fine`."""
    for message_ref in [ref for ref, code in tally.items() if code & _SEEN > fine]:
        del tally[message_ref]


def most_reported(tally: Tally, spec: WindowSpec, now: int) -> list[tuple[str, int]]:
    """Return (message ref, count) of messages with a report in the window, most reported first, then by ref.

    A count covers the whole time that the message has been in the tally, not only the window.
    """
    start = window_start(spec.ring, spec.panes, now)
    found = [(ref, code >> 32) for ref, code in tally.items() if code & _SEEN >= start]
    found.sort(key=lambda entry: (-entry[1], entry[0]))
    return found
