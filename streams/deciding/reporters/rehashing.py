"""After a change of the key, a reporter's record moves from the earlier hash's home to the new one.

An owner of a partition cannot look into another one's state, so it asks: the first report under the current
hash writes `rehashed` to the home of the earlier hash. That one answers with `history`, and from then on
sends credits after it: a message that was reported before the change is decided on under the earlier hash
(docs/trust.md).
"""

from typing import Final

import msgspec

from streams.contract.events.internal.credit import ReporterCredit
from streams.contract.events.internal.reporter_history import ReporterHistory, ReporterRehashed
from streams.contract.wire.forms.credit import CREDIT_BYTES, CREDITS
from streams.contract.wire.forms.reporter_history import encode_history, encode_rehashed
from streams.deciding.reporters.batch import ReporterBatch
from streams.deciding.reporters.reporter import Reporter

# Once for each change of the key within the life of a credit. If two workers with swapped keys send a
# reporter back and forth, two hashes may lead to each other until the next report of theirs: the credit then
# stays where it is.
MOST_FORWARDED: Final = 4


def ask_for_history(
    batch: ReporterBatch, reporter: Reporter, earlier: int, rehashed: ReporterRehashed
) -> None:
    """Ask the home of the hash `earlier` for what is known of a reporter; once for each earlier hash."""
    if reporter.asked == earlier and not reporter.moved_to:
        return
    reporter.asked = earlier
    reporter.moved_to = 0
    batch.passed_on.record(encode_rehashed(earlier, rehashed), earlier)


def move_away(batch: ReporterBatch, reporter: Reporter, rehashed: ReporterRehashed) -> Reporter:
    """Send a reporter's record to the current hash's home; return what to keep, so that credits follow."""
    if reporter.sums or reporter.numbers or reporter.standing or reporter.proofs:
        history = ReporterHistory(
            rehashed.occurred_ms,
            reporter.period,
            reporter.sums,
            reporter.numbers,
            reporter.misuse_week,
            reporter.by_reviewer,
            standing=None if reporter.standing is None else msgspec.structs.astuple(reporter.standing),
            unsupported=reporter.unsupported,
            proofs=reporter.proofs,
        )
        batch.passed_on.record(encode_history(rehashed.reporter, history), rehashed.reporter)
    return Reporter(period=reporter.period, moved_to=rehashed.reporter)


def forward(batch: ReporterBatch, reporter: Reporter, credit: ReporterCredit) -> bool:
    """Send a credit after a reporter who has moved away; return False if it is to be applied here."""
    if not reporter.moved_to or credit.forwarded >= MOST_FORWARDED:
        return False
    sent = msgspec.structs.replace(credit, reporter=reporter.moved_to, forwarded=credit.forwarded + 1)
    batch.passed_on.entry(CREDITS, sent.reporter, CREDIT_BYTES, sent)
    batch.counters.credits_forwarded += 1
    return True
