"""Makes the skeleton of a notice to an authority from the events of a case.

Tocsin knows no content and no identity. A skeleton has times, the group, what is alleged and who may have to
be told; the platform adds the rest, and a person decides whether anything is sent.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import msgspec

from streams.contract.events.escalation import Escalation
from streams.contract.events.report import Category
from streams.contract.events.routing import Gate
from streams.contract.wire.ids import stable_id
from streams.contract.wire.times import months_later
from streams.registry.category import CategoryRules
from streams.registry.durations import parse_legal_duration
from streams.registry.obligation import Obligation
from streams.statutory.dossier.completeness import Completeness, completeness
from streams.statutory.dossier.form import ART18_DUTY, PRESERVATION_DUTY, DossierForm

_INTERNAL = "internal_review"


class Preservation(msgspec.Struct, frozen=True):
    """Until when what was reported must be kept, if it is submitted on `submitted`; both are days."""

    duty: str
    law: str
    submitted: str
    until: str
    source_url: str


class PriorCase(msgspec.Struct, frozen=True):
    """An earlier case of the same group that calls for the same form, and the id of its dossier."""

    dossier_id: str
    escalation_id: str
    category: Category
    opened_at: str


class Dossier(msgspec.Struct, frozen=True):
    """A skeleton.

    `notice` has the fields of the form; null and empty ones are for the platform. `gate` is what must happen
    before anything is sent, `conditions` is what a person must establish. `prior_cases` are earlier ones of
    the group: whether anything was sent for them is known to the platform. `preservation` is null if the
    form's law sets no period.
    """

    dossier_id: str
    form: DossierForm
    escalation_id: str
    channel_ref: str
    message_refs: tuple[str, ...]
    category: Category
    opened_at: str
    changed_at: str
    gate: Gate
    conditions: tuple[str, ...]
    notice: dict[str, Any]
    prior_cases: tuple[PriorCase, ...]
    preservation: Preservation | None
    completeness: Completeness


def forms_for(
    category: Category, categories: Mapping[Category, CategoryRules], duties: Mapping[str, Obligation]
) -> tuple[DossierForm, ...]:
    """Give the forms that a category may call for."""
    forms: list[DossierForm] = []
    if category in categories and categories[category].cybertip is not None:
        forms.append("cybertipline")
    if ART18_DUTY in duties and category in duties[ART18_DUTY].categories:
        forms.append("dsa_art18")
    return tuple(forms)


def dossiers(
    escalation_id: str,
    events: Iterable[Escalation],
    categories: Mapping[Category, CategoryRules],
    duties: Mapping[str, Obligation],
    submitted: date,
) -> list[Dossier]:
    """Make a skeleton per form that the case's category may call for; none if the case is unknown.

    `events` should have all cases of the group, for its prior ones. `submitted` is the day from which
    preservation counts.
    """
    cases = _cases(events)
    case = cases.get(escalation_id)
    if case is None:
        return []
    group = [
        other
        for other in cases.values()
        if other[0].channel_ref == case[0].channel_ref and other[0].escalation_id != escalation_id
    ]
    forms = forms_for(case[-1].category, categories, duties)
    return [_dossier(form, case, group, categories, duties, submitted) for form in forms]


def _cases(events: Iterable[Escalation]) -> dict[str, list[Escalation]]:
    """The events of each case by sequence; workers may have written one more than once."""
    cases: dict[str, dict[int, Escalation]] = {}
    for event in events:
        cases.setdefault(event.escalation_id, {}).setdefault(event.sequence, event)
    return {name: [case[number] for number in sorted(case)] for name, case in cases.items()}


def _dossier(
    form: DossierForm,
    case: Sequence[Escalation],
    group: Sequence[Sequence[Escalation]],
    categories: Mapping[Category, CategoryRules],
    duties: Mapping[str, Obligation],
    submitted: date,
) -> Dossier:
    first, newest = case[0], case[-1]
    tip = categories[newest.category].cybertip if newest.category in categories else None
    conditions = ["a person must review the content first"]
    if form == "cybertipline" and tip is not None and tip.condition is not None:
        conditions.append(tip.condition)
    if form == "dsa_art18":
        conditions.append("only if a threat to the life or safety of a person is suspected (art. 18(1))")
    notice = _cybertip(case, group, categories) if form == "cybertipline" else _art18(case)
    return Dossier(
        dossier_id=_dossier_id(form, newest.escalation_id),
        form=form,
        escalation_id=newest.escalation_id,
        channel_ref=newest.channel_ref,
        message_refs=tuple(dict.fromkeys(ref for event in case for ref in event.message_refs)),
        category=newest.category,
        opened_at=_began(first),
        changed_at=newest.at,
        gate=newest.rule_of_law.decision,
        conditions=tuple(conditions),
        notice=notice,
        prior_cases=tuple(
            PriorCase(
                _dossier_id(form, each[0].escalation_id),
                each[0].escalation_id,
                each[-1].category,
                _began(each[0]),
            )
            for each in sorted(group, key=lambda each: _began(each[0]))
            if _began(each[0]) <= _began(first) and form in forms_for(each[-1].category, categories, duties)
        ),
        preservation=_preservation(duties, submitted) if form == "cybertipline" else None,
        completeness=completeness(form, notice),
    )


def _dossier_id(form: DossierForm, escalation_id: str) -> str:
    return stable_id("dossier", form, escalation_id)


def _began(event: Escalation) -> str:
    """When the case began: when its report came in, for a legal clock."""
    return event.at if event.clock is None else event.clock.started_at


def _cybertip(
    case: Sequence[Escalation],
    group: Sequence[Sequence[Escalation]],
    categories: Mapping[Category, CategoryRules],
) -> dict[str, Any]:
    """The fields of the CyberTipline's API, with the names of its elements."""
    newest = case[-1]
    tip = categories[newest.category].cybertip
    assert tip is not None
    threats = [each[0].escalation_id for each in group if _endangers_life(each[-1].category, categories)]
    return {
        "incidentSummary": {
            "incidentType": tip.incident_type,
            # Given a reason, the report goes before others.
            "escalateToHighPriority": (
                f"Reports about the same group also allege a threat to life (case {threats[-1]})."
                if threats
                else None
            ),
            "reportAnnotations": dict.fromkeys(tip.annotations, True),
            "incidentDateTime": _began(case[0]),
            "incidentDateTimeDescription": (
                f"When the case opened. Its newest event is of {newest.at}. Replace it with the time of the "
                "content."
            ),
        },
        "internetDetails": {
            "chatIm": {"chatClient": None, "chatRoomName": None, "content": None, "additionalInfo": None}
        },
        "reporter": {"reportingPerson": {"email": None}, "contactPerson": {"email": None}, "legalURL": None},
        "personOrUserReported": {
            "personOrUserReportedPerson": {"email": [], "phone": None},
            "espIdentifier": None,
            "screenName": None,
            "ipCaptureEvent": [],
            "deviceId": [],
            "groupIdentifier": newest.channel_ref,
            # Report numbers of the CyberTipline; `prior_cases` says where to look.
            "priorCTReports": [],
        },
        "files": [],
    }


def _endangers_life(category: Category, categories: Mapping[Category, CategoryRules]) -> bool:
    return category in categories and categories[category].endangers_life


def _art18(case: Sequence[Escalation]) -> dict[str, Any]:
    newest = case[-1]
    return {
        "suspicion": {"offence": newest.category, "explanation": None},
        "content": [],
        "content_published_at": None,
        "reported_at": _began(case[0]),
        "group": newest.channel_ref,
        "recipient_of_the_service": {"identifiers": [], "location": None},
        "member_states_concerned": list(newest.statement.territorial_scope),
        "authorities": sorted({route.recipient for route in newest.routing} - {_INTERNAL}),
    }


def _preservation(duties: Mapping[str, Obligation], submitted: date) -> Preservation | None:
    duty = duties.get(PRESERVATION_DUTY)
    if duty is None or duty.duration is None:
        return None
    months, _ = parse_legal_duration(duty.duration)
    return Preservation(
        duty=duty.id,
        law=f"{duty.instrument}, {duty.article}",
        submitted=str(submitted),
        until=str(months_later(submitted, months)),
        source_url=duty.source_url,
    )
