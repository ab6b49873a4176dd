"""Whether a report may claim what it claims in the topic to which it was published."""

from collections.abc import Collection, Mapping
from typing import Final, get_args

from streams.contract.events.report import REPORTER_KINDS, MessageReport, ReportKind
from streams.contract.wire.dead_letter import Rejected
from streams.contract.wire.topics import REPORT_SOURCES, ReportSource
from streams.registry.rules import SourceRights

Sources = Mapping[ReportSource, SourceRights]

UNRESTRICTED: Final[Sources] = dict.fromkeys(
    REPORT_SOURCES, SourceRights(frozenset(get_args(ReportKind)), frozenset(REPORTER_KINDS), None)
)
"""Every topic takes every report: for reports of which nobody knows where they were published."""


def check_claims(sources: Sources, source: ReportSource, report: MessageReport, ce_source: str) -> None:
    """Raise Rejected, naming the topic that takes the report, if `source` does not."""
    rights = sources[source]
    reporter = report.reporter
    if report.kind not in rights.kinds:
        field, valid = "kind", _listed(rights.kinds)
    elif ("anonymous" if reporter is None else reporter.kind) not in rights.reporters:
        field, valid = "reporter" if reporter is None else "reporter.kind", _listed(rights.reporters)
    elif rights.ce_sources is not None and ce_source not in rights.ce_sources:
        field, valid = "ce_source", "a name that is listed for the topic in the deployment's sources file"
    else:
        return
    taker = source_for(sources, report, ce_source)
    advice = "No topic takes such a report." if taker is None else f"Publish this report to {taker}."
    raise Rejected("not_allowed_here", field, f"Must be {valid} in {source}. {advice}")


def source_for(sources: Sources, report: MessageReport, ce_source: str) -> ReportSource | None:
    """Return the topic to which a report must be published; None if none takes what it claims."""
    kind = "anonymous" if report.reporter is None else report.reporter.kind
    for source, rights in sources.items():
        if (
            report.kind in rights.kinds
            and kind in rights.reporters
            and (rights.ce_sources is None or ce_source in rights.ce_sources)
        ):
            return source
    return None


def _listed(values: Collection[str]) -> str:
    # In any order a set has, two workers would write different bytes.
    *others, last = sorted(values)
    return f"{', '.join(others)} or {last}" if others else last
