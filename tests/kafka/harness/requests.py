"""Generates seeded requests of authorities, of every decision, with the result that is expected of each."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson

from tests.kafka.harness.law import (
    DAY,
    HOUR,
    after_days_anywhere,
    after_whole_days,
    after_whole_months,
)
from tests.kafka.harness.reports import Published, now_ms, rfc3339

# Digital Services Act art. 9(2)(a) and (c) and 10(2), without what they require only where applicable.
ART_9 = (
    "legal_basis", "statement_of_reasons", "issuing_authority", "exact_location", "redress_information",
    "accepted_language",
)  # fmt: skip
ART_10 = (
    "legal_basis", "statement_of_reasons", "issuing_authority", "specific_recipients", "redress_information",
    "accepted_language",
)  # fmt: skip
# Regulation (EU) 2021/784 art. 3(4) and 15(2).
TCO = (
    "legal_basis", "statement_of_reasons", "issuing_authority", "exact_location", "redress_information",
    "accepted_language", "issued_at", "signature",
)  # fmt: skip
# Regulation (EU) 2023/1543 art. 9(1) to (3), with art. 5(5) and 6(4).
E_EVIDENCE = (
    "issuing_authority", "addressee", "specific_recipients", "data_category", "criminal_provision",
    "signature",
)  # fmt: skip
# IT Rules 2021 r. 3(1)(d), and the contents of a notice under s. 77 of Australia's Online Safety Act.
NATIONAL = ("issuing_authority", "legal_basis", "exact_location")

# An incomplete order by one of these pauses its clock: test_incomplete_request.py.
PAUSING = ("tco_art3", "e_evidence_epoc", "e_evidence_epoc_pr")

HARD = ("encryption_keys", "bulk_identify", "block_protest")


@dataclass(frozen=True, slots=True)
class Form:
    """A complete request of one kind.

    `clocks` gives lengths by obligation: in ms, or in days or months that end with their last hour everywhere
    in the Union (`10 whole days`, `6 whole months`) or in the world (`180 days anywhere`). `notified` is what
    the order says of the enforcing authority.
    """

    kind: str
    basis: str
    countries: tuple[str, ...]
    authority: str
    demands: tuple[str, ...]
    elements: tuple[str, ...]
    categories: tuple[str | None, ...]
    clocks: Mapping[str, int | str] = field(default_factory=dict)
    target: str = "message"
    emergency: bool = False
    competent: bool = True
    notified: bool | None = None


FORMS = (
    # Regulation (EU) 2021/784 art. 3(3): one hour; art. 6: what was removed is kept for six months.
    Form(
        "removal_order", "tco_art3", ("DE", "FR", "PL", "ES"), "administrative", ("remove",), TCO,
        ("terrorism",),
        {"EU.tco.art3-3": HOUR, "EU.tco.art6": "6 whole months"},
    ),
    Form("order_to_act", "dsa_art9", ("DE", "NL", "IE"), "court", ("disable_access",), ART_9, ("hate", "fraud", None)),
    Form(
        "order_for_information", "dsa_art10", ("FR", "BE"), "administrative", ("produce_subscriber_data",),
        ART_10,
        ("fraud", None), target="persons",
    ),
    # Regulation (EU) 2023/1543 art. 10: ten days, eight hours in an emergency; not before the end of the
    # tenth day if the enforcing authority was notified; art. 11: preserved for 60 days.
    Form(
        "production_order", "e_evidence_epoc", ("DE", "AT"), "court", ("produce_content_data",), E_EVIDENCE,
        ("fraud", "trafficking"), {"EU.e-evidence.art10-3": 10 * DAY}, target="persons", notified=False,
    ),
    Form(
        "production_order", "e_evidence_epoc", ("NL", "LU"), "court", ("produce_traffic_data",), E_EVIDENCE,
        ("fraud",), {"EU.e-evidence.art10-2": "10 whole days"}, target="persons", notified=True,
    ),
    Form(
        "production_order", "e_evidence_epoc", ("IT", "SE"), "prosecutor", ("produce_subscriber_data",),
        (*E_EVIDENCE, "emergency_justification"), ("threat_to_life",), {"EU.e-evidence.art10-4": 8 * HOUR},
        target="persons", emergency=True,
    ),
    Form(
        "preservation_order", "e_evidence_epoc_pr", ("ES", "CZ"), "prosecutor", ("preserve_data",),
        E_EVIDENCE,
        ("csam", "fraud"), {"EU.e-evidence.art11-1": "60 whole days"}, target="account",
    ),
    # IT Rules 2021 r. 3(1)(d): 36 hours, three since 2026-02-20; r. 3(1)(g): what was removed is kept for 180
    # days.
    Form(
        "order_to_act", "national_law", ("IN",), "court", ("remove",), NATIONAL, ("hate", "ncii"),
        {"IN.itr.3-1-d": 3 * HOUR, "IN.itr.3-1-g": "180 days anywhere"},
    ),
    # Online Safety Act 2021 (Cth) s. 77, s. 88 and s. 65 (of a child): 24 hours.
    Form(
        "regulator_notice", "national_law", ("AU",), "regulator", ("remove",), NATIONAL,
        ("ncii", "ncii_deepfake"),
        {"AU.osa.s77": 24 * HOUR},
    ),
    Form(
        "regulator_notice", "national_law", ("AU",), "regulator", ("remove",), NATIONAL, ("harassment",),
        {"AU.osa.s88": 24 * HOUR, "AU.osa.s65": 24 * HOUR},
    ),
    # No clock: no statute sets the 24 hours of Korea's regulator.
    Form("regulator_notice", "national_law", ("KR",), "regulator", ("remove",), NATIONAL[:2], ("ncii",)),
    # Only authorities of Member States can use Union law, and Denmark's cannot use e-Evidence (Protocol No
    # 22). National law alone does not give access to data held abroad (GDPR art. 48).
    Form("order_to_act", "dsa_art9", ("US", "BR"), "court", ("remove",), ART_9, ("hate",), competent=False),
    Form(
        "production_order", "e_evidence_epoc", ("DK",), "court", ("produce_traffic_data",), E_EVIDENCE,
        ("fraud",),
        target="persons", competent=False,
    ),
    Form(
        "production_order", "national_law", ("US", "RU"), "police", ("produce_subscriber_data",), NATIONAL,
        ("fraud",),
        target="account", competent=False,
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """The expected result of a request. `clocks` gives deadlines (ms) by obligation."""

    request_id: str
    kind: str
    basis: str
    authority: str
    country: str
    category: str | None
    decision: str
    refusals: tuple[str, ...]
    missing: tuple[str, ...]
    competent: bool
    received_ms: int
    clocks: Mapping[str, int]


def generate_requests(
    seed: int, count: int, *, duplicates: float = 0.05, bad: float = 0.05, soon_ms: int = 0
) -> list[Published]:
    """Generate `count` records.

    With `soon_ms`, many clocks have a step due within that many milliseconds from now.
    """
    chance = random.Random(seed)
    made: list[Published] = []
    for number in range(count):
        dice = chance.random()
        good = [record for record in made[-20:] if record.facts is not None]
        if dice < duplicates and good:
            made.append(chance.choice(good))
        elif dice < duplicates + bad:
            made.append(_bad(chance, f"bad-q-{seed}-n{number}"))
        else:
            made.append(_good(chance, f"q-{seed}-{number}", soon_ms))
    return made


def complete_request(form: Form, request_id: str, received_ms: int) -> Published:
    """A complete request from the first country of the form."""
    document = _document(form, request_id, received_ms)
    return Published(request_id.encode(), orjson.dumps(document), _facts(form, document, received_ms))


def _good(chance: random.Random, request_id: str, soon_ms: int) -> Published:
    form = chance.choice(FORMS)
    received = now_ms()
    lengths = [length for length in form.clocks.values() if isinstance(length, int) and length <= DAY]
    if lengths and soon_ms:
        received += chance.randrange(soon_ms) - chance.choice((5, 9, 10)) * lengths[0] // 10
    document = _document(form, request_id, received)
    document["authority"]["country"] = chance.choice(form.countries)
    document["category"] = chance.choice(form.categories)
    if chance.random() < 0.7:
        document["language"] = "en"
        document["elements"] = [element for element in form.elements if element != "accepted_language"]
    missing: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()
    dice = chance.random()
    if dice < 0.15:
        refusals = _add_forbidden_demand(chance, document)
    elif dice < 0.35 and form.competent and form.basis not in PAUSING and form.kind != "regulator_notice":
        # A notice of the Australian regulator starts its hours whatever it leaves out.
        missing = _leave_out(chance, form, document)
    facts = _facts(form, document, received, refusals, missing)
    return Published(request_id.encode(), orjson.dumps(document), facts)


def _document(form: Form, request_id: str, received_ms: int) -> dict:
    return {
        "request_id": request_id,
        "kind": form.kind,
        "legal_basis": form.basis,
        "received_at": rfc3339(received_ms),
        "authority": {"country": form.countries[0], "type": form.authority},
        "demands": list(form.demands),
        "target": {"kind": form.target, "ref": "target-1", "people": 1, "specific": True},
        "elements": list(form.elements),
        "category": form.categories[0],
        # `accepted_language` among the elements means that a translation is attached.
        "language": "hu",
        "emergency": form.emergency,
        "enforcing_authority_notified": form.notified,
    }


def _facts(
    form: Form,
    document: dict,
    received_ms: int,
    refusals: tuple[str, ...] = (),
    missing: tuple[str, ...] = (),
) -> RequestFacts:
    starts = form.competent and not refusals and not missing
    return RequestFacts(
        request_id=document["request_id"],
        kind=form.kind,
        basis=form.basis,
        authority=form.authority,
        country=document["authority"]["country"],
        category=document["category"],
        decision="refused" if refusals else "incomplete" if missing else "routed",
        refusals=refusals,
        missing=missing,
        competent=form.competent,
        received_ms=received_ms,
        clocks={name: _deadline(received_ms, length) for name, length in form.clocks.items()}
        if starts
        else {},
    )


def _add_forbidden_demand(chance: random.Random, document: dict) -> tuple[str, ...]:
    """Add a demand that is always refused, openly or disguised as a usual one."""
    demands = document["demands"]
    if chance.random() < 0.6:
        hard = chance.choice(HARD)
        demands.append(hard)
        return (hard,)
    if any(demand.startswith("produce_") for demand in demands):
        document["target"]["specific"] = False
        return ("bulk_identify",)
    if {"remove", "disable_access"} & set(demands):
        document["concerns"] = ["peaceful_assembly"]
        return ("block_protest",)
    demands.append("encryption_keys")
    return ("encryption_keys",)


def _leave_out(chance: random.Random, form: Form, document: dict) -> tuple[str, ...]:
    """Leave out one element that the law requires. A language that is not accepted is for a lawyer."""
    document["language"] = chance.choice(("en", "zh", None))
    element = chance.choice([each for each in form.elements if each != "accepted_language"])
    document["elements"] = [other for other in document["elements"] if other != element]
    return (element,)


def _deadline(received_ms: int, length: int | str) -> int:
    if isinstance(length, int):
        return received_ms + length
    number = int(length.split()[0])
    if "anywhere" in length:
        return after_days_anywhere(received_ms, number)
    return (after_whole_months if "months" in length else after_whole_days)(received_ms, number)


def _bad(chance: random.Random, request_id: str) -> Published:
    reason = chance.choice(("empty", "not_json", "missing_field", "invalid_country"))
    document = _document(FORMS[0], request_id, now_ms())
    if reason == "missing_field":
        del document["kind"]
    elif reason == "invalid_country":
        document["authority"]["country"] = "ZZ"
    value = {"empty": b"", "not_json": b"{" + request_id.encode()}.get(reason)
    return Published(request_id.encode(), orjson.dumps(document) if value is None else value, None, reason)
