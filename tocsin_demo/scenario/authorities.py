"""A few requests that authorities make in the same six hours, each of a different kind."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from streams.contract.wire.envelope import rfc3339
from streams.contract.wire.times import HOUR
from tocsin_demo.scenario.storylines import BRIGADE, FRAUD_RING
from tocsin_demo.scenario.world import World

# The ce_source of the requests: the service that takes them in.
INTAKE = "/platform/authority-intake"


class PlannedRequest(NamedTuple):
    """A request, and its description for a person."""

    description: str
    payload: dict[str, Any]


def authority_requests(world: World, start_ms: int) -> Iterator[PlannedRequest]:
    """The requests in the order of receipt. `start_ms` is the start of the scenario (ms since the epoch)."""
    random = world.randomness("authorities")
    for hours, description, payload in _requests(world):
        identity = {
            "request_id": f"ar-{random.getrandbits(48):012x}",
            "received_at": rfc3339(start_ms + int(hours * HOUR)),
        }
        yield PlannedRequest(description, identity | payload)


def _requests(world: World) -> Iterator[tuple[float, str, dict[str, Any]]]:
    hub = world.channel(f"{FRAUD_RING}/0", "DE")["ref"]
    protest = world.channel(BRIGADE, "IR")["ref"]
    yield (
        0.6,
        "preserve the fraud ring's data",
        {
            "kind": "preservation_order",
            "legal_basis": "e_evidence_epoc_pr",
            "authority": {"country": "IT", "type": "prosecutor"},
            "demands": ["preserve_data"],
            "target": {"kind": "account", "ref": hub, "people": 1, "specific": True},
            "elements": [
                "issuing_authority", "addressee", "specific_recipients", "data_category", "time_range",
                "criminal_provision", "signature",
            ],
            "category": "fraud",
            "language": "en",
        },
    )  # fmt: skip
    yield (
        1.8,
        "hide a message; names neither message nor reason",
        {
            "kind": "order_to_act",
            "legal_basis": "dsa_art9",
            "authority": {"country": "HU", "type": "court"},
            "demands": ["geo_disable"],
            "target": {"kind": "message"},
            "elements": ["legal_basis", "issuing_authority", "redress_information", "territorial_scope"],
            "category": "fraud",
            "language": "hu",
        },
    )
    yield (
        # A certificate of Annex I of Regulation (EU) 2023/1543 whose section G is empty: docs/forms.md.
        2.6,
        "who holds an account; the certificate names no offence",
        {
            "kind": "production_order",
            "legal_basis": "e_evidence_epoc",
            "authority": {"country": "DE", "type": "court"},
            "demands": ["produce_subscriber_data"],
            "target": {"kind": "account", "ref": hub, "people": 1, "specific": True},
            "elements": [
                "issuing_authority", "addressee", "specific_recipients", "data_category", "issued_at",
                "signature",
            ],
            "category": "fraud",
            "language": "de",
            "enforcing_authority_notified": False,
        },
    )  # fmt: skip
    yield (
        3.4,
        "take down a protest",
        {
            "kind": "order_to_act",
            "legal_basis": "national_law",
            "authority": {"country": "IR", "type": "government"},
            "demands": ["block_protest", "restrict_account"],
            "target": {"kind": "channel", "ref": protest},
            "elements": ["legal_basis", "issuing_authority"],
            "category": "terrorism",
            "concerns": ["peaceful_assembly"],
        },
    )
    yield (
        4.4,
        "hand over messages; another state is competent",
        {
            "kind": "production_order",
            "legal_basis": "national_law",
            "authority": {"country": "US", "type": "court"},
            "demands": ["produce_content_data"],
            "target": {"kind": "account", "ref": hub, "people": 1, "specific": True},
            "elements": ["legal_basis", "issuing_authority", "specific_recipients"],
            "category": "fraud",
            "language": "en",
        },
    )
    yield (
        # As in France in 2024: docs/law-authorities.md, 'France, 2024'.
        5.0,
        "who owns a channel; a Member State's own law",
        {
            "kind": "production_order",
            "legal_basis": "national_law",
            "authority": {"country": "FR", "type": "prosecutor"},
            "demands": ["produce_subscriber_data"],
            "target": {"kind": "channel", "ref": hub, "people": 1, "specific": True},
            "elements": ["legal_basis", "issuing_authority", "specific_recipients"],
            "category": "csam",
            "language": "fr",
        },
    )
    yield (
        # The same certificate, before a judge or prosecutor has validated it. Eight hours.
        5.4,
        "who holds an account; an emergency, not validated yet",
        {
            "kind": "production_order",
            "legal_basis": "e_evidence_epoc",
            "authority": {"country": "ES", "type": "police"},
            "demands": ["produce_subscriber_data"],
            "target": {"kind": "account", "ref": hub, "people": 1, "specific": True},
            "elements": [
                "issuing_authority", "addressee", "specific_recipients", "data_category",
                "criminal_provision", "issued_at", "signature", "emergency_justification",
            ],
            "category": "threat_to_life",
            "language": "en",
            "emergency": True,
        },
    )  # fmt: skip
    yield (
        # Its clock of one hour has 42 minutes left when the scenario ends.
        5.7,
        "remove terrorist content; the order is complete",
        {
            "kind": "removal_order",
            "legal_basis": "tco_art3",
            "authority": {"country": "DE", "type": "police"},
            "demands": ["remove"],
            "target": {"kind": "message", "ref": world.message("authorities", 0)},
            "elements": [
                "legal_basis", "statement_of_reasons", "issuing_authority", "exact_location",
                "redress_information", "issued_at", "signature", "accepted_language",
            ],
            "category": "terrorism",
            "language": "en",
        },
    )  # fmt: skip
