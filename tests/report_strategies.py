"""Strategies that draw reports, and a minimal record type to hold them."""

import re
import string
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import get_args

from hypothesis import strategies as st

from streams.events.countries import COUNTRIES
from streams.events.report import (
    CATEGORIES,
    PSEUDONYM_PATTERN,
    REPORTER_KINDS,
    AccountAge,
    Channel,
    Classifier,
    Evidence,
    EvidenceBasis,
    MessageReport,
    Notice,
    NoticeElement,
    Reporter,
    ReportKind,
    Visibility,
)

APPEND_TIME_MS = 1_790_000_000_000
SENT_AT = datetime.fromtimestamp(APPEND_TIME_MS / 1000, UTC)


@dataclass
class Record:
    topic: str = "message-reports"
    partition: int = 3
    offset: int = 42
    timestamp: int = APPEND_TIME_MS
    key: bytes | None = b"channel-1"
    value: bytes | None = b"{}"
    headers: list[tuple[str, bytes | None]] = field(default_factory=list)


refs = st.text(string.ascii_letters + string.digits + "._:~-", min_size=1, max_size=128)
pseudonyms = refs.filter(re.compile(PSEUDONYM_PATTERN).match)
countries = st.none() | st.sampled_from(sorted(COUNTRIES))
languages = st.none() | st.from_regex(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,4}", fullmatch=True)
probabilities = st.floats(0, 1)
zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
times = st.builds(
    lambda moment, zone: moment.replace(tzinfo=UTC).astimezone(zone),
    st.datetimes(datetime(1971, 1, 1), SENT_AT.replace(tzinfo=None) + timedelta(minutes=5)),
    zones,
)


def one_of(literal):
    return st.sampled_from(get_args(literal))


reports = st.builds(
    MessageReport,
    report_id=refs,
    kind=one_of(ReportKind),
    occurred_at=times,
    channel=st.builds(
        Channel, ref=pseudonyms, visibility=one_of(Visibility), country=countries, language=languages
    ),
    category=st.sampled_from(CATEGORIES),
    received_at=st.none() | times,
    message_ref=st.none() | pseudonyms,
    reporter=st.none()
    | st.builds(
        Reporter,
        kind=st.sampled_from(REPORTER_KINDS),
        ref=st.none() | pseudonyms,
        country=countries,
        member=st.none() | st.booleans(),
        account_age=st.none() | one_of(AccountAge),
    ),
    classifier=st.none() | st.builds(Classifier, name=refs, version=refs, score=probabilities),
    evidence=st.lists(
        st.builds(
            Evidence,
            country=st.sampled_from(sorted(COUNTRIES)),
            basis=one_of(EvidenceBasis),
            confidence=probabilities,
        ),
        max_size=4,
    ).map(tuple),
    notice=st.none() | st.builds(Notice, elements=st.lists(one_of(NoticeElement), max_size=5).map(tuple)),
)
