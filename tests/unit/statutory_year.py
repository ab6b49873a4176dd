"""Half a year of reports, decisions, appeals and orders, as they are published; some arrive late or out of
order.
"""

import json
import random
from datetime import date
from typing import Any, NamedTuple

from streams.contract.wire.envelope import rfc3339
from streams.deciding.requests.clock_events import clock_id
from streams.running.topics.topic_catalogue import SCHEMAS
from tests.unit.crowd_traffic import outcome, stamped
from tests.unit.request_traffic import outcome_record, request_record
from tests.unit.traffic import DAY, HOUR, MINUTE, Record, report

FIRST, LAST = date(2026, 7, 1), date(2026, 12, 31)
BEGIN = (FIRST.toordinal() - date(1970, 1, 1).toordinal()) * DAY
# Some days more, so that something is published that is not in the period.
DAYS = 190

COUNTRIES = ("DE", "FR", "GR", "PL", "KR", "RE", None)
CATEGORIES = ("fraud", "hate", "spam", "sextortion", "doxxing", "csam", "unspecified")
SOURCES: tuple[tuple[str, dict[str, Any] | None], ...] = (
    *([("user_report", {"kind": "user"})] * 10),
    ("user_report", None),
    ("user_report", {"kind": "state_actor"}),
    ("statutory_victim_request", {"kind": "user"}),
    ("trusted_flagger_notice", {"kind": "trusted_flagger"}),
    ("trusted_flagger_notice", {"kind": "trusted_flagger"}),
    ("automated_detection", {"kind": "automated"}),
    ("automated_detection", None),
)
DECISIONS = ("upheld", "upheld", "dismissed", "manifestly_unfounded")
ACTIONS = ({"visibility": "removed"}, {"visibility": "labelled"}, {"account": "suspended"}, None)

# Duties whose clocks time when an order was given effect, by the kind of the order.
# The second law applies from 18 August 2026.
E_EVIDENCE = BEGIN + 48 * DAY
TIMED = {"removal_order": "EU.tco.art3-3", "production_order": "EU.e-evidence.art10-4"}


class Setting(NamedTuple):
    """When it begins (ms since the epoch), the days in which messages are first reported, and the countries
    concerned.
    """

    begin: int = BEGIN
    days: int = DAYS
    countries: tuple[str | None, ...] = COUNTRIES

    def moment(self, chance) -> int:
        return self.begin + chance.randrange(self.days * DAY // MINUTE) * MINUTE


class Year(NamedTuple):
    """What is published to the two stages, in the order in which they read it."""

    reports: list[Record]
    requests: list[Record]


def half_year(seed: int, messages: int, orders: int, setting: Setting = Setting()) -> Year:
    chance = random.Random(seed)
    arriving: list[tuple[int, Record]] = []
    numbers = iter(range(1, 10**9))
    for number in range(messages):
        _message(chance, setting, f"c{number % 40}", f"m{number}", numbers, arriving)
    arriving.sort(key=lambda entry: entry[0])
    requests: list[tuple[int, Record]] = []
    for number in range(orders):
        _order(chance, setting, number, requests)
    requests.sort(key=lambda entry: entry[0])
    return Year([record for _, record in arriving], [record for _, record in requests])


def _message(chance, setting, channel, message, numbers, arriving) -> None:
    """Reports about one message within three weeks, and what is decided about it."""
    start = setting.moment(chance)
    usual = chance.choice(setting.countries), chance.choice(CATEGORIES)
    reported = []
    for _ in range(min(int(chance.expovariate(0.4)) + 1, 12)):
        at = start + int(chance.random() ** 3 * 20 * DAY)
        kind, who = chance.choice(SOURCES)
        number = next(numbers)
        country, category = (
            usual if chance.random() < 0.8 else (chance.choice(setting.countries), chance.choice(CATEGORIES))
        )
        reporter = who and {**who, "ref": f"{who['kind']}{chance.randrange(300)}"}
        # Counts of the platform's delay: its clocks begin when it received the report.
        received = at - chance.choice([0, 0, 0, 2 * HOUR, 3 * DAY])
        arrives = at + chance.choice([1_000, 1_000, 1_000, 6 * HOUR])
        record = report(
            number,
            at,
            appended=arrives,
            channel=channel,
            kind=kind,
            category=category,
            reporter=reporter,
            received_at=rfc3339(received),
            **({} if chance.random() < 0.05 else {"message_ref": message}),
            evidence=[{"country": country, "basis": "victim", "confidence": 0.9}] if country else [],
        )
        arriving.append((arrives, record))
        reported.append((number, reporter, at))
        if chance.random() < 0.05:
            # Published twice: counts once.
            arriving.append((arrives + 5_000, arriving[-1][1]))
    if chance.random() < 0.7:
        _decisions(chance, channel, message, numbers, start, arriving)


def _decisions(chance, channel, message, numbers, start, arriving) -> None:
    """A decision, in half of the cases an appeal, in some a second one; each may arrive before what it
    replaces.
    """
    at = start + int(chance.random() ** 2 * 15 * DAY) + 1_000
    earlier = None
    for _ in range(chance.choice([1, 1, 2, 2, 3])):
        number = next(numbers)
        decision = chance.choice(DECISIONS)
        ground = (
            {"kind": "law", "duty": "EU.dsa.art16-5", "jurisdiction": "DE"}
            if chance.random() < 0.5
            else {"kind": "terms", "rule": "scams-2.1"}
        )
        action = chance.choice(ACTIONS) if decision == "upheld" else None
        arrives = at + chance.choice([1_000, 1_000, DAY, 9 * DAY])
        record = outcome(
            number,
            decision,
            at,
            message=message,
            channel=channel,
            appended=arrives,
            category=chance.choice(CATEGORIES),
            ground=ground,
            **({"action": action} if action else {}),
            **({"supersedes": f"o{earlier}"} if earlier is not None else {}),
        )
        arriving.append((arrives, record))
        if chance.random() < 0.1:
            arriving.append((arrives + HOUR, record))
        earlier = number
        at += int(chance.random() * 40 * DAY) + 1_000


def _order(chance, setting, number, arriving) -> None:
    name = chance.choice(
        ["removal-order", "removal-order", "production-order-emergency", "production-order-emergency"]
        + ["order-to-act-incomplete", "encryption-keys", "preservation-order"]
    )
    request = json.loads((SCHEMAS / "examples" / "authority-requests" / "v1" / f"{name}.json").read_text())[
        "value"
    ]
    at = setting.moment(chance)
    request |= {"request_id": f"ar-{number}", "received_at": rfc3339(at)}
    request["authority"]["country"] = chance.choice(["DE", "FR", "GR", "EL", "KR"])
    if chance.random() < 0.2:
        request["target"]["kind"] = "account"
    arriving.append((at + 1_000, request_record(request)))
    duty = TIMED.get(request["kind"])
    if duty is None or chance.random() < 0.3 or (request["kind"] == "production_order" and at < E_EVIDENCE):
        return
    done = at + int(chance.random() ** 2 * 40 * HOUR)
    fulfilled = outcome_record(
        clock_id(duty, "/intake", request["request_id"]),
        "fulfilled",
        done,
        key=request["request_id"],
        outcome_id=f"done-{number}",
    )
    arriving.append((done + 2_000, fulfilled))
