"""Signs that the reports of a message or channel are coordinated. They name no one."""

from typing import Annotated, Literal

import msgspec

from streams.contract.events.report import Probability

# linked_reporters: who reported the same messages before, messages that were not upheld. burst: reports
# arrive far above the channel's own rate. first_time_reporters: nobody has decided about their reports yet.
# young_accounts: younger than a week. non_members: of the channel. category_disagreement: no category is
# named by half of the reports. same_hour_raid: the same reporters, many messages of one channel, within an
# hour.
IntegritySignal = Literal[
    "linked_reporters",
    "burst",
    "first_time_reporters",
    "young_accounts",
    "non_members",
    "category_disagreement",
    "same_hour_raid",
]


class IntegrityFinding(msgspec.Struct, frozen=True, gc=False):
    """How far the reports look coordinated.

    `score` is 0 if the reporters look independent and 1 if they all look like one. `sentence` says in words
    what was found and how the reports count because of it. `members` is the number of reporters whom the
    signals concern, never who they are.
    """

    score: Probability
    signals: tuple[IntegritySignal, ...]
    sentence: str
    members: Annotated[int, msgspec.Meta(ge=0)]
