"""A report about a message, as publishers write it: the payload of `tocsin.report.v1`."""

from datetime import datetime
from typing import Annotated, Generic, Literal, get_args

import msgspec
from typing_extensions import TypeVar

from streams.contract.events.countries import Country

REPORT_TYPE = "tocsin.report.v1"

ReportKind = Literal[
    "user_report", "trusted_flagger_notice", "statutory_victim_request", "automated_detection"
]
Visibility = Literal["public", "private", "unknown"]
ChannelKind = Literal["channel", "account"]
ReporterKind = Literal["user", "trusted_flagger", "automated", "state_actor", "anonymous"]
AccountAge = Literal["under_1d", "under_1w", "under_1m", "under_1y", "over_1y"]
EvidenceBasis = Literal["victim", "suspect", "offence", "channel", "authority"]
NoticeElement = Literal[
    "explanation", "location", "identity", "good_faith", "subject_or_authorised", "contact", "signature"
]
# What some laws ask a notice to say of its content: that it is an intimate image (Online Safety Act 2023 s.
# 20A(2)), that it is directed against a woman (Brazil, Decree 12.976/2026). No law infers either.
NoticeDeclaration = Literal["intimate_image_content", "against_a_woman"]
# Which categories there are is data: streams/registry/categories.yaml, and a deployment may add its own. So a
# type takes any text, and whoever reads what others wrote gives it a Literal of those that there are
# (`event_reader`). The generator of schemas replaces the mark by a list of those of Tocsin.
CATEGORY_MARK = {"format": "tocsin-category"}
Category = Annotated[str, msgspec.Meta(extra_json_schema=CATEGORY_MARK)]
UNSPECIFIED: Category = "unspecified"
"""The category of a request that names none."""
KnownCategory = TypeVar("KnownCategory", bound=Category, default=Category)
REPORTER_KINDS: tuple[ReporterKind, ...] = get_args(ReporterKind)

# A pseudonym or identifier made by the publisher. 128 characters hold a base32 HMAC-SHA256 (52), a UUID (36)
# and a prefixed identifier of every platform we know; the alphabet keeps refs safe in logs, URLs and shell
# commands. `(?!\n)` because Python's `$` also matches before a final newline; it means the same in ECMA's
# dialect, which JSON Schema uses. The patterns are in the schema only, not in the decoder:
# `streams/contract/wire/refs.py` checks them in a fifth of the time the decoder would take.
REF_PATTERN = r"^[A-Za-z0-9._:~-]{1,128}(?!\n)$"
Ref = Annotated[str, msgspec.Meta(min_length=1, max_length=128, extra_json_schema={"pattern": REF_PATTERN})]

# A ref of a person, a channel or a message. It must not be a telephone number either, in any form the
# alphabet allows (7 to 15 digits, optionally after 00, with - and . between). The id of a report or of a
# model may be a plain counter. Tocsin refuses more than a pattern can say: see `names_a_person` in
# `streams/contract/wire/personal_data.py`.
PSEUDONYM_PATTERN = (
    r"^(?!(?:[Tt][Ee][Ll]:)?[-.]*(?:00[-.]*)?(?:[0-9][-.]*){7,15}$)[A-Za-z0-9._:~-]{1,128}(?!\n)$"
)
Pseudonym = Annotated[
    str, msgspec.Meta(min_length=1, max_length=128, extra_json_schema={"pattern": PSEUDONYM_PATTERN})
]

LANGUAGE_PATTERN = r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,4}(?!\n)$"
LanguageTag = Annotated[str, msgspec.Meta(extra_json_schema={"pattern": LANGUAGE_PATTERN})]

Probability = Annotated[float, msgspec.Meta(ge=0, le=1)]
ZonedTime = Annotated[datetime, msgspec.Meta(tz=True)]


# More than any channel has. A channel without members has no reports of them.
MOST_MEMBERS = 10**10


class Channel(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The channel of the message, with its country, language and number of members as far as known.

    `kind` is account if an account is reported, with or without a message of it: it counts like a channel.
    """

    ref: Pseudonym
    visibility: Visibility
    country: Country | None = None
    language: LanguageTag | None = None
    members: Annotated[int, msgspec.Meta(ge=1, le=MOST_MEMBERS)] | None = None
    kind: ChannelKind = "channel"


class Reporter(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The reporter. `ref` is a pseudonym and is never published by Tocsin."""

    kind: ReporterKind
    ref: Pseudonym | None = None
    country: Country | None = None
    member: bool | None = None
    account_age: AccountAge | None = None


class Classifier(msgspec.Struct, frozen=True, gc=False):
    """The model that classified the message; `score` is a calibrated probability."""

    name: Ref
    version: Ref
    score: Probability


class ListMatch(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A match with a list of known content: which list, which of its entries, and which version matched.

    All are names that the publisher chose. `signal` is the entry of the list or, where entries are not told
    apart, the kind of comparison; it must not be the hash of the content. `version` is that of the list or of
    the program that compares.
    """

    list: Ref
    signal: Ref | None = None
    version: Ref | None = None


class Evidence(msgspec.Struct, frozen=True, gc=False):
    """Evidence that a country is concerned."""

    country: Country
    basis: EvidenceBasis
    confidence: Probability


class Notice(msgspec.Struct, frozen=True, gc=False):
    """The elements of a formal notice that the publisher found present, and what the notice declares."""

    elements: Annotated[tuple[NoticeElement, ...], msgspec.Meta(max_length=16)] = ()
    declares: Annotated[tuple[NoticeDeclaration, ...], msgspec.Meta(max_length=8)] | msgspec.UnsetType = (
        msgspec.UNSET
    )

    @property
    def contents(self) -> tuple[str, ...]:
        """The elements and the declarations together: a law may require either."""
        return self.elements if self.declares is msgspec.UNSET else (*self.elements, *self.declares)


class MessageReport(msgspec.Struct, Generic[KnownCategory], frozen=True, gc=False, omit_defaults=True):
    """One report. Unknown fields are ignored, wrong types are rejected.

    `match` is of automated reporters alone. `message_version` is a pseudonym of the message as it was when it
    was reported: another one after each edit.
    """

    report_id: Ref
    kind: ReportKind
    occurred_at: ZonedTime
    channel: Channel
    category: KnownCategory
    received_at: ZonedTime | None = None
    message_ref: Pseudonym | None = None
    reporter: Reporter | None = None
    classifier: Classifier | None = None
    # 32 is four times the most entries seen in a report; the limit bounds the work per report.
    evidence: Annotated[tuple[Evidence, ...], msgspec.Meta(max_length=32)] = ()
    notice: Notice | None = None
    match: ListMatch | None = None
    message_version: Pseudonym | None = None
