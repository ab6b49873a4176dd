"""The made-up platform: its key, its channels, its people, and the payload of a report."""

import hashlib
from collections.abc import Iterable, Sequence
from functools import cache
from random import Random
from typing import Any, NamedTuple

from streams.contract.wire.envelope import rfc3339
from tocsin_demo.scenario.pseudonyms import pseudonym

# Countries of channels and people: their weight, and the language that a client there is set to.
_PLACES = {
    "DE": (16, "de"), "FR": (13, "fr"), "KR": (8, "ko"), "IN": (14, "hi"), "BR": (9, "pt-BR"),
    "US": (10, "en-US"), "GB": (7, "en-GB"), "ES": (6, "es"), "IT": (6, "it"), "PL": (5, "pl"),
    "TR": (4, "tr"), "BE": (3, "nl"), "ID": (4, "id"), "NG": (3, "en"), "RU": (3, "ru"), "IR": (2, "fa"),
}  # fmt: skip
_COUNTRIES = tuple(_PLACES)
_WEIGHTS = tuple(weight for weight, _ in _PLACES.values())

_ACCOUNT_AGES = ("under_1d", "under_1w", "under_1m", "under_1y", "over_1y")
_ACCOUNT_AGE_WEIGHTS = (1, 3, 8, 30, 58)

# The platform's service that sends each kind of report, as its ce_source.
SOURCES = {
    "user_report": "/platform/report-button",
    "statutory_victim_request": "/platform/legal-form",
    "trusted_flagger_notice": "/platform/trusted-flaggers",
    "automated_detection": "/platform/detectors",
}


class PlannedReport(NamedTuple):
    """A report with its time of publication (ms since the epoch) and its storyline."""

    published_at: int
    storyline: str
    payload: dict[str, Any]


class World:
    """The people and channels of one seed. Every ref is an HMAC, as a publisher would make it."""

    def __init__(self, seed: int) -> None:
        # A real publisher keeps its key in a vault. This one protects nobody, because the people are made up.
        self.key = hashlib.sha256(b"tocsin scenario %d" % seed).digest()
        self.seed = seed
        self.channel = cache(self._channel)
        self.person = cache(self._person)

    def randomness(self, part: str) -> Random:
        """A random generator for one part of the scenario. Changes of one part leave the others unchanged."""
        return Random(f"{self.seed}/{part}")  # noqa: S311 - a simulation, and it must be repeatable

    def _channel(self, name: str, country: str | None = None, visibility: str = "public") -> dict[str, Any]:
        if country is None:
            country = self.randomness(f"channel/{name}").choices(_COUNTRIES, _WEIGHTS)[0]
        # Only the language: a platform knows it far more often than a channel's country.
        place = {"language": _PLACES[country][1]}
        return {"ref": pseudonym(self.key, "channel", name), "visibility": visibility, **place}

    def _person(self, name: str, country: str | None = None) -> dict[str, Any]:
        random = self.randomness(f"person/{name}")
        return {
            "kind": "user",
            "ref": pseudonym(self.key, "reporter", name),
            "country": country or random.choices(_COUNTRIES, _WEIGHTS)[0],
            "account_age": random.choices(_ACCOUNT_AGES, _ACCOUNT_AGE_WEIGHTS)[0],
        }

    def message(self, channel: str, number: int) -> str:
        """The ref of a channel's message number `number`."""
        return pseudonym(self.key, "message", f"{channel}/{number}")


def report(
    random: Random,
    occurred_at: int,
    channel: dict[str, Any],
    category: str,
    *,
    reporter: dict[str, Any] | None,
    message_ref: str | None = None,
    kind: str = "user_report",
    classifier: float | None = None,
    evidence: Iterable[tuple[str, str, float]] = (),
    notice: Sequence[str] = (),
) -> dict[str, Any]:
    """The payload of a report: a parameter for each field that a storyline chooses.

    `evidence` holds (country, basis, confidence); `classifier` is the model's score.
    """
    payload: dict[str, Any] = {
        "report_id": f"{random.getrandbits(96):024x}",
        "kind": kind,
        "occurred_at": rfc3339(occurred_at),
        "channel": channel,
        "category": category,
    }
    if message_ref is not None:
        payload["message_ref"] = message_ref
    if reporter is not None:
        payload["reporter"] = reporter
    if classifier is not None:
        payload["classifier"] = {"name": f"{category}-detector", "version": "3.2", "score": classifier}
    rows = [{"country": country, "basis": basis, "confidence": value} for country, basis, value in evidence]
    if rows:
        payload["evidence"] = rows
    if notice:
        payload["notice"] = {"elements": list(notice)}
    return payload
