"""The storylines that are hidden in the background: one function each, with a few hundred reports at most.

They are written so that the shipped policies can tell them apart. The demo shows what became of each.
"""

from collections.abc import Callable, Iterator
from random import Random
from typing import Any, NamedTuple

from streams.contract.wire.times import HOUR, MINUTE
from tocsin_demo.scenario.returning import (
    HONEST_WAVE,
    RETURNING_BRIGADE,
    honest_wave,
    returning_brigade,
)
from tocsin_demo.scenario.world import PlannedReport, World, report

DEEPFAKE_WAVE = "deepfake wave"
FRAUD_RING = "fraud ring"
SPAM_FLOOD = "spam flood"
CHILD_SAFETY = "child safety"
THREATS = "threats to life"
PILE_ON = "pile-on"
BRIGADE = "brigade"
SLOW_BRIGADE = "slow brigade"
VICTIMS = "victim requests"

# The elements that a platform asks for when people report images of themselves (DSA art. 16, national removal
# laws).
_VICTIM_NOTICE = (
    "explanation",
    "location",
    "identity",
    "good_faith",
    "subject_or_authorised",
    "contact",
    "signature",
)


def deepfake_wave(world: World, start_ms: int) -> Iterator[PlannedReport]:
    """Forged intimate images of students and office workers: six channels, each later and growing faster."""
    random = world.randomness(DEEPFAKE_WAVE)
    for number, (size, country) in enumerate(
        [(5, "KR"), (9, "KR"), (16, "DE"), (24, "FR"), (38, "KR"), (70, "KR")]
    ):
        name = f"{DEEPFAKE_WAVE}/{number}"
        channel = world.channel(name, country, "private" if number < 2 else "public")
        found = start_ms + HOUR + number * 40 * MINUTE
        for index in range(size):
            # The square root makes the rate grow over time: copies bring viewers, who bring reports and more
            # copies.
            occurred_at = found + int((5 * HOUR - number * 40 * MINUTE - 5 * MINUTE) * random.random() ** 0.5)
            details = _deepfake_report(world, random, index, country)
            payload = report(
                random, occurred_at, channel, "ncii_deepfake",
                message_ref=world.message(name, int(4 * random.random() ** 2)), **details,
            )  # fmt: skip
            yield PlannedReport(occurred_at + random.randrange(20_000), DEEPFAKE_WAVE, payload)


def _deepfake_report(world: World, random: Random, index: int, country: str) -> dict[str, Any]:
    victim, where = (country, "victim", 0.9), (country, "channel", 0.6)
    kind = random.random()
    if kind < 0.12:
        return {
            "kind": "statutory_victim_request",
            "reporter": world.person(f"victim/{country}/{index}", country) | {"member": False},
            "evidence": [victim, where],
            "notice": _VICTIM_NOTICE,
        }
    if kind < 0.20:
        return {
            "kind": "trusted_flagger_notice",
            "reporter": {"kind": "trusted_flagger", "ref": world.person(f"flagger/{country}")["ref"]},
            "evidence": [victim],
            "notice": ("explanation", "location", "identity", "good_faith"),
        }
    if kind < 0.30:
        score = round(random.uniform(0.8, 0.99), 3)
        return {
            "kind": "automated_detection",
            "reporter": {"kind": "automated"},
            "classifier": score,
            "evidence": [where],
        }
    reporter = world.person(f"viewer/{random.randrange(4_000)}", country) | {"member": random.random() < 0.7}
    return {"reporter": reporter, "evidence": [where] if random.random() < 0.5 else []}


def victim_requests(world: World, start_ms: int) -> Iterator[PlannedReport]:
    """Five people ask for the removal of images of themselves.

    One leaves out the signature that her law requires. Where a law sets hours for the removal, the clock
    starts with the request. India's two hours end within the scenario.
    """
    random = world.randomness(VICTIMS)
    unsigned = tuple(element for element in _VICTIM_NOTICE if element != "signature")
    for number, (hours, country, category, elements) in enumerate(
        [
            (0.5, "GB", "ncii", _VICTIM_NOTICE),
            (0.9, "IN", "ncii_deepfake", _VICTIM_NOTICE),
            (1.6, "US", "ncii_deepfake", _VICTIM_NOTICE),
            (2.3, "US", "ncii", unsigned),
            (3.2, "IN", "ncii", _VICTIM_NOTICE),
        ]
    ):
        name = f"{VICTIMS}/{number}"
        occurred_at = start_ms + int(hours * HOUR)
        payload = report(
            random, occurred_at, world.channel(name, country), category, kind="statutory_victim_request",
            reporter=world.person(name, country) | {"member": False}, message_ref=world.message(name, 0),
            evidence=[(country, "victim", 0.95)], notice=elements,
        )  # fmt: skip
        # The form of the United Kingdom asks what the content is; no other form minds.
        payload["notice"]["declares"] = ["intimate_image_content"]
        yield PlannedReport(occurred_at + random.randrange(5_000), VICTIMS, payload)


