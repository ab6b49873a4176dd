"""What the native core asks Python for at the home of channels, while it applies reports."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Final

import msgspec

from streams.contract.events.internal.findings import Finding
from streams.contract.wire.dead_letter import Rejected
from streams.contract.wire.encoding import encode
from streams.contract.wire.forms.report_bundles import STAMPED_REPORTS
from streams.contract.wire.records import OutputRecord
from streams.counting.attribution import ReportIdentity
from streams.counting.confirmation import Support
from streams.counting.coordination.arrivals import Signs
from streams.counting.coordination.clusters import ClusterSums
from streams.counting.credit import Credit, too_late
from streams.counting.known_outcome import KnownOutcome
from streams.counting.sums import Doubtful, Scattered, StampedSums
from streams.deciding.reports.batch import ReportBatch
from streams.deciding.reports.credits import pass_on_credit
from streams.deciding.reports.escalation.integrity import finding_of
from streams.deciding.reports.handle import stamped_report
from streams.deciding.reports.rules import ReportRules

_decode_outcome: Final = msgspec.msgpack.Decoder(KnownOutcome).decode

# Country, protection, and what is published: jurisdictions, obligations, routing, rule of law.
_Law = tuple[str, int, bytes, bytes, bytes, bytes]


def law_finder(rules: ReportRules) -> Callable[[msgspec.Raw], _Law | None]:
    """Return what finds the law of a report; that returns None for one that arms clocks, or is refused."""

    def find(entry: msgspec.Raw) -> _Law | None:
        try:
            report = stamped_report(rules, STAMPED_REPORTS.entry(entry).report)
        except Rejected:
            return None
        law = rules.resolver.resolve(report)
        if law.armed or law.obligations_json is None:
            return None
        return (
            law.jurisdictions[0].code,
            law.protection,
            bytes(law.jurisdictions_json),
            bytes(law.obligations_json),
            bytes(law.routing_json),
            bytes(law.rule_of_law_json),
        )

    return find


# Of a message that was decided on there may be hundreds of reports.
@lru_cache(maxsize=256)
def _outcome(standing: bytes) -> KnownOutcome:
    return _decode_outcome(standing)


def decision_teller(batch: ReportBatch) -> Callable[..., OutputRecord | None]:
    """Return what passes on what a decision is to a report of its message that is applied after it."""

    def tell(
        channel: str,
        message: str,
        reporter: int,
        received_s: int,
        standing: bytes,
        identity: tuple[str, str] | None,
        found: tuple[int, Sequence[int], str, tuple[str, str] | None] | None,
        confirmed: bool | None,
    ) -> OutputRecord | None:
        outcome = _outcome(standing)
        if confirmed is None:
            credit = too_late(reporter, received_s, outcome)
        else:
            # The first report of a message is Python's.
            support = Support(confirmed, first=False)
            counted = outcome.counted
            credit = Credit(reporter, received_s, outcome, None, counted, False, added_support=support)
        known = None if identity is None else ReportIdentity(*identity)
        finding = None
        if found is not None:
            root, parts, category, classifier = found
            finding = Finding(root, tuple(parts), category, None, classifier)
        return pass_on_credit(batch, channel, message, credit, known, finding)

    return tell


def finding_json(numbers: Sequence[int], signs: tuple[Any, ...]) -> bytes | None:
    """Return what is published of coordination in a window, by the numbers of native/src/voices.rs.

    `signs` has the fields of Signs.
    """
    stamped, *rest = numbers
    sums, doubtful, (unnamed,), scattered = rest[:4], rest[4:8], rest[8:9], rest[9:]
    window = StampedSums(stamped, ClusterSums(*sums), Doubtful(*doubtful), unnamed, Scattered(*scattered))
    found = finding_of(window, Signs(*signs))
    return None if found is None else encode(found.published)
