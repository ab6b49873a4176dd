"""A report between the stages that it passes: an entry of a bundle (contract/wire/bundle.py)."""

from datetime import datetime
from typing import Generic, NamedTuple, TypeVar

import msgspec

from streams.contract.events.countries import Country
from streams.contract.events.internal.stamp import TrustClass
from streams.contract.events.report import (
    AccountAge,
    Category,
    ChannelKind,
    Classifier,
    Evidence,
    ListMatch,
    Notice,
    ReporterKind,
    ReportKind,
    Visibility,
)


class RestOfReport(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What only the channel's home needs of a report.

    `times` are occurred_at and received_at as text if they are in another zone than UTC, which msgpack cannot
    say. It is None for nearly all reports.
    """

    kind: ReportKind
    occurred_at: datetime
    received_at: datetime | None
    visibility: Visibility
    channel_country: Country | None
    language: str | None
    reporter_ref: str | None
    reporter_country: Country | None
    account_age: AccountAge | None
    classifier: Classifier | None
    evidence: tuple[Evidence, ...]
    notice: Notice | None
    times: tuple[str, str | None] | None = None
    match: ListMatch | None = None
    message_version: str | None = None


class RestWithChannel(RestOfReport, array_like=True, frozen=True, gc=False):
    """The rest of a report that says more of its channel than most: how many members it has, or its kind.

    A form of its own: fields of the other one would be bytes of each report.
    """

    members: int | None = None
    channel_kind: ChannelKind = "channel"


Rest = TypeVar("Rest")


class StoredStamp(NamedTuple):
    """As ReportStamp, with the signature as bytes: msgpack's integers end at 64 bits.

    A stamp that an earlier version wrote ends with `needed`.
    """

    reporter_class: TrustClass
    mean: float
    lower: float
    outcomes: float
    factor: float
    first_time: bool
    over_limit: bool
    signature: bytes
    needed: int
    proof: tuple[int, ...] = ()
    paused: bool = False
    watched: bool = False
    channels: int = 0


class CheckedReport(msgspec.Struct, Generic[Rest], array_like=True, frozen=True, gc=False):
    """A report that was found valid: where it was published, what the stage of reporters needs, and the rest.

    That stage reads `rest` as Raw and writes it on unread. Times are in ms since the epoch; `appended` is
    that of the record that was published. `reporter_kind` is None without a reporter. The category is text:
    the worker that reads it may have other categories, and refuses what it does not know. `traceparent` and
    `attempts` (how often the record was refused before) are headers of the record.
    """

    topic: str
    partition: int
    offset: int
    appended: int
    occurred: int
    received: int | None
    category: Category
    reporter_kind: ReporterKind | None
    member: bool | None
    channel_ref: str
    message_ref: str | None
    ce_source: str
    report_id: str
    traceparent: str | None
    attempts: int
    rest: Rest


class PassedReport(msgspec.Struct, Generic[Rest], array_like=True, frozen=True, gc=False):
    """A report on its way to its reporter's home: that of the hash `reporter`.

    `earlier` is the hash under the previous key, if workers have one. `parts` are those of the source of a
    finding (contract/events/internal/findings.py).
    """

    report: CheckedReport[Rest]
    reporter: int
    earlier: int | None = None
    parts: tuple[int, ...] = ()


class StampedReport(msgspec.Struct, Generic[Rest], array_like=True, frozen=True, gc=False):
    """A report on its way to its channel's home, and what the stage of reporters says of its reporter.

    Without a reporter's ref it has no stamp: it comes straight from the stage of reports.
    """

    report: CheckedReport[Rest]
    stamp: StoredStamp | None = None