def fraud_ring(world: World, start_ms: int) -> Iterator[PlannedReport]:
    """One gang runs twelve channels.

    The same victims, long-time users, are led from channel to channel to one hub.
    """
    random = world.randomness(FRAUD_RING)
    for number in range(12):
        name = f"{FRAUD_RING}/{number}"
        hub = number == 0
        channel = world.channel(name, "DE")
        begins = start_ms + 2 * HOUR + (0 if hub else number * 12 * MINUTE)
        for _ in range(150 if hub else random.randrange(7, 28)):
            occurred_at = begins + int(random.random() * (3.5 * HOUR if hub else HOUR))
            # There are few victims, so most of them report several of the channels.
            reporter = world.person(f"saver/{random.randrange(260)}", "DE")
            payload = report(
                random, occurred_at, channel, "fraud",
                reporter=reporter | {"member": True, "account_age": random.choice(("under_1y", "over_1y"))},
                message_ref=world.message(name, int(3 * random.random() ** 2)),
                evidence=[("DE", "victim", 0.8), ("NG", "suspect", 0.4)],
            )  # fmt: skip
            yield PlannedReport(occurred_at + random.randrange(30_000), FRAUD_RING, payload)


def spam_flood(world: World, start_ms: int) -> Iterator[PlannedReport]:
    """A hijacked channel sends advertising to its members for twenty minutes, until the owner has it back."""
    random = world.randomness(SPAM_FLOOD)
    channel = world.channel(SPAM_FLOOD, "PL")
    begins = start_ms + 90 * MINUTE
    for _ in range(420):
        # A burst that fades: half of it comes in the first four minutes.
        occurred_at = begins + int(min(random.expovariate(1 / (6 * MINUTE)), 20 * MINUTE))
        payload = report(
            random, occurred_at, channel, "spam",
            reporter=world.person(f"subscriber/{random.randrange(2_000)}") | {"member": True},
            message_ref=world.message(SPAM_FLOOD, int(6 * random.random() ** 2)),
        )  # fmt: skip
        yield PlannedReport(occurred_at + random.randrange(5_000), SPAM_FLOOD, payload)


def child_safety(world: World, start_ms: int) -> Iterator[PlannedReport]:
    """Four channels with few reports, most of them anonymous: nobody has to identify themselves for this."""
    random = world.randomness(CHILD_SAFETY)
    plan: list[tuple[float, str, list[str | None]]] = [
        (0.6, "csam", [None, "detector"]),
        (2.4, "csam_synthetic", [None]),
        (3.1, "grooming", ["member", None, "member"]),
        (4.2, "csam", ["detector", None, "flagger", "detector"]),
    ]
    for number, (hours, category, reporters) in enumerate(plan):
        name = f"{CHILD_SAFETY}/{number}"
        channel = world.channel(
            name, ("FR", "BR", "GB", "DE")[number], "private" if category == "grooming" else "public"
        )
        for index, who in enumerate(reporters):
            occurred_at = start_ms + int(hours * HOUR) + index * random.randrange(2 * MINUTE, 9 * MINUTE)
            payload = report(
                random,
                occurred_at,
                channel,
                category,
                message_ref=world.message(name, 0),
                **_witness(world, who, index),
            )
            yield PlannedReport(occurred_at + random.randrange(5_000), CHILD_SAFETY, payload)


def threats_to_life(world: World, start_ms: int) -> Iterator[PlannedReport]:
    """Two threats of violence: one reported by a single stranger, one by people who know the author."""
    random = world.randomness(THREATS)
    for number, (hours, country, reporters) in enumerate(
        [
            (2.8, "US", ["stranger"]),
            (4.6, "FR", ["member", "member", "stranger", "member", "member", "member", "flagger"]),
        ]
    ):
        name = f"{THREATS}/{number}"
        channel = world.channel(name, country, "private")
        for index, who in enumerate(reporters):
            occurred_at = start_ms + int(hours * HOUR) + index * random.randrange(MINUTE, 4 * MINUTE)
            payload = report(
                random, occurred_at, channel, "threat_to_life",
                message_ref=world.message(name, 0), evidence=[(country, "offence", 0.8)],
                **_witness(world, who, index),
            )  # fmt: skip
            yield PlannedReport(occurred_at + random.randrange(5_000), THREATS, payload)


def _witness(world: World, who: str | None, index: int) -> dict[str, Any]:
    if who is None:
        return {"reporter": None}
    if who == "detector":
        return {"kind": "automated_detection", "reporter": {"kind": "automated"}, "classifier": 0.94}
    person = world.person(f"witness/{index}")
    if who == "flagger":
        return {
            "kind": "trusted_flagger_notice",
            "reporter": {"kind": "trusted_flagger", "ref": person["ref"]},
        }
    return {"reporter": person | {"member": who == "member", "account_age": "over_1y"}}


