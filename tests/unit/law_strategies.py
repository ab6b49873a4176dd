"""Reports and rows of law for property tests. They draw from few countries and days, so they often match."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import partial
from typing import Any, get_args

from hypothesis import settings
from hypothesis import strategies as st

from streams.contract.events.report import (
    REPORTER_KINDS,
    Channel,
    Evidence,
    EvidenceBasis,
    MessageReport,
    Notice,
    NoticeElement,
    Reporter,
    ReportKind,
    Visibility,
)
from streams.contract.events.routing import Gate
from streams.registry.row_of_law import Verification
from streams.registry.rules import Rules
from streams.registry.obligation import Action, Obligation, Standard, Trigger
from tests.categories import CATEGORIES
from tests.marked import marked
from tests.unit.law_reports import RULES, duty

MODERATE = settings(max_examples=80)
# For properties that compile rules of their own in each example.
FEW = settings(max_examples=40)

# Hours of each duration: the model needs no parser. Months are left out because their length varies.
DURATIONS = {"PT1H": 1, "PT2H": 2, "PT8H": 8, "PT24H": 24, "P1D": 24, "PT48H": 48, "P7D": 168, "P10D": 240}
# Countries with rows of their own, other member states, other countries, and codes of no country.
PLACES = (
    *("DE", "FR", "DK", "BE", "NO", "GB", "UK", "EL", "GP", "GL"),
    *("US", "KR", "IN", "BR", "RU", "IR", "TR", "KZ", "XK", "XX"),
)
DAYS = st.dates(date(2014, 1, 1), date(2027, 12, 31)) | st.sampled_from(
    sorted({row.in_force_from for row in RULES.obligations})
)

evidence = st.builds(
    Evidence,
    country=st.sampled_from(PLACES),
    basis=st.sampled_from(get_args(EvidenceBasis)),
    confidence=st.sampled_from([0.0, 0.3, 0.79, 0.8, 0.95]),
)
reports = st.builds(
    MessageReport,
    report_id=st.just("r-1"),
    kind=st.sampled_from(get_args(ReportKind)),
    occurred_at=st.builds(
        datetime.combine,
        DAYS,
        st.times(timezones=st.just(UTC)),
    ),
    channel=st.builds(
        Channel,
        ref=st.just("c-1"),
        visibility=st.sampled_from(get_args(Visibility)),
        country=st.sampled_from((None, None, *PLACES)),
        language=st.sampled_from([None, "ko", "de-AT", "ru", "da"]),
    ),
    category=st.sampled_from(CATEGORIES),
    reporter=st.builds(
        Reporter,
        kind=st.sampled_from(REPORTER_KINDS),
        country=st.sampled_from((None, None, *PLACES)),
    ),
    evidence=st.lists(evidence, max_size=4).map(tuple),
    notice=st.builds(
        Notice,
        elements=st.just(get_args(NoticeElement))
        | st.lists(st.sampled_from(get_args(NoticeElement)), unique=True).map(tuple),
    ),
)


def obligations(jurisdiction: str, **fixed: Any) -> st.SearchStrategy[Obligation]:
    """Rows of a jurisdiction. A strategy in `fixed` replaces the default one of that field."""
    drawn: dict[str, Any] = {
        "id": st.uuids().map(lambda name: f"{jurisdiction}.{name}"),
        "categories": st.just(CATEGORIES)
        | st.lists(st.sampled_from(CATEGORIES), min_size=1, unique=True).map(tuple),
        "trigger": st.sampled_from(get_args(Trigger)) | st.sampled_from(["user_report", "authority_order"]),
        "required_elements": st.just(())
        | st.lists(st.sampled_from(get_args(NoticeElement)), max_size=2).map(tuple),
        "action": st.sampled_from(get_args(Action)),
        "duration": st.none() | st.sampled_from(list(DURATIONS)),
        "meaning": st.sampled_from(["deadline", "deadline", "retention"]),
        "standard": st.none() | st.sampled_from(get_args(Standard)),
        "authority": st.sampled_from([None, *RULES.authorities]),
        "public_only": st.booleans(),
        "gate": st.none() | st.sampled_from(get_args(Gate)),
        "in_force_from": st.just(date(2010, 1, 1)) | DAYS,
        "in_force_until": st.none() | st.just(date(2026, 6, 28)),
        "marks": st.sampled_from(get_args(Verification)).map(marked),
    }
    return st.builds(partial(duty, jurisdiction), **(drawn | fixed))


def everywhere() -> st.SearchStrategy[Obligation]:
    """Rows of the jurisdictions that the reports above may concern."""
    return st.sampled_from(["GLOBAL", "GLOBAL", "EEA", "EU", "EU", "DE", "DK", "US"]).flatmap(obligations)


def several(
    rows: st.SearchStrategy[Obligation], least: int = 0, most: int = 6
) -> st.SearchStrategy[list[Obligation]]:
    """Rows with distinct ids, as one registry may hold them."""
    return st.lists(rows, min_size=least, max_size=most, unique_by=lambda row: row.id)


def with_rows(rows: Iterable[Obligation]) -> Rules:
    """The shipped rules with these obligations in place of their own."""
    layers = {"GLOBAL": 0, "EEA": 1, "EU": 1}
    return replace(
        RULES, obligations=tuple(sorted(rows, key=lambda row: (layers.get(row.jurisdiction, 2), row.id)))
    )
