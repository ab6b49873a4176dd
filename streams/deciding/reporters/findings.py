"""What the home of a detector or list does about its parts: trust, credits, changes of the key."""

from typing import Any

import msgspec

from streams.contract.events.internal.passed_report import PassedReport
from streams.contract.events.internal.reporter_history import ReporterHistory, ReporterRehashed
from streams.contract.wire.dead_letter import Rejected
from streams.contract.wire.forms.reporter_history import encode_history, encode_rehashed
from streams.deciding.reporters.batch import ReporterBatch
from streams.deciding.reporters.part import Part, PartHistory, part_key
from streams.deciding.reporters.reporter import OutcomeFacts, Standing


def narrow(
    batch: ReporterBatch, key: bytes, passed: PassedReport[Any], category: int, standing: Standing
) -> Standing:
    """Return where the source of a finding stands; `standing` is that of the whole, with the state key `key`.

    Each of its parts is trusted as far as its own findings were upheld, and until then like the one above.
    """
    state, now = batch.state, batch.state.time.now
    trust = standing.trust
    for number in passed.parts:
        place = part_key(key, number)
        part = state.parts.find(place)
        if part is None:
            if not _admitted(batch, passed):
                # Nothing is known of it, and its findings are judged like those of the source above.
                break
            part = Part()
            if passed.earlier is not None:
                asked = ReporterRehashed(passed.reporter, passed.report.occurred, number)
                batch.passed_on.record(encode_rehashed(passed.earlier, asked), passed.earlier)
        trust = part.trust(batch.rules.trust, trust, now, category)
        state.parts.keep(place, part, now)
    # An operator may have set a limit of the day for detectors.
    factor = trust.factor if standing.factor else 0.0
    return msgspec.structs.replace(standing, trust=trust, factor=factor)


def credit_parts(
    batch: ReporterBatch,
    key: bytes,
    parts: tuple[int, ...],
    removed: OutcomeFacts | None,
    added: OutcomeFacts | None,
) -> None:
    """Apply what a decision changes for the parts that found the message."""
    state, now = batch.state, batch.state.time.now
    for number in parts:
        place = part_key(key, number)
        part = state.parts.find(place)
        # Of one that was not admitted, or was forgotten, nothing can be taken back.
        if part is not None and (removed or added):
            part.credit(now, removed, added)
            state.parts.keep(place, part, now)


def send_part(batch: ReporterBatch, key: bytes, rehashed: ReporterRehashed, part: int) -> None:
    """Send what is known of a part to the home to which its source has moved, and forget it here."""
    state = batch.state
    place = part_key(key, part)
    known = state.parts.find(place)
    if known is None:
        return
    history = ReporterHistory(rehashed.occurred_ms, known.period, known.sums, {}, 0, part=part)
    batch.passed_on.record(encode_history(rehashed.reporter, history), rehashed.reporter)
    state.parts.remove(place)


def take_part(batch: ReporterBatch, key: bytes, history: ReporterHistory, part: int) -> None:
    """Add what was known of a part at the home from which its source has moved."""
    state = batch.state
    place = part_key(key, part)
    known = state.parts.find(place) or Part()
    known.take_history(PartHistory(history.period, history.sums))
    state.parts.keep(place, known, state.time.now)


def _admitted(batch: ReporterBatch, passed: PassedReport[Any]) -> bool:
    state, report = batch.state, passed.report
    try:
        state.newcomers.admit("parts", report.topic, report.ce_source, state.time.now)
    except Rejected:
        return False
    return True
