"""What the home of a detector or list does about its findings: trust in parts, holding, credits, the key."""

from collections.abc import Sequence
from typing import Any

import msgspec

from streams.contract.events.internal.passed_report import PassedReport
from streams.contract.events.internal.reporter_history import ReporterHistory, ReporterRehashed
from streams.contract.wire.dead_letter import Rejected
from streams.contract.wire.forms.reporter_history import encode_history, encode_rehashed
from streams.contract.wire.times import DAY, HOUR
from streams.deciding.reporters.batch import ReporterBatch
from streams.deciding.reporters.detector_cases import publish_held
from streams.deciding.reporters.part import WHOLE, Part, decode_part, encode_part, keep_part, part_key
from streams.deciding.reporters.reporter import OutcomeFacts, Reporter, Standing
from streams.deciding.reporters.tally import Sums, totals
from streams.deciding.reporters.watch import expected_share, note_finding
from streams.registry.reporter_rules import DetectorRules

# A finding that is older counts in no band. Publishers send within minutes, and what a detector had to keep
# during an outage is no flood.
_LATE_MS = HOUR


def judge_finding(
    batch: ReporterBatch, key: bytes, passed: PassedReport[Any], category: int, standing: Standing
) -> Standing:
    """Return where the source of a finding stands; `standing` is that of the whole, with the state key `key`.

    Each of its parts is trusted as far as its own findings were upheld, and until then like the one above.
    The factor is 0 while the source or one of these parts is held (watch.py).
    """
    state, now, rules = batch.state, batch.state.time.now, batch.rules.trust
    if rules.detectors is None:
        return standing
    trust = standing.trust
    found: list[tuple[bytes, Part]] = []
    for number in (WHOLE, *passed.parts):
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
        if number != WHOLE:
            trust = part.trust(rules, trust, now, category)
        found.append((place, part))
    held = _watch(batch, rules.detectors, key, passed, [part for _, part in found])
    for place, part in found:
        keep_part(state.parts, place, part, now)
    # An operator may have set a limit of the day for detectors.
    factor = trust.factor if standing.factor and not held else 0.0
    return msgspec.structs.replace(standing, trust=trust, factor=factor)


def _watch(
    batch: ReporterBatch, rules: DetectorRules, key: bytes, passed: PassedReport[Any], parts: Sequence[Part]
) -> bool:
    """Note the finding for the whole and its parts, publish who is held now; return whether any is."""
    now = batch.state.time.now
    late = passed.report.occurred < now - _LATE_MS
    held, changes = note_finding(rules, [part.watch for part in parts], now, late=late)
    counters = batch.counters
    for change in changes:
        if change.why is None:
            counters.detectors_released += 1
        else:
            number = (WHOLE, *passed.parts)[change.place]
            publish_held(batch, key, number, passed.report, change)
            counters.detectors_held[change.why] += 1
    counters.findings_held += held
    return held


def credit_parts(
    batch: ReporterBatch,
    key: bytes,
    whole: Reporter,
    parts: tuple[int, ...],
    removed: OutcomeFacts | None,
    added: OutcomeFacts | None,
) -> None:
    """Apply what a decision changes for a source and the parts that found the message.

    Call it before `whole` is credited: what was known until then says what may be expected.
    """
    state, now = batch.state, batch.state.time.now
    place = part_key(key, WHOLE)
    source = state.parts.find(place)
    if source is None or not (removed or added):
        return
    new = added if removed is None or added is None or removed.verdict != added.verdict else None
    today = now // DAY
    for number in reversed(parts):
        at = part_key(key, number)
        part = state.parts.find(at)
        # Of one that was not admitted, or was forgotten, nothing can be taken back.
        if part is None:
            continue
        if new is not None:
            _expect(batch, part, part.sums, part.period, new)
            # One wrong entry, found a hundred times, says one thing about the list.
            if part.counted_day >= today:
                new = None
            part.counted_day = today
        part.credit(now, removed, added)
        keep_part(state.parts, at, part, now)
    if new is not None:
        _expect(batch, source, whole.sums, whole.period, new)
        keep_part(state.parts, place, source, now)


def _expect(batch: ReporterBatch, part: Part, sums: Sums, period: int, added: OutcomeFacts) -> None:
    """Note an outcome for the watch over a source, once it is measured by `sums`, its earlier outcomes."""
    rules = batch.rules.trust
    if rules.detectors is None or not sums:
        return
    known = totals(sums, period, batch.state.time.now // DAY)
    if known.all < rules.measured_from:
        return
    wrong = known.dismissed + known.manifestly_unfounded
    expected = expected_share(wrong, known.all)
    part.watch.decided(rules.detectors, expected, dismissed=added.verdict != "upheld")


def end_holding(batch: ReporterBatch, key: bytes, part: int) -> None:
    """Hold a source or its part no more, because a person says so; nothing happens if it is not held."""
    state = batch.state
    place = part_key(key, part)
    known = state.parts.find(place)
    if known is None or known.watch.why is None:
        return
    usual = known.watch.end()
    keep_part(state.parts, place, known, state.time.now)
    whole = state.parts.find(part_key(key, WHOLE))
    if part != WHOLE and whole is not None:
        whole.watch.accept(usual + whole.watch.count)
        keep_part(state.parts, part_key(key, WHOLE), whole, state.time.now)
    batch.counters.detectors_released += 1


def send_part(batch: ReporterBatch, key: bytes, rehashed: ReporterRehashed, part: int) -> None:
    """Send what is known of a part to the home to which its source has moved, and forget it here."""
    state = batch.state
    place = part_key(key, part)
    known = state.parts.find(place)
    if known is None:
        return
    history = ReporterHistory(
        rehashed.occurred_ms, known.period, {}, {}, 0, part=part, known=encode_part(known)
    )
    batch.passed_on.record(encode_history(rehashed.reporter, history), rehashed.reporter)
    state.parts.remove(place)


def take_part(batch: ReporterBatch, key: bytes, history: ReporterHistory, part: int) -> None:
    """Add what was known of a part at the home from which its source has moved."""
    state = batch.state
    place = part_key(key, part)
    known = state.parts.find(place) or Part()
    known.include(decode_part(history.known))
    keep_part(state.parts, place, known, state.time.now)


def _admitted(batch: ReporterBatch, passed: PassedReport[Any]) -> bool:
    state, report = batch.state, passed.report
    try:
        state.newcomers.admit("parts", report.topic, report.ce_source, state.time.now)
    except Rejected:
        return False
    return True
