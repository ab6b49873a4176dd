"""Reports and rules for tests of the law."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from streams.contract.events.report import Channel, Evidence, MessageReport, Notice, Reporter
from streams.registry.rules import PlatformFacts, Rules
from streams.registry.obligation import Obligation
from streams.registry.jurisdiction import Authority, JurisdictionRules
from tests.marked import marked, read_on
from tests.shipped import RULES

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
LONG_AGO = date(2000, 1, 1)


def report(
    evidence: Sequence[tuple[str, str, float]] = (),
    *,
    channel_country: str | None = None,
    language: str | None = None,
    reporter_country: str | None = None,
    visibility: str = "public",
    elements: Sequence[str] | None = None,
    **fields: Any,
) -> MessageReport:
    named: dict[str, Any] = {
        "report_id": "r-1",
        "kind": "user_report",
        "occurred_at": NOW,
        "category": "csam",
        "channel": Channel("c-1", visibility, channel_country, language),  # type: ignore[arg-type]
        "reporter": None if reporter_country is None else Reporter("user", country=reporter_country),  # type: ignore[arg-type]
        "evidence": tuple(Evidence(*item) for item in evidence),  # type: ignore[arg-type]
        "notice": None if elements is None else Notice(tuple(elements)),  # type: ignore[arg-type]
    }
    return MessageReport(**(named | fields))


def duty(jurisdiction: str = "GLOBAL", **changes: Any) -> Obligation:
    """A duty whose trigger every report meets, with a clock of one day."""
    values: dict[str, Any] = {
        "id": f"{jurisdiction}.duty",
        "jurisdiction": jurisdiction,
        "instrument": "Act",
        "article": "s.1",
        "title": "Do it",
        "categories": tuple(RULES.categories),
        "trigger": "user_report",
        "required_elements": (),
        "action": "remove",
        "duration": "P1D",
        "meaning": "deadline",
        "standard": None,
        "calendar": "elapsed",
        "holiday_calendar": None,
        "pausable_for": (),
        "authority": None,
        "applies_to": "all",
        "public_only": False,
        "except_in": (),
        "legal_bases": (),
        "emergency": None,
        "gate": None,
        "territory": jurisdiction,
        "in_force_from": LONG_AGO,
        "in_force_until": None,
        "sources": read_on(LONG_AGO),
        "marks": marked("verified"),
    }
    return Obligation(**(values | changes))


def place(code: str, tier: str = "open", **changes: Any) -> JurisdictionRules:
    values: dict[str, Any] = {
        "code": code,
        "name": code,
        "regions": (),
        "rule_of_law": tier,
        "rule_of_law_basis": "for a test",
        "rule_of_law_as_of": LONG_AGO,
        "part_of": None,
        "authorities": (),
        "art18_authority": None,
        "dsc": None,
        "dsc_status": None,
        "tco_authority": None,
        "languages": (),
        "checked": LONG_AGO,
        "verification": "verified",
    }
    return JurisdictionRules(**(values | changes))


def authority(name: str, jurisdiction: str, role: str = "police") -> Authority:
    return Authority(name, name, jurisdiction, role, None, (), LONG_AGO, "verified")  # type: ignore[arg-type]


def small_world(*duties: Obligation, **platform: Any) -> Rules:
    """Four member states (one of them guarded), territories, two other states, and a closed state.

    The platform's legal representative is in BE.
    """
    union = {"regions": ("EU",)}
    places = [
        place("GLOBAL", "unknown"),
        place("EU"),
        place("DE", art18_authority="DE_POLICE", **union),
        place("BE", art18_authority="BE_POLICE", **union),
        place("FR", **union),
        place("HU", "guarded", art18_authority="HU_POLICE", **union),
        place("GP", part_of="DE", **union),
        place("GL", part_of="DE"),
        place("US"),
        place("IN", "guarded"),
        place("RU", "closed"),
        place("SJ", part_of="RU"),
        place("XX", "unknown"),
    ]
    authorities = [
        authority("DE_POLICE", "DE"),
        authority("BE_POLICE", "BE"),
        authority("HU_POLICE", "HU"),
        authority("MEMBER_STATE", "EU"),
        authority("EUROPOL", "EU", "agency"),
        authority("US_HOTLINE", "US", "hotline"),
        authority("US_POLICE", "US"),
        authority("IN_POLICE", "IN"),
        authority("RU_POLICE", "RU"),
    ]
    facts = PlatformFacts(
        establishment=None,
        legal_representative="BE",
        contact_languages=("en",),
        certainty=0.8,
        fallback="both",
        safe_recipients=("US_HOTLINE", "EUROPOL"),
    )
    return replace(
        RULES,
        jurisdictions={row.code: row for row in places},
        authorities={row.id: row for row in authorities},
        obligations=duties,
        platform=replace(facts, **platform),
    )