def pile_on(world: World, start_ms: int) -> Iterator[PlannedReport]:
    """A channel publishes a journalist's address and sends its members there.

    Her friends report it for two hours.
    """
    random = world.randomness(PILE_ON)
    channel = world.channel(PILE_ON, "IT")
    begins = start_ms + 2 * HOUR + 40 * MINUTE
    for index in range(46):
        occurred_at = begins + int(2 * HOUR * random.random())
        payload = report(
            random, occurred_at, channel, "doxxing" if index % 4 == 0 else "harassment",
            reporter=world.person(f"friend/{random.randrange(60)}", "IT") | {"member": random.random() < 0.3},
            message_ref=world.message(PILE_ON, int(3 * random.random())), evidence=[("IT", "victim", 0.8)],
        )  # fmt: skip
        yield PlannedReport(occurred_at + random.randrange(20_000), PILE_ON, payload)


def brigade(world: World, start_ms: int) -> Iterator[PlannedReport]:
    """16 accounts created today report a channel of peaceful protest as terrorist, again and again."""
    random = world.randomness(BRIGADE)
    channel = world.channel(BRIGADE, "IR")
    begins = start_ms + 3 * HOUR + 20 * MINUTE
    for index in range(110):
        occurred_at = begins + int(random.random() * 15 * MINUTE)
        account = world.person(f"sockpuppet/{index % 16}", "IR")
        payload = report(
            random, occurred_at, channel, "terrorism",
            reporter=account | {"member": False, "account_age": "under_1d"},
            message_ref=world.message(BRIGADE, 0), evidence=[("IR", "channel", 0.7)],
        )  # fmt: skip
        yield PlannedReport(occurred_at + random.randrange(3_000), BRIGADE, payload)


def slow_brigade(world: World, start_ms: int) -> Iterator[PlannedReport]:
    """Forty accounts in good standing report a competitor's shop as fraud, one every eight minutes."""
    random = world.randomness(SLOW_BRIGADE)
    channel = world.channel(SLOW_BRIGADE, "TR")
    for index in range(40):
        # The reports never come in a burst, and no account reports twice: the integrity score stays 0.
        occurred_at = start_ms + 10 * MINUTE + index * 8 * MINUTE + random.randrange(4 * MINUTE)
        payload = report(
            random, occurred_at, channel, "fraud",
            reporter=world.person(f"rival/{index}", "TR") | {"member": False, "account_age": "under_1y"},
            message_ref=world.message(SLOW_BRIGADE, index % 2),
        )  # fmt: skip
        yield PlannedReport(occurred_at + random.randrange(20_000), SLOW_BRIGADE, payload)


class Storyline(NamedTuple):
    """A description, and the function that plans the reports for a scenario's start (ms since the epoch)."""

    description: str
    plan: Callable[[World, int], Iterator[PlannedReport]]


STORYLINES: dict[str, Storyline] = {
    DEEPFAKE_WAVE: Storyline(
        "forged intimate images spread over six channels in KR, DE and FR", deepfake_wave
    ),
    VICTIMS: Storyline(
        "five people in GB, US and IN ask for the removal of images of themselves", victim_requests
    ),
    FRAUD_RING: Storyline("one gang leads the same victims through twelve channels to one hub", fraud_ring),
    SPAM_FLOOD: Storyline("a hijacked channel sends its members advertising for twenty minutes", spam_flood),
    CHILD_SAFETY: Storyline("four channels with a handful of reports, most of them anonymous", child_safety),
    THREATS: Storyline("two threats of violence", threats_to_life),
    PILE_ON: Storyline("a journalist is harassed; the policy for this still runs in shadow mode", pile_on),
    BRIGADE: Storyline("16 new accounts report a channel of peaceful protest as terrorist", brigade),
    RETURNING_BRIGADE: Storyline(
        "60 old accounts, whose last four targets desks dismissed, report one shop as fraud",
        returning_brigade,
    ),
    HONEST_WAVE: Storyline("80 people who reported nothing together before report one scam", honest_wave),
    SLOW_BRIGADE: Storyline(
        "40 accounts report a competitor's shop as fraud, one every eight minutes", slow_brigade
    ),
}

# The demo shows storylines that the shipped policies tell apart. They do not recognise the slow brigade: it
# opens level 1 of fraud without being marked as a brigade, and rises no further only because reporters who
# are not members have a low weight.
DEMO_STORYLINES = tuple(name for name in STORYLINES if name != SLOW_BRIGADE)

RIGHT_CROWDS = frozenset({FRAUD_RING, SPAM_FLOOD, HONEST_WAVE})
"""The crowds of strangers who are right. The demo's desk looks at two of their reports when it is asked."""
