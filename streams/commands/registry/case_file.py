"""Reads one report, request or enriched report from a file, and asks the deciding code about a row."""

import dataclasses
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click
import msgspec
import orjson

from streams.contract.events.authority_request import AuthorityRequest
from streams.contract.events.enriched_report import EnrichedReport
from streams.contract.events.obligation import AppliedObligation, EscalatedObligation
from streams.contract.events.report import MessageReport
from streams.contract.wire.dead_letter import Rejected
from streams.contract.wire.forms.report_decoding import FORM as REPORT
from streams.contract.wire.forms.request_decoding import FORM as REQUEST
from streams.contract.wire.reading import event_reader
from streams.contract.wire.times import epoch_ms
from streams.deciding.law.concerned import concerned
from streams.deciding.law.duty import escalated_duty
from streams.deciding.law.resolution import Resolver
from streams.deciding.requests.duties import triggers_met
from streams.deciding.requests.judge import Judgement, judge_request
from streams.deciding.requests.rules import compile_request_rules
from streams.registry.obligation import Obligation, Trigger
from streams.registry.rules import Rules

# A case may be of a day to come, which a worker would refuse.
_ANY_TIME_MS: Final = epoch_ms(datetime(9999, 1, 1, tzinfo=UTC))


@dataclass(frozen=True)
class ReportCase:
    """A report. `recorded` are the duties of its enriched event, if the case is one."""

    report: MessageReport
    recorded: tuple[AppliedObligation, ...] | None = None
    recorded_version: str | None = None

    @property
    def name(self) -> str:
        """Which report it is."""
        return f"report {self.report.report_id} ({self.report.kind})"

    @property
    def received(self) -> datetime:
        """When the platform received it, or else when it was made."""
        return (self.report.received_at or self.report.occurred_at).astimezone(UTC)

    def triggers(self, rules: Rules) -> Collection[Trigger]:
        """The triggers that reports of its kind meet by themselves."""
        return rules.triggers.met_by_report.get(self.report.kind, frozenset())

    def duty(self, rules: Rules, row: Obligation) -> EscalatedObligation | None:
        """What becomes of the row, as the stage of reports would publish it; None if it does not apply.

        The other rows have no influence on it.
        """
        alone = dataclasses.replace(rules, obligations=(row,))
        found = Resolver(alone).resolve(self.report).duties
        return next((escalated_duty(duty, alone, epoch_ms(self.received)) for duty in found), None)

    def paused(self, _rules: Rules) -> frozenset[str]:
        """No clock of a report is paused from the start."""
        return frozenset()

    def facts(self, rules: Rules) -> Mapping[str, str]:
        """What the report says, by part."""
        report = self.report
        found = concerned(report, rules.location_hints)
        notice = () if report.notice is None else report.notice.contents
        return {
            "dates": f"received {self.received.date()}",
            "place": ", ".join(f"{each.code} ({each.basis}, {each.confidence:.2f})" for each in found),
            "visibility": f"{report.channel.visibility} channel",
            "category": report.category,
            "trigger": f"{report.kind}, which meets: {', '.join(sorted(self.triggers(rules))) or 'none'}",
            "elements": ", ".join(sorted(notice)) or "none",
        }


@dataclass(frozen=True)
class RequestCase:
    """A request of an authority."""

    request: AuthorityRequest

    @property
    def name(self) -> str:
        """Which request it is."""
        authority = self.request.authority
        return (
            f"request {self.request.request_id} ({self.request.kind} of {authority.country} {authority.type})"
        )

    @property
    def received(self) -> datetime:
        """When it was received."""
        return self.request.received_at.astimezone(UTC)

    def triggers(self, rules: Rules) -> Collection[Trigger]:
        """The triggers that it meets, by its kind and by what it says and lacks."""
        met = triggers_met(self.request, compile_request_rules(rules))
        lacks = self.judgement(rules).findings.missing
        return met | {"incomplete_order"} if lacks else met

    def duty(self, rules: Rules, row: Obligation) -> EscalatedObligation | None:
        """What becomes of the row, as the stage of requests would publish it; None if it does not apply.

        It takes the place of the row with its id, because what other duties ask of the request counts too.
        """
        rows = tuple(row if each.id == row.id else each for each in rules.obligations)
        found = self.judgement(dataclasses.replace(rules, obligations=rows)).findings.obligations
        return next((duty for duty in found if duty.id == row.id), None)

    def judgement(self, rules: Rules) -> Judgement:
        """The judgement of the request as a whole."""
        return judge_request(self.request, epoch_ms(self.received), compile_request_rules(rules))

    def paused(self, rules: Rules) -> frozenset[str]:
        """The duties whose clocks are paused from the start, because the request lacks something."""
        return self.judgement(rules).paused

    def facts(self, rules: Rules) -> Mapping[str, str]:
        """What the request says, by part."""
        request = self.request
        notified = {None: "not said", True: "notified", False: "not notified"}
        return {
            "dates": f"received {self.received.date()}",
            "place": f"authority of {request.authority.country}",
            "category": request.category or "none, so any",
            "legal basis": request.legal_basis,
            "demands": ", ".join(request.demands),
            "urgency": "emergency" if request.emergency else "no emergency",
            "notification": notified[request.enforcing_authority_notified],
            "trigger": f"{request.kind}, which meets: {', '.join(sorted(self.triggers(rules))) or 'none'}",
            "elements": ", ".join(sorted(request.elements)) or "none",
        }


Case = ReportCase | RequestCase


def read_case(path: Path, rules: Rules) -> Case:
    """Read a case: the payload alone, or with key and headers as `tocsin tail --json` prints it.

    Raises click.ClickException, with the reason that a dead letter would have, for anything else.
    """
    try:
        content = path.read_bytes()
        found: Any = orjson.loads(content)
    except OSError as error:
        raise click.ClickException(f"{path}: {error}") from error
    except orjson.JSONDecodeError as error:
        several = len(content.splitlines()) > 1 and all(
            map(_is_object, filter(bytes.strip, content.splitlines()))
        )
        why = "holds more than one case: keep one line of it." if several else str(error)
        raise click.ClickException(f"{path}: {why}") from error
    if isinstance(found, dict) and isinstance(found.get("value"), dict):
        found = found["value"]
    if not isinstance(found, dict):
        raise click.ClickException(f"{path}: must hold one JSON object.")
    if not {"report", "report_id", "request_id"} & found.keys():
        raise click.ClickException(
            f"{path}: no `report_id` or `request_id`; is it a CloudEvent? Give its `data`."
        )
    try:
        if "report" in found:
            enriched = msgspec.convert(found, EnrichedReport)
            report = _read(REPORT, msgspec.json.encode(enriched.report), rules)
            return ReportCase(report, enriched.obligations, enriched.registry_version)
        if "request_id" in found:
            return RequestCase(_read(REQUEST, orjson.dumps(found), rules))
        return ReportCase(_read(REPORT, orjson.dumps(found), rules))
    except (Rejected, msgspec.ValidationError) as error:
        raise click.ClickException(
            f"{path} is neither a report nor a request nor an enriched report: {error}"
        ) from error


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(orjson.loads(line), dict)
    except orjson.JSONDecodeError:
        return False


def _read(form: Any, value: bytes, rules: Rules) -> Any:
    return event_reader(form, rules.categories)(value, (), _ANY_TIME_MS).event
