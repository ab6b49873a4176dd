"""The systems that may send reports to `tocsin intake`: a file with their rights, secrets and mappings."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from streams.contract.wire.incoming_envelope import MAX_SOURCE_BYTES
from streams.contract.wire.personal_data import looks_like_email
from streams.contract.wire.topics import ReportSource
from streams.intake.mapping import ReportMapping, load_mapping
from streams.intake.polling.poll import AnyRow, NostrRow, Poll, PollRow
from streams.intake.verification import Bearer, BodyHmac, Scheme, StandardWebhooks
from streams.registry.reading.document import Document, FieldPath, Row, read_document
from streams.registry.reading.errors import RegistryError, UnreadableFile
from streams.running.clients.standard_webhooks import SECRET_MARK, key_in

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,59}")

# Shorter ones can be guessed by who has seen a request.
_LEAST_SECRET: Final = 16

PRESETS: Final = Path(__file__).with_name("presets")
"""Mapping files for services whose reports have the same form everywhere."""


class _Secret(Row):
    secret_file: Annotated[str, Field(min_length=1)]


class BearerRow(_Secret):
    """A token that is sent with each request."""

    scheme: Literal["bearer"]


class StandardWebhooksRow(_Secret):
    """Signed as Standard Webhooks says."""

    scheme: Literal["standard_webhooks"]


class HmacRow(_Secret):
    """HMAC-SHA256 of the body in a header."""

    scheme: Literal["hmac"]
    header: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,60}$")]
    prefix: Annotated[str, Field(max_length=40)] = ""
    encoding: Literal["hex", "base64"] = "hex"


class SourceRow(Row):
    """A system that sends reports."""

    ce_source: Annotated[str, Field(min_length=1, max_length=MAX_SOURCE_BYTES)]
    topic: ReportSource = "message-reports"
    reports_per_minute: Annotated[int, Field(ge=1, le=6_000_000)] = 600
    tenant: str = ""
    authentication: (
        Annotated[BearerRow | StandardWebhooksRow | HmacRow, Field(discriminator="scheme")] | None
    ) = None
    poll: PollRow | None = None
    mapping: Annotated[str | None, Field(min_length=1)] = None

    @model_validator(mode="after")
    def _has_a_way(self) -> "SourceRow":
        if self.authentication is None and self.poll is None:
            raise ValueError("must have authentication, for what it sends, or poll, to be asked, or both")
        return self


class IntakeFile(Row):
    """The systems by name, which is the end of their address."""

    sources: Annotated[dict[str, SourceRow], Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class IntakeSource:
    """A system that sends reports.

    `topic` is where they are published. `tenant` names the system that gave the ids: two sources with one
    tenant have the same pseudonyms. Without a `mapping` it sends reports as docs/events.md describes them.
    `scheme` is None for one that sends nothing, `polls` is empty for one that is not asked.
    """

    name: str
    ce_source: str
    topic: ReportSource
    reports_per_minute: int
    tenant: str
    scheme: Scheme | None
    mapping: ReportMapping | None
    polls: Sequence[Poll] = ()


def load_intake_sources(path: Path) -> Mapping[str, IntakeSource]:
    """Read the file of sources, and the secrets and mappings that it names, relative to its folder.

    Raises RegistryError with file, line and field for what is wrong in any of them.
    """
    document = read_document(path)
    file = document.parse(IntakeFile)
    sources: dict[str, IntakeSource] = {}
    names: dict[str, str] = {}
    for name, row in file.sources.items():
        place: FieldPath = ("sources", name)
        if _NAME.fullmatch(name) is None:
            document.refuse(place, "must be at most 60 of a to z, 0 to 9 and -: it is part of the address")
        if not row.ce_source.isprintable() or looks_like_email(row.ce_source):
            document.refuse((*place, "ce_source"), "must be a printable name of a system, such as /forum")
        if row.ce_source in names:
            document.refuse(
                (*place, "ce_source"), f"is that of {names[row.ce_source]} too; its reports would be repeats"
            )
        names[row.ce_source] = name
        mapping = row.mapping or (None if row.poll is None else row.poll.service)
        sources[name] = IntakeSource(
            name,
            row.ce_source,
            row.topic,
            row.reports_per_minute,
            row.tenant,
            None
            if row.authentication is None
            else _scheme(document, path.parent, (*place, "authentication"), row.authentication),
            # What a system has when it is asked has one form.
            None if mapping is None else load_mapping(mapping_path(path.parent, mapping)),
            () if row.poll is None else _polls(document, path.parent, (*place, "poll"), row.poll),
        )
    return sources


def mapping_path(folder: Path, named: str) -> Path:
    """The file of a mapping: that of Tocsin with this name, or else the one in `folder`."""
    preset = PRESETS / f"{named}.yaml"
    return preset if _NAME.fullmatch(named) and preset.exists() else folder / named


def _scheme(
    document: Document, folder: Path, place: FieldPath, row: BearerRow | StandardWebhooksRow | HmacRow
) -> Scheme:
    secrets = _secrets(document, (*place, "secret_file"), folder / row.secret_file)
    match row:
        case BearerRow():
            return Bearer(tuple(secret.encode() for secret in secrets))
        case StandardWebhooksRow():
            keys = (
                _webhook_key(document, (*place, "secret_file"), folder / row.secret_file, secret)
                for secret in secrets
            )
            return StandardWebhooks(tuple(keys))
        case HmacRow(header=header, prefix=prefix, encoding=encoding):
            return BodyHmac(tuple(secret.encode() for secret in secrets), header, prefix, encoding)


def _polls(document: Document, folder: Path, place: FieldPath, row: AnyRow) -> Sequence[Poll]:
    ca_file = None if row.ca_file is None else folder / row.ca_file
    if isinstance(row, NostrRow):
        if len(set(row.relays)) < len(row.relays):
            document.refuse((*place, "relays"), "names a relay twice")
        polls = [Poll(row, relay, "", ca_file) for relay in row.relays]
    else:
        secret, *more = _secrets(document, (*place, "secret_file"), folder / row.secret_file)
        if more:
            document.refuse(
                (*place, "secret_file"), f"{row.secret_file} must have one line: only one is shown"
            )
        polls = [Poll(row, row.address, secret, ca_file)]
    try:
        polls[0].tls()
    except OSError as error:
        document.refuse((*place, "ca_file"), f"{row.ca_file} cannot be used ({error}): it must be PEM")
    return polls


def _secrets(document: Document, place: FieldPath, file: Path) -> list[str]:
    """The secrets in a file, one in a line: while a sender changes over, the old one and the new one."""
    try:
        lines = [line.strip() for line in file.read_text(encoding="ascii").splitlines() if line.strip()]
    except OSError as error:
        raise UnreadableFile(file, error.strerror or str(error)) from error
    except UnicodeDecodeError:
        raise RegistryError(document.problem(place, f"{file} must be ASCII text")) from None
    if not lines:
        document.refuse(place, f"{file} is empty; it must have a secret in a line of its own")
    if min(map(len, lines)) < _LEAST_SECRET:
        document.refuse(place, f"{file}: a secret must have {_LEAST_SECRET} characters or more")
    return lines


def _webhook_key(document: Document, place: FieldPath, file: Path, text: str) -> bytes:
    try:
        return key_in(text)
    except ValueError:
        # No message has the text: it is the secret.
        document.refuse(place, f"{file}: must be {SECRET_MARK} and base64, as Standard Webhooks says")
