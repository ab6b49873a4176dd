"""European Production and Preservation Orders as the provider gets them: the certificates of Regulation (EU)
2023/1543.

By art. 9(2) and (3) a certificate holds what art. 5(5)(a) to (h), or 6(4)(a) to (f), list. The grounds for
necessity and the summary of the case are the later points of the lists, and no part of it.
"""

from typing import Any

import pytest

from streams.contract.wire.envelope import rfc3339
from tests.unit.request_traffic import (
    NOON,
    new_requests,
    request_record,
    routings,
    run_requests,
    steps,
    tick_record,
)
from tests.unit.traffic import DAY, HOUR

# The points of the lists that every certificate has, with what an intake calls them. The certificate is
# signed (art. 9(1)).
ALWAYS = {
    "5(5)(a), 6(4)(a)": "issuing_authority",
    "5(5)(b), 6(4)(b)": "addressee",
    "5(5)(c), 6(4)(c)": "specific_recipients",
    "5(5)(d), 6(4)(d)": "data_category",
    "5(5)(f), 6(4)(f)": "criminal_provision",
    "9(1)": "signature",
}
# 5(5)(e) and 6(4)(e), the time range, are there "if applicable"; (g), the reasons for the emergency, in an
# emergency; (h) if the order goes to a processor, which no intake reports.
EMERGENCY = "emergency_justification"


def certificate(kind: str, elements: list[str], **changes: Any) -> dict[str, Any]:
    basis, demand = {
        "production_order": ("e_evidence_epoc", "produce_subscriber_data"),
        "preservation_order": ("e_evidence_epoc_pr", "preserve_data"),
    }[kind]
    return {
        "request_id": "ar-1",
        "kind": kind,
        "legal_basis": basis,
        "received_at": rfc3339(NOON),
        "authority": {"country": "DE", "type": "court"},
        "demands": [demand],
        "target": {"kind": "account", "ref": "a-1", "people": 1, "specific": True},
        "elements": elements,
        "category": "threat_to_life",
        **changes,
    }


CERTIFICATES = {
    "ten days": ("production_order", {"enforcing_authority_notified": False}, "EU.e-evidence.art10-3"),
    "a wait of ten days": (
        "production_order",
        {"enforcing_authority_notified": True},
        "EU.e-evidence.art10-2",
    ),
    "eight hours": ("production_order", {"emergency": True}, "EU.e-evidence.art10-4"),
    "sixty days": ("preservation_order", {}, "EU.e-evidence.art11-1"),
}
by_clock = pytest.mark.parametrize(
    ("kind", "changes", "duty"), [pytest.param(*row, id=name) for name, row in CERTIFICATES.items()]
)


def elements_of(changes: dict[str, Any]) -> list[str]:
    return [*ALWAYS.values(), *([EMERGENCY] if changes.get("emergency") else [])]


@by_clock
@pytest.mark.parametrize("sent_too", [[], ["necessity"], ["time_range", "necessity"]])
def test_a_certificate_with_what_the_article_lists_starts_its_clock(
    kind: str, changes: dict[str, Any], duty: str, sent_too: list[str]
) -> None:
    order = certificate(kind, elements_of(changes) + sent_too, **changes)
    state = new_requests()
    (event,) = routings(run_requests(state, [request_record(order)]))
    assert (event["decision"], event["findings"]["missing"]) == ("routed", [])
    assert [(clock["obligation"], clock["status"]) for clock in event["clocks"]] == [(duty, "running")]
    # And its clock is not only shown: it is kept, and takes its steps.
    later = run_requests(state, [tick_record(1, NOON + 100 * DAY)])
    assert {name for name, _, _ in steps(later)} == {duty}


@by_clock
def test_a_certificate_without_one_of_these_is_incomplete_and_its_clock_paused(
    kind: str, changes: dict[str, Any], duty: str
) -> None:
    """Finding 3; art. 10(6): the duties "shall not apply until such clarification or correction is provided"."""
    for left_out in elements_of(changes):
        elements = [element for element in elements_of(changes) if element != left_out]
        (event,) = routings(
            run_requests(new_requests(), [request_record(certificate(kind, elements, **changes))])
        )
        by_duty = {clock["obligation"]: clock for clock in event["clocks"]}
        assert (by_duty[duty]["status"], by_duty[duty]["elapsed"]) == ("paused", 0)
        assert by_duty[duty]["pause_reason"] == "insufficient_information"
        assert event["findings"]["telling"]["paused"] == [duty]
        assert (event["decision"], event["findings"]["missing"]) == ("incomplete", [left_out])


def test_the_eight_hours_and_the_ten_days_end_when_they_should() -> None:
    due = {}
    for kind, changes, _ in CERTIFICATES.values():
        order = certificate(kind, elements_of(changes), **changes)
        (event,) = routings(run_requests(new_requests(), [request_record(order)]))
        due |= {clock["obligation"]: clock["due_at"] for clock in event["clocks"]}
    assert due["EU.e-evidence.art10-4"] == rfc3339(NOON + 8 * HOUR)
    assert due["EU.e-evidence.art10-3"] == rfc3339(NOON + 10 * DAY)
    assert due["EU.e-evidence.art10-2"] > due["EU.e-evidence.art10-3"]
    assert due["EU.e-evidence.art11-1"] >= rfc3339(NOON + 60 * DAY)
