"""The stories of tests/stories/requests.yaml: requests of authorities, and what must follow from each."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from streams.contract.events.authority_request import IntakeElement, RequestElement
from streams.contract.events.authority_routing import Disclosure, RefusalCode
from streams.contract.events.clock import RunningStatus
from streams.contract.events.clock_outcome import OutcomeKind
from streams.contract.events.routing import Gate
from tests.yaml_files import load_yaml

Reading = Literal["text", "quoted", "secondary", "memory"]
Verdict = Literal["valid", "incomplete", "refused", "not_competent", "reach_contested"]


class NormOfStory(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A norm with a short quote, or a note in our words, and how it was read."""

    norm: str
    read: Reading
    quote: str | None = None
    note: str | None = None


class Telling(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who is told that the request cannot be followed as it is, and how soon, in the words of the law."""

    whom: str
    standard: str


class Expected(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What must follow. `running` and `paused` together are all clocks of the duties that the request asks for."""

    verdict: Verdict
    gates: tuple[Gate, ...]
    disclosure: Disclosure
    running: dict[str, datetime] = {}
    paused: dict[str, str] = {}
    advisory: dict[str, datetime] = {}
    tell: Telling | None = None
    answer_by: datetime | None = None
    validation_by: datetime | None = None
    missing: tuple[RequestElement, ...] = ()
    ask_lawyer: tuple[IntakeElement, ...] = ()
    refused_for: tuple[RefusalCode, ...] = ()
    belongs_to: tuple[str, ...] = ()
    never_before: datetime | None = None
    words: tuple[str, ...] = ()


class Later(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a desk reports about the clock of a duty."""

    at: datetime
    duty: str
    outcome: OutcomeKind


class Then(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What becomes of a clock. `due` is left out if the clock has ended."""

    status: RunningStatus
    due: datetime | None = None


class Story(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: str
    title: str
    story: Annotated[str, msgspec.Meta(min_length=40)]
    norms: Annotated[tuple[NormOfStory, ...], msgspec.Meta(min_length=1)]
    request: dict[str, Any]
    expected: Expected
    secondary_rows_arm: bool = False
    later: tuple[Later, ...] = ()
    then: dict[str, Then] = {}


class Stories(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    stories: tuple[Story, ...]


STORIES = msgspec.convert(
    load_yaml((Path(__file__).parent / "stories" / "requests.yaml").read_text("utf-8")), Stories
).stories
