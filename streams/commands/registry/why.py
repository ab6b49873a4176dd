"""`tocsin registry why`: the command."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import orjson

from streams.commands.registry.case_file import Case, ReportCase, RequestCase, read_case
from streams.commands.registry.options import law_option, named_row, rules_with
from streams.commands.registry.row_parts import PartVerdict, RowVerdict, verdict
from streams.commands.shared.terminal import echo
from streams.contract.events.authority_routing import Telling
from streams.contract.events.obligation import EscalatedObligation
from streams.deciding.law.duty import signed_of
from streams.desk.text.duty_words import signature_words, why_no_clock
from streams.desk.text.law_words import TRIGGER_WORDS, marks_in_words, time_in_words, watched_in_words
from streams.desk.text.routing_text import minute
from streams.desk.text.text_table import text_table
from streams.registry.obligation import Obligation
from streams.registry.row_of_law import WatchedRow
from streams.registry.rules import Rules

_FITS = {True: "yes", False: "NO", None: "-"}
_CELL = 40
_WIDTH = 110


@click.command()
@click.argument("row_id", metavar="ROW")
@click.argument(
    "case_file", metavar="CASE.json", type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@law_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
def why(row_id: str, case_file: Path, law: Path | None, as_json: bool) -> None:
    """Show part by part why ROW starts a clock for a case, or not.

    CASE.json holds one report, one request of an authority, or one enriched report, alone or as `tocsin tail
    --json` prints it. It is judged by the code of the workers: once as it is, and once for each part of the
    row, with everything else about the row loosened, so that each part is seen by itself. Of an enriched
    report it also shows what was decided then, and by which rules. Nothing is sent. Exits with 0 whether or
    not the clock runs.

    \b
    Examples:
      tocsin registry why US.take-it-down.s3 report.json
      tocsin tail enriched-reports --from-beginning --json | grep r-7f3a91 | head -1 > case.json
      tocsin registry why US.take-it-down.s3 case.json --law ./law-next
    """  # noqa: D301 - \b stops click from wrapping the paragraph
    rules = rules_with(law)
    row = named_row(rules, row_id)
    case = read_case(case_file, rules)
    if isinstance(row, WatchedRow):
        echo(orjson.dumps(_watched_document(row, case)).decode() if as_json else _watched_text(row, case))
        return
    judged = verdict(rules, row, case)
    if as_json:
        echo(orjson.dumps(_document(rules, row, case, judged)).decode())
        return
    head, table, foot = _text(rules, row, case, judged)
    wrapped = ("\n".join(textwrap.wrap(line, _WIDTH, break_on_hyphens=False)) for line in head)
    echo("\n".join([*wrapped, "", table, "", *foot]))


def _text(rules: Rules, row: Obligation, case: Case, judged: RowVerdict) -> tuple[list[str], str, list[str]]:
    """What is said above the table of the parts, the table, and what is said below it."""
    head = [
        f"{row.id}: {row.title} ({row.instrument}, {row.article})",
        f"{case.name}, received {case.received:%Y-%m-%d %H:%M} UTC, by rules {rules.registry_version}",
        "",
        f"Verdict: {_outcome(rules, row, case, judged)}",
        *_of_case(rules, case),
    ]
    said, facts = _row_words(rules, row), _case_words(rules, case)
    cells = [
        (
            each.part.name,
            _FITS[each.fits],
            textwrap.fill(said[each.part.name], _CELL),
            textwrap.fill(facts[each.part.name], _CELL),
            _note(row, each),
        )
        for each in judged.parts
        if each.part.name in facts
    ]
    foot = [
        f"marks       {marks_in_words(row.marks)}",
        f"signature   {signature_words(signed_of(row))}",
        f"pauses      {', '.join(row.pausable_for).replace('_', ' ') or 'for no reason'}",
    ]
    if row.runs_from is not None:
        foot.append(f"begins      anew with the fulfilment of {row.runs_from}, whose clock may be paused")
    if isinstance(case, ReportCase) and case.recorded is not None:
        foot.append(f"recorded    {_recorded(row, case)}")
    return head, text_table(("part", "fits", "the row", "the case", "so"), cells), foot


def _outcome(rules: Rules, row: Obligation, case: Case, judged: RowVerdict) -> str:
    duty = judged.duty
    if duty is None:
        return "the duty does not apply."
    if judged.paused:
        return (
            "the clock is paused from the start, because the request lacks something; without the pause: "
            f"{_until(row, duty.due_at)}."
        )
    if judged.armed:
        return f"the clock runs: {_until(row, duty.due_at)}."
    if isinstance(case, RequestCase) and not case.judgement(rules).findings.competence.competent:
        return "the authority is not competent, so no clock of the duty runs."
    if duty.advisory:
        return (
            "advisory: the duty applies, but its clock does not run, because its time or dates are secondary "
            f"and `secondary_rows_arm` is false; by the row: {_until(row, duty.target_at)}."
        )
    return f"the duty applies and its clock does not run ({duty.not_armed_reason}): {why_no_clock(duty)}."


def _until(row: Obligation, end: str | None) -> str:
    """What the end of the clock (RFC 3339) means."""
    told = {"deadline": "due", "not_before": "send nothing before", "retention": "keep until"}
    return f"{told[row.meaning]} {minute(end or '')}"


def _of_case(rules: Rules, case: Case) -> Iterator[str]:
    """What the case itself decides, whatever the row says."""
    if not isinstance(case, RequestCase):
        return
    findings = case.judgement(rules).findings
    for refusal in findings.refusals:
        yield f"The request is refused ({refusal.code}), so no duty follows: {refusal.reason}"
    if not findings.competence.competent:
        yield f"The authority is not competent: {findings.competence.reason}"
    if findings.missing:
        yield f"The request lacks: {', '.join(findings.missing)}."
    if findings.telling is not None:
        yield _telling(findings.telling, findings.obligations)


def _telling(telling: Telling, duties: Sequence[EscalatedObligation]) -> str:
    """By when the authority is told what is missing, and whether the law says so."""
    duty = next((each for each in duties if each.id == telling.obligation), None)
    by = minute(telling.by)
    if duty is None:
        return f"Tell the authority of that by {by}, when a paused clock would have ended."
    if duty.due_at == telling.by:
        return f"The authority must be told of that by {by}."
    return f"Tell the authority of that without undue delay; own target: {by}."


def _note(row: Obligation, each: PartVerdict) -> str:
    if each.fits is None:
        return "not asked"
    if each.fits:
        return ""
    if each.part.name == "marks" and row.advisory:
        return "advisory"
    return "does not apply" if each.reason is None else each.reason


def _row_words(rules: Rules, row: Obligation) -> Mapping[str, str]:
    """What the row says, by part."""
    place = f"law of {row.jurisdiction}"
    except_in = f", not in {', '.join(row.except_in)}" if row.except_in else ""
    until = f" until {row.in_force_until}" if row.in_force_until else ""
    every = len(row.categories) == len(rules.categories)
    arms = "; secondary arms it" if row.secondary_arms else "; `secondary_rows_arm` is false"
    return {
        "dates": f"from {row.in_force_from}{until}",
        "place": place + except_in,
        "size": f"exempt: {', '.join(row.exempt_sizes)}" if row.exempt_sizes else "any",
        "visibility": "public only" if row.public_only else "any",
        "category": "all" if every else ", ".join(row.categories),
        "legal basis": ", ".join(row.legal_bases) or "any",
        "demands": ", ".join(row.demands) or "any",
        "urgency": {None: "any", True: "emergencies only", False: "no emergency"}[row.emergency],
        "notification": {None: "any", True: "notified", False: "not notified"}[
            row.enforcing_authority_notified
        ],
        "trigger": TRIGGER_WORDS[row.trigger].partition(":")[0],
        "marks": f"time and dates {row.marks.of_clock}{arms if row.marks.of_clock == 'secondary' else ''}",
        "time": time_in_words(row),
        "elements": ", ".join(row.required_elements) or "none required",
    }


def _case_words(rules: Rules, case: Case) -> Mapping[str, str]:
    """What the case says, by part: a part that cases of its kind cannot have has no words."""
    size = rules.platform.size or "not known, so not exempt"
    return {"size": f"platform: {size}", "marks": "", "time": "", **case.facts(rules)}


def _recorded(row: Obligation, case: ReportCase) -> str:
    recorded = next((duty for duty in case.recorded or () if duty.id == row.id), None)
    by = f"by rules {case.recorded_version}"
    if recorded is None:
        return f"the duty did not apply, {by}"
    if recorded.due_at is not None:
        return f"the clock ran, due {minute(recorded.due_at)}, {by}"
    return f"the clock did not run: {recorded.not_armed_reason}, {by}"


def _document(rules: Rules, row: Obligation, case: Case, judged: RowVerdict) -> dict[str, Any]:
    said, facts = _row_words(rules, row), _case_words(rules, case)
    recorded = _recorded(row, case) if isinstance(case, ReportCase) and case.recorded is not None else None
    return {
        "row": row.id,
        "status": "in_force",
        "case": case.name,
        "received": case.received.isoformat(),
        "registry_version": rules.registry_version,
        "armed": judged.armed,
        "paused": judged.paused,
        "duty": _duty(judged.duty),
        "case_reason": judged.case_reason if judged.case_applies else "no_duty_follows",
        "of_case": list(_of_case(rules, case)),
        "parts": [
            {
                "part": each.part.name,
                "fits": each.fits,
                "row": said[each.part.name],
                "case": facts[each.part.name],
                "reason": each.reason,
            }
            for each in judged.parts
            if each.part.name in facts
        ],
        "signed": row.signed,
        "pausable_for": row.pausable_for,
        "recorded": recorded,
    }


def _duty(duty: EscalatedObligation | None) -> dict[str, Any] | None:
    if duty is None:
        return None
    return {
        "clock_status": duty.clock_status,
        "not_armed_reason": duty.not_armed_reason,
        "advisory": duty.advisory,
        "due_at": duty.due_at,
        "target": duty.target,
        "target_at": duty.target_at,
    }


def _watched_text(row: WatchedRow, case: Case) -> str:
    lines = [
        f"{row.id}: {row.title} ({row.instrument}, {row.article})",
        case.name,
        "",
        f"Verdict: {watched_in_words(row)}, so no duty follows.",
    ]
    if row.next is not None:
        lines.append(f"Next: {row.next.day}, {row.next.what}")
    return "\n".join(lines)


def _watched_document(row: WatchedRow, case: Case) -> dict[str, Any]:
    return {"row": row.id, "status": row.status, "case": case.name, "armed": False, "duty": None, "parts": []}
