"""How far sources may be apart, and how long they wait for each other."""

from typing import Final

from streams.contract.wire.times import HOUR, MINUTE

# How far a source may be read ahead of the one that is furthest behind. Less than what reports may be late
# without delaying what ends (LATENESS_MS). A step of it takes some three progress rows, .6 s, so a fleet
# catches up five hundred times as fast as life: four hours in 26 s, simulated. 1 to 15 minutes gave the same
# episodes.
SPAN_MS: Final = 4 * MINUTE

# Nobody waits for a partition that is further behind than this. Many times the span: with less than it nobody
# would wait for anybody. Less than the 12 hours for which late reports are judged in their own windows.
REACH_MS: Final = 6 * HOUR

# A source that was read up to a minute ago is live, and never waits: so nothing that is not slow by itself is
# stopped by somebody else's backlog. Longer than a cycle or a rebalance.
LIVE_MS: Final = MINUTE

# How often a worker that has a source behind says how far it is: a fifth of what a step takes on a busy
# fleet, and 5 records of some 150 bytes a second.
ROW_SECONDS: Final = 0.2

# How long a worker goes on to answer after somebody last said that a source is behind. Longer than anybody
# who is behind is silent: a takeover from a live worker takes a second or two.
ANSWER_SECONDS: Final = 10.0

# Nobody waits for a partition of which nothing was heard for so long, or whose worker says the same all the
# time. Longer than the takeover from a killed worker (10.8 s in docs/performance.md).
SILENCE_SECONDS: Final = 15.0

# Time that the fleet may wait for one partition while it catches up. The fleet may not depend on its slowest
# member for hours; what is late then is judged in its own windows.
PATIENCE_SECONDS: Final = 600.0

# Waiting counts once the least frontier has not moved by a span for so long: then it is one partition that
# is slow, not the rows that take their time.
STILL_SECONDS: Final = 5.0
