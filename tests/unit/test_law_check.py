"""What the check of the law of November 2026 found, as one table: who is asked, when, and what must follow.

Written from the sources that the check names, not from the registry. `armed` is the time that the law gives
from receipt; `advisory` and `no clock` say that the duty is shown and nothing runs; `absent` that it does not
apply.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest

from streams.contract.events.report import NoticeElement
from streams.deciding.law.duty import published_duty
from tests.unit.test_law_cases import (
    REQUEST_RULES,
    RESOLVER,
    RULES,
    ReportInput,
    RequestInput,
    in_ms,
    judge_request,
    report,
    request,
)

ELEMENTS: tuple[NoticeElement, ...] = get_args(NoticeElement)
WOMAN, IMAGE = ("against_a_woman",), ("intimate_image_content",)
ORDER, NOTICE, REMOVAL, PRODUCTION = "order_to_act", "regulator_notice", "removal_order", "production_order"
VICTIM, USER, FLAGGER = "statutory_victim_request", "user_report", "trusted_flagger_notice"
PUBLIC, PRIVATE = "public", "private"
H, D = timedelta(hours=1), timedelta(days=1)

# Reports with every element of a notice: place, kind, category, visibility, declared, day, duty, what
# follows.
REPORTS: list[tuple[Any, ...]] = [
    # Error 1: Brazil, decree 12.976 of 20 May 2026, in force 2026-07-20, about women.
    ("BR", VICTIM, "ncii", PUBLIC, WOMAN, "2026-07-19", "BR.d12976.art7-1", "absent"),
    ("BR", VICTIM, "ncii", PUBLIC, WOMAN, "2026-07-20", "BR.d12976.art7-1", 2 * H),
    ("BR", VICTIM, "ncii", PUBLIC, (), "2026-07-20", "BR.d12976.art7-1", "no clock"),
    ("BR", USER, "harassment", PUBLIC, WOMAN, "2026-07-19", "BR.d12976.art12.manifest", "absent"),
    ("BR", USER, "harassment", PUBLIC, WOMAN, "2026-07-20", "BR.d12976.art12.manifest", 6 * H),
    ("BR", USER, "harassment", PUBLIC, WOMAN, "2026-07-20", "BR.d12976.art12.other", 24 * H),
    ("BR", USER, "harassment", PUBLIC, (), "2026-07-20", "BR.d12976.art12.other", "no clock"),
    ("BR", USER, "defamation", PUBLIC, WOMAN, "2026-07-20", "BR.d12976.art12.manifest", "absent"),
    # Error 2: the judgment leaves private messages and honour to the courts.
    ("BR", USER, "fraud", PUBLIC, (), "2026-11-24", "BR.stf-987.notice", "no clock"),
    ("BR", USER, "fraud", PRIVATE, (), "2026-11-24", "BR.stf-987.notice", "absent"),
    ("BR", USER, "defamation", PUBLIC, (), "2026-11-24", "BR.stf-987.notice", "absent"),
    ("BR", USER, "csam", PRIVATE, (), "2026-11-24", "BR.stf-987.grave", "absent"),
    # Error 4: Malaysia, act 866, in force 2026-01-01, not for private messages.
    ("MY", USER, "csam", PUBLIC, (), "2025-12-31", "MY.onsa.ack", "absent"),
    ("MY", USER, "csam", PUBLIC, (), "2026-01-01", "MY.onsa.ack", 1 * H),
    ("MY", USER, "csam", PUBLIC, (), "2026-01-01", "MY.onsa.assess", 12 * H),
    ("MY", USER, "csam", PUBLIC, (), "2026-01-01", "MY.onsa.priority", "no clock"),
    ("MY", USER, "hate", PUBLIC, (), "2026-01-01", "MY.onsa.harmful", "advisory"),
    ("MY", USER, "csam", PRIVATE, (), "2026-01-01", "MY.onsa.ack", "absent"),
    # Error 9: Singapore's regulations of 2026-06-29; a report to the platform comes first, for a time not
    # read.
    ("SG", USER, "ncii", PUBLIC, (), "2026-06-28", "SG.osra.complaint", "absent"),
    ("SG", USER, "ncii", PUBLIC, (), "2026-06-29", "SG.osra.complaint", "advisory"),
    # Error 10: Japan, the first five are bound from the end of July 2025; unspecified persons.
    ("JP", VICTIM, "ncii", PUBLIC, (), "2025-07-29", "JP.idpa.decide", "absent"),
    ("JP", VICTIM, "ncii", PUBLIC, (), "2025-07-30", "JP.idpa.decide", 7 * D),
    ("JP", VICTIM, "ncii", PRIVATE, (), "2025-07-30", "JP.idpa.decide", "absent"),
    # Error 11: art. 22 DSA is for online platforms; section 2: art. 24(5).
    ("AT", FLAGGER, "hate", PUBLIC, (), "2026-11-24", "EU.dsa.art22-1", "no clock"),
    ("AT", FLAGGER, "hate", PRIVATE, (), "2026-11-24", "EU.dsa.art22-1", "absent"),
    ("AT", USER, "hate", PUBLIC, (), "2024-02-16", "EU.dsa.art24-5", "absent"),
    ("AT", USER, "hate", PUBLIC, (), "2024-02-17", "EU.dsa.art24-5", "no clock"),
    ("AT", USER, "hate", PRIVATE, (), "2024-02-17", "EU.dsa.art24-5", "absent"),
    # Error 14: India, acknowledgement within 24 hours.
    ("IN", USER, "ip", PUBLIC, (), "2021-02-24", "IN.itr.3-2-a.ack", "absent"),
    ("IN", USER, "ip", PUBLIC, (), "2021-02-25", "IN.itr.3-2-a.ack", 24 * H),
    # Error 15 and section 2: United Kingdom.
    ("GB", USER, "csam", PUBLIC, (), "2026-04-06", "GB.osa.s66.content", "absent"),
    ("GB", USER, "csam", PUBLIC, (), "2026-04-07", "GB.osa.s66.content", "no clock"),
    ("GB", USER, "csam", PUBLIC, (), "2026-04-07", "GB.osa.s66.reference", "no clock"),
    ("GB", VICTIM, "ncii", PRIVATE, IMAGE, "2026-06-28", "GB.osa.s10-3A", "absent"),
    ("GB", VICTIM, "ncii", PRIVATE, IMAGE, "2026-06-29", "GB.osa.s10-3A", 48 * H),
    ("GB", VICTIM, "ncii", PRIVATE, (), "2026-06-29", "GB.osa.s10-3A", "no clock"),
    # Error 16: Australia, 48 hours with the provider for a child too.
    ("AU", USER, "harassment", PUBLIC, (), "2022-01-22", "AU.osa.s65.complaint", "absent"),
    ("AU", USER, "harassment", PUBLIC, (), "2022-01-23", "AU.osa.s65.complaint", 48 * H),
    # Section 2: Germany's NetzDG until 2024-05-13, not for individual communication.
    ("DE", USER, "hate", PUBLIC, (), "2017-12-31", "DE.netzdg.s3", "absent"),
    ("DE", USER, "hate", PUBLIC, (), "2018-01-01", "DE.netzdg.s3", 24 * H),
    ("DE", USER, "hate", PUBLIC, (), "2024-05-13", "DE.netzdg.s3.other", 7 * D),
    ("DE", USER, "hate", PRIVATE, (), "2024-05-13", "DE.netzdg.s3", "absent"),
    ("DE", USER, "hate", PUBLIC, (), "2024-05-14", "DE.netzdg.s3", "absent"),
    # Section 4.
    ("TR", VICTIM, "ncii", PUBLIC, (), "2020-09-30", "TR.5651.application", "absent"),
    ("TR", VICTIM, "ncii", PUBLIC, (), "2020-10-01", "TR.5651.application", 48 * H),
    ("VN", USER, "fraud", PUBLIC, (), "2024-12-24", "VN.d147.complaint", "absent"),
    ("VN", USER, "fraud", PUBLIC, (), "2024-12-25", "VN.d147.complaint", "advisory"),
    ("CA", USER, "csam", PRIVATE, (), "2011-12-07", "CA.icsam.s2", "absent"),
    ("CA", USER, "csam", PRIVATE, (), "2011-12-08", "CA.icsam.s2", "no clock"),
    ("CA", USER, "csam", PRIVATE, (), "2011-12-08", "CA.icsam.s3", "no clock"),
    ("CA", USER, "csam", PRIVATE, (), "2011-12-08", "CA.icsam.s4", "no clock"),
    ("NG", VICTIM, "ncii", PUBLIC, (), "2022-12-31", "NG.nitda.ncii", "absent"),
    ("NG", VICTIM, "ncii", PUBLIC, (), "2023-01-01", "NG.nitda.ncii", "advisory"),
    ("PH", USER, "csam", PUBLIC, (), "2022-07-29", "PH.ra11930.remove", "absent"),
    ("PH", USER, "csam", PUBLIC, (), "2022-07-30", "PH.ra11930.remove", "no clock"),
]

# Requests with every element: place, authority, kind, basis, demand, category, further facts, day, duty, what
# follows.
REQUESTS: list[tuple[Any, ...]] = [
    # Error 3: e-Evidence, in force 2026-08-18. From Tuesday 18 August the tenth day is Friday 28 August; it
    # ends last in Martinique, at 04:00 UTC.
    *(
        ("NL", "court", PRODUCTION, "e_evidence_epoc", "produce_traffic_data", "fraud", facts, day, duty, follows)
        for facts, day, duty, follows in [
            ({"notified": False}, "2026-08-17", "EU.e-evidence.art10-3", "absent"),
            ({"notified": False}, "2026-08-18", "EU.e-evidence.art10-3", 10 * D),
            ({"notified": False}, "2026-08-18", "EU.e-evidence.art10-2", "absent"),
            ({"notified": True}, "2026-08-17", "EU.e-evidence.art10-2", "absent"),
            ({"notified": True}, "2026-08-18", "EU.e-evidence.art10-2", 10 * D + 16 * H),
            ({"notified": True}, "2026-08-18", "EU.e-evidence.art10-3", "absent"),
            ({}, "2026-08-18", "EU.e-evidence.art10-2", 10 * D + 16 * H),
            ({}, "2026-08-18", "EU.e-evidence.art10-3", 10 * D),
            ({"notified": True, "emergency": True}, "2026-08-18", "EU.e-evidence.art10-2", "absent"),
            ({"notified": True, "emergency": True}, "2026-08-18", "EU.e-evidence.art10-4", 8 * H),
        ]
    ),
    # Errors 5 and 6: France, three dates.
    ("FR", "police", REMOVAL, "national_law", "remove", "terrorism", {}, "2015-02-06", "FR.lcen.art6-1", "absent"),
    ("FR", "police", REMOVAL, "national_law", "remove", "terrorism", {}, "2015-02-07", "FR.lcen.art6-1", 24 * H),
    ("FR", "police", REMOVAL, "national_law", "remove", "csam", {}, "2025-02-19", "FR.lcen.art6-1.csam", "absent"),
    ("FR", "police", REMOVAL, "national_law", "remove", "csam", {}, "2025-02-20", "FR.lcen.art6-1.csam", 24 * H),
    ("FR", "police", REMOVAL, "national_law", "remove", "unspecified", {}, "2025-02-20", "FR.lcen.art6-1.csam", "absent"),
    ("FR", "police", REMOVAL, "national_law", "remove", "unspecified", {}, "2025-02-19", "FR.lcen.torture", "absent"),
    ("FR", "police", REMOVAL, "national_law", "remove", "unspecified", {}, "2025-02-20", "FR.lcen.torture", "advisory"),
    ("FR", "police", REMOVAL, "national_law", "remove", "unspecified", {}, "2027-02-19", "FR.lcen.torture", "advisory"),
    ("FR", "police", REMOVAL, "national_law", "remove", "unspecified", {}, "2027-02-20", "FR.lcen.torture", "absent"),
    # Error 9: Singapore, what is directed at the service.
    ("SG", "police", ORDER, "national_law", "restrict_account", "fraud", {}, "2024-01-31", "SG.ocha.directions.account", "absent"),
    ("SG", "police", ORDER, "national_law", "restrict_account", "fraud", {}, "2024-02-01", "SG.ocha.directions.account", "no clock"),
    ("SG", "regulator", NOTICE, "national_law", "remove", "csam", {}, "2026-06-28", "SG.osra.directions", "absent"),
    ("SG", "regulator", NOTICE, "national_law", "remove", "csam", {}, "2026-06-29", "SG.osra.directions", "no clock"),
    ("SG", "regulator", NOTICE, "national_law", "remove", "hate", {}, "2026-06-29", "SG.osra.directions", "absent"),
    # Errors 12 and section 2: terrorist content.
    ("NL", "police", REMOVAL, "tco_art3", "remove", "terrorism", {}, "2022-06-06", "EU.tco.art3-3", "absent"),
    ("NL", "police", REMOVAL, "tco_art3", "remove", "terrorism", {}, "2022-06-07", "EU.tco.art3-3", 1 * H),
    ("NL", "police", REMOVAL, "tco_art3", "remove", "terrorism", {}, "2022-06-06", "EU.tco.art3-6", "absent"),
    ("NL", "police", REMOVAL, "tco_art3", "remove", "terrorism", {}, "2022-06-07", "EU.tco.art3-6", "no clock"),
    ("NL", "police", REMOVAL, "tco_art3", "remove", "terrorism", {}, "2022-06-07", "EU.tco.art11", "no clock"),
    # Error 13: India, the officer's rank since 2025-11-15. A missing rank is a question, so the clock runs.
    *(
        ("IN", "administrative", ORDER, "national_law", "remove", "fraud", {"without": ("senior_officer",)}, day, duty, follows)
        for day, duty, follows in [
            ("2025-11-14", "IN.itr.3-1-d.2021", 36 * H),
            ("2025-11-14", "IN.itr.3-1-d.2025", "absent"),
            ("2025-11-15", "IN.itr.3-1-d.2021", "absent"),
            ("2025-11-15", "IN.itr.3-1-d.2025", 36 * H),
            ("2026-02-19", "IN.itr.3-1-d.2025", 36 * H),
            ("2026-02-20", "IN.itr.3-1-d.2025", "absent"),
            ("2026-02-20", "IN.itr.3-1-d", 3 * H),
        ]
    ),
    # Section 2: the text of s. 65 was read.
    ("AU", "regulator", NOTICE, "national_law", "remove", "harassment", {}, "2022-01-22", "AU.osa.s65", "absent"),
    ("AU", "regulator", NOTICE, "national_law", "remove", "harassment", {}, "2022-01-23", "AU.osa.s65", 24 * H),
    # Section 4.
    ("MY", "regulator", NOTICE, "national_law", "remove", "fraud", {}, "2025-12-31", "MY.onsa.s25", "absent"),
    ("MY", "regulator", NOTICE, "national_law", "remove", "fraud", {}, "2026-01-01", "MY.onsa.s25", "no clock"),
    ("TW", "administrative", ORDER, "national_law", "remove", "fraud", {}, "2024-07-30", "TW.fchpa.art32", "absent"),
    ("TW", "administrative", ORDER, "national_law", "remove", "fraud", {}, "2024-07-31", "TW.fchpa.art32", 24 * H),
    ("TW", "police", ORDER, "national_law", "remove", "ncii", {}, "2023-08-14", "TW.sacpa.art13.remove", "absent"),
    ("TW", "police", ORDER, "national_law", "remove", "ncii", {}, "2023-08-15", "TW.sacpa.art13.remove", "no clock"),
    ("TW", "police", ORDER, "national_law", "remove", "ncii", {}, "2023-08-15", "TW.sacpa.art13.keep", 182 * D),
    ("ID", "administrative", ORDER, "national_law", "remove", "fraud", {}, "2020-11-23", "ID.mr5.art14", "absent"),
    ("ID", "administrative", ORDER, "national_law", "remove", "fraud", {}, "2020-11-24", "ID.mr5.art14", 24 * H),
    ("ID", "administrative", ORDER, "national_law", "remove", "csam", {"emergency": True}, "2020-11-24", "ID.mr5.art14.urgent", 4 * H),
    ("ID", "administrative", ORDER, "national_law", "remove", "fraud", {}, "2020-11-24", "ID.mr5.art14.urgent", "absent"),
    ("TR", "court", ORDER, "national_law", "geo_disable", "fraud", {}, "2020-07-30", "TR.5651.art8", "absent"),
    ("TR", "court", ORDER, "national_law", "geo_disable", "fraud", {}, "2020-07-31", "TR.5651.art8", 4 * H),
    ("TR", "court", ORDER, "national_law", "remove", "fraud", {}, "2020-10-01", "TR.5651.court", "advisory"),
    ("TR", "court", ORDER, "national_law", "geo_disable", "fraud", {"emergency": True}, "2026-10-31", "TR.5651.urgent", "absent"),
    ("TR", "court", ORDER, "national_law", "geo_disable", "fraud", {"emergency": True}, "2026-11-01", "TR.5651.urgent", "advisory"),
    ("VN", "police", ORDER, "national_law", "remove", "fraud", {}, "2024-12-25", "VN.d147.request", 24 * H),
    ("VN", "police", ORDER, "national_law", "remove", "fraud", {}, "2026-06-30", "VN.cyber.request", "absent"),
    ("VN", "police", ORDER, "national_law", "remove", "fraud", {}, "2026-07-01", "VN.cyber.request", 24 * H),
    ("VN", "police", ORDER, "national_law", "remove", "fraud", {"emergency": True}, "2026-07-01", "VN.cyber.urgent", 6 * H),
    ("NG", "administrative", ORDER, "national_law", "remove", "fraud", {}, "2023-01-01", "NG.nitda.notice", "advisory"),
]  # fmt: skip

# Errors 8 and 9: rows that were no duties of a provider.
GONE = ("KR.regulator-24h", "SG.ocha.directions.stop")


def noon(day: str) -> datetime:
    return datetime.fromisoformat(f"{day}T12:00:00+00:00").astimezone(UTC)


def check(
    found: dict[str, tuple[str | None, datetime | None]], duty: str, follows: Any, at: datetime
) -> None:
    if follows == "absent":
        assert duty not in found
        return
    reason, due = found[duty]
    if isinstance(follows, timedelta):
        assert (reason, due) == (None, at + follows)
    else:
        assert due is None
        assert (reason == "unverified") == (follows == "advisory"), reason


@pytest.mark.parametrize("line", REPORTS, ids=lambda line: f"{line[6]} {line[5]} {line[7]}")
def test_a_report_of_the_check(line: tuple[Any, ...]) -> None:
    place, kind, category, visibility, declared, day, duty, follows = line
    at = noon(day)
    given = ReportInput(
        kind,
        category,
        at,
        where=((place, "victim", 0.9),),
        visibility=visibility,
        elements=ELEMENTS,
        declares=declared,
    )
    resolved = RESOLVER.resolve(report(given))
    published = [published_duty(each, RULES, in_ms(at)) for each in resolved.duties]
    found = {
        each.id: (each.not_armed_reason, None if each.due_at is None else datetime.fromisoformat(each.due_at))
        for each in published
    }
    check(found, duty, follows, at)


@pytest.mark.parametrize("line", REQUESTS, ids=lambda line: f"{line[8]} {line[7]} {line[9]}")
def test_a_request_of_the_check(line: tuple[Any, ...]) -> None:
    place, authority, kind, basis, demand, category, facts, day, duty, follows = line
    at = noon(day)
    given = RequestInput(
        kind,
        basis,
        at,
        (place, authority),
        (demand,),
        category,
        complete="without" not in facts,
        **facts,
    )
    judged = judge_request(request(given), in_ms(at), REQUEST_RULES)
    found = {
        each.id: (each.not_armed_reason, None if each.due_at is None else datetime.fromisoformat(each.due_at))
        for each in judged.findings.obligations
    }
    check(found, duty, follows, at)


def test_rows_that_were_no_duties_are_gone() -> None:
    assert not {duty.id for duty in RULES.obligations} & {*GONE}
