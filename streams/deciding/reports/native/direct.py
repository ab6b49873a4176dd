"""The native core: applies ordinary reports instead of `handle` and `apply`, and leaves others to them.

No worker runs it: it applies a report where it was published, without the stage of reporters. It knows no
rules of its own. What depends on policies, law or vocabulary is handed over when it is made, as numbers and
as fragments of JSON. See docs/architecture-bundles.md, 'The native core'.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import partial
from itertools import accumulate, islice
from typing import Any, Final, get_args

import tocsin_native

from streams.contract.events.enriched_report import ENRICHED_REPORT_TYPE
from streams.contract.events.report import REPORTER_KINDS, AccountAge, Category
from streams.contract.wire.encoding import encode
from streams.contract.wire.envelope import event_headers
from streams.contract.wire.forms.report_decoding import FORM, decode_report
from streams.contract.wire.origin import own_place
from streams.contract.wire.records import OutputRecord, SourceRecord, new_tuple
from streams.contract.wire.times import DAY
from streams.contract.wire.topics import ENRICHED_REPORTS
from streams.counting.conditions import Condition
from streams.counting.counts import CHANNEL_COUNTS, category_suffix
from streams.counting.windows import FINE_MS
from streams.deciding.partition.stage import name_record
from streams.deciding.reports.apply import judge_counted
from streams.deciding.reports.batch import ReportBatch
from streams.deciding.reports.case import Case
from streams.deciding.reports.escalation.episodes import Open
from streams.deciding.reports.escalation.policies import CompiledPolicy
from streams.deciding.reports.native.reading_rules import reading_rules
from streams.deciding.reports.risk import Cohort, RiskModel
from streams.deciding.reports.rules import ReportRules

_EPOCH: Final = date(1970, 1, 1).toordinal()
_AGES: Sequence[str] = get_args(AccountAge)

_new_output = partial(new_tuple, OutputRecord)


class NativeCore:
    """Applies ordinary reports by one set of rules, those without the stage of reporters."""

    __slots__ = ("_kernel", "_rules")

    def __init__(self, rules: ReportRules) -> None:
        self._rules = rules
        self._kernel = tocsin_native.Kernel(_handed_over(rules))

    def apply(self, batch: ReportBatch, records: Sequence[SourceRecord], begin: int) -> int:
        """Apply records from `begin` on, until one is out of the ordinary; return how many were applied.

        Outputs and state are those of `Stage` without this, to the byte. Raises what a handler raises.
        """
        state = batch.state
        time = state.time
        recent = state.recent
        # It does not know how far sources may be read.
        if batch.until is not None:
            return 0
        if state.sources or time.ticks or recent.has_hashes_without_key or state.reporter_keys.earlier:
            return 0
        # The next report says which decisions were read before it.
        if state.decisions.after == time.applied:
            return 0
        # Whether a report may be a repeat is asked in Python, and the core leaves late reports to it: those
        # of an earlier pane. So all that may be must have occurred in one.
        if recent.forgotten_until >= time.now // FINE_MS * FINE_MS:
            return 0
        # Before a later record is applied, due steps must be taken, or what ends with the day be forgotten.
        limit = (time.now // DAY + 1) * DAY
        due = state.due.earliest()
        rows: list[tuple[Any, ...]] = []
        reached = time.now
        applied, judge, now, newest_append, hashes, counted = self._kernel.apply(
            state.counts,
            (state.partition, state.partitions),
            # None of them makes others be forgotten before it is judged.
            records[begin : begin + recent.room],
            0,
            (time.now, time.newest_append, limit if due is None else min(due, limit)),
            recent,
            state.episodes,
            rows,
            batch.event_times,
        )
        if not applied:
            return 0
        batch.outputs.extend(map(_new_output, rows))
        batch.counters.applied += applied
        batch.counters.natively += applied
        time.restore(time.applied + applied, now, newest_append, 0)
        times = accumulate(batch.event_times[-applied:], max, initial=reached)
        for hashed, then in zip(hashes, islice(times, 1, None), strict=True):
            recent.add(hashed, then)
        state.breaker.note_read(applied)
        # Time is no earlier than the latest of these events.
        batch.read(records[begin].topic, time.now)
        for country, category, cell, number, at in counted:
            state.daily.count(at, country, category, cell, number)
        if judge:
            record = records[begin + applied - 1]
            try:
                self._judge(batch, record)
            except Exception as error:
                name_record(error, record)
                raise
        return applied

    def _judge(self, batch: ReportBatch, record: SourceRecord) -> None:
        """Decide about a report already counted and published: an episode may open, rise or turn clear."""
        rules, state = self._rules, batch.state
        origin = own_place(record)
        report, ce_source, occurred = decode_report(record.value, record.headers, origin.timestamp)
        case = Case(
            report,
            ce_source,
            occurred,
            origin,
            rules.resolver.resolve(report),
            rules.risk_model.score(report),
        )
        plan = rules.plans[report.category]
        channel_key = report.channel.ref.encode()
        entry = state.counts.find(CHANNEL_COUNTS + channel_key + plan.suffix)
        assert entry is not None
        windows = [entry.counts.measure(spec, state.time.now) for spec in plan.windows]
        judge_counted(batch, case, channel_key, plan, entry.counts, windows, len(batch.outputs))


def _handed_over(rules: ReportRules) -> dict[str, Any]:
    model, registry = rules.risk_model, rules.registry
    places = {category: place for place, category in enumerate(registry.categories)}
    versions = (encode((registry.policy_version,))[1:-1], encode((registry.registry_version,))[1:-1])
    return {
        **reading_rules(rules),
        "resolve": _resolve(rules),
        "days": [day - _EPOCH for day in rules.resolver.days_of_change],
        "classifier_limit": model.classifier_limit,
        "cohorts": [_cohort(model, key, places) for key in model.cohorts],
        "plans": [_plan(rules, category) for category in registry.categories],
        "tail": b'],"counted":true,"not_counted_reason":null,'
        b'"policy_version":%s,"registry_version":%s,"source":' % versions,
        "topic": ENRICHED_REPORTS,
        "headers": event_headers(ENRICHED_REPORT_TYPE, "", 0),
        "open_episode": Open,
    }


def _resolve(rules: ReportRules) -> Callable[[bytes], tuple[bytes, int, str, bool]]:
    """Return the function that finds the law of a report that the core has read from a record's value.

    It returns the published fields, the protection (see Resolved), the country under which the report is
    counted, and whether clocks are to be armed.
    """

    def resolve(value: bytes) -> tuple[bytes, int, str, bool]:
        law = rules.resolver.resolve(FORM.decoder.decode(value))
        country = law.jurisdictions[0].code
        if law.obligations_json is None:
            return b"", law.protection, country, True
        fragments = (law.jurisdictions_json, law.obligations_json, law.routing_json, law.rule_of_law_json)
        published = b',"jurisdictions":%s,"obligations":%s,"routing":%s,"rule_of_law":%s' % tuple(
            map(bytes, fragments)
        )
        return published, law.protection, country, bool(law.armed)

    return resolve


def _cohort(
    model: RiskModel, key: Cohort, places: Mapping[Category, int]
) -> tuple[tuple[Any, ...], tuple[Any, ...], tuple[bytes, bytes]]:
    category, kind, member, age = key
    odds, prior, risk, *_ = model.cohorts[key]
    known = risk.components
    components = b',"components":{"severity":%s,"prior":%s,"reporter_weight":%s,"classifier":' % tuple(
        encode((number,))[1:-1] for number in (known.severity, known.prior, known.reporter_weight)
    )
    return (
        (
            places[category],
            REPORTER_KINDS.index(kind),
            member,
            None if age is None else _AGES.index(age),
        ),
        (odds, prior, known.severity, model.millionths(risk)),
        (encode(risk), components),
    )


def _plan(rules: ReportRules, category: Category) -> tuple[Any, ...]:
    plan = rules.plans[category]
    dsa_category, dsa_keywords = rules.dsa[category]
    return (
        plan.suffix,
        [tuple(spec) for spec in plan.windows],
        [_policy(policy, window) for policy, window in plan.policies],
        b',"dsa_category":%s,"dsa_keywords":%s,"risk":'
        % (encode((dsa_category,))[1:-1], bytes(dsa_keywords)),
    )


def _policy(policy: CompiledPolicy, window: int) -> tuple[Any, ...]:
    return (
        policy.key,
        window,
        policy.least_reports,
        [category_suffix(category) for category in policy.policy.categories],
        policy.needs_union,
        policy.grows,
        [
            (level.level, [_condition(one) for one in level.when], [_condition(one) for one in level.any_of])
            for _, level, _ in policy.levels
        ],
        [_condition(one) for one in policy.lasting],
    )


def _condition(one: Condition) -> tuple[str, int, int]:
    return one.measure.name, one.low, one.high
