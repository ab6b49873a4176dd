"""A console on a read model that is filled from the golden examples, with a log of one partition in place of
Kafka.
"""

import asyncio
import base64
import json
import re
import sqlite3
from html import unescape
from pathlib import Path
from typing import Any, NamedTuple

from aiokafka import TopicPartition
from starlette.testclient import TestClient

import streams.desk.console.web.app as web
from streams.contract.events.rules.rule_set import FORMAT, RuleSet
from streams.contract.wire.encoding import encode
from streams.desk.console.casework.permissions import Person
from streams.desk.console.follower import Progress
from streams.desk.console.held import HeldActs
from streams.desk.console.live_feed import LiveFeed
from streams.desk.console.publisher import Publisher
from streams.desk.console.read_model.apply import HANDLERS, apply_records
from streams.desk.console.read_model.changes import Changes
from streams.desk.console.read_model.database import Database, fit_to, transaction
from streams.desk.console.rule_acts import RuleActs
from streams.desk.console.rule_comparing import Comparing
from streams.desk.console.settings import ConsoleSettings
from streams.desk.console.terms import load_terms
from streams.desk.console.web.context import Console
from streams.registry.changes.keys import ON_TRUST
from streams.running.clients.rules_in_force import RulesInForce
from streams.running.operations.console_metric_catalogue import CONSOLE_ACTS
from streams.running.operations.values import Numbers
from streams.running.wall_clock import clock_ms
from streams.running.worker.rule_changes.trial import Verdict
from tests.categories import CATEGORIES
from tests.shipped import RULES
from tests.unit.rule_log import CHANGES, FILES, RuleLog

EXAMPLES = Path(__file__).parents[2] / "schemas/examples"
TERMS = load_terms(None)
DUTIES = {duty.id: duty for duty in RULES.obligations}
# Later than every example, so that none is in the future.
LATER_MS = 4_000_000_000_000

EPISODE = "dfcf50d4-a310-5397-bd24-11da982c70f4"


class Record(NamedTuple):
    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Any


def lead(ref: str = "lead-1", **fields: Any) -> Person:
    return Person(ref, fields.get("role", "lead"), fields.get("categories", frozenset(CATEGORIES)))


def example(topic: str, name: str) -> dict[str, Any]:
    return json.loads((EXAMPLES / topic / "v1" / f"{name}.json").read_text())["value"]


def opened(database: Database, categories: Any = RULES.categories) -> sqlite3.Connection:
    """The connection that writes the file of a console with these categories."""
    writer = database.open_writer()
    fit_to(writer, categories)
    return writer


async def _try_nothing(_rule_set: str, _value: bytes) -> Verdict:
    return Verdict((), 0.0)


class World:
    """The log, the read model made of it, and browsers of people who look at it."""

    def __init__(self, folder: Path) -> None:
        self.database = Database(folder / "console.sqlite")
        self.writer = opened(self.database, RULES.categories)
        self.progress = Progress(left=0, caught_up=True)
        self.log: list[Record] = []
        self.works = True
        # Most tests look at what is sent.
        self.hold_seconds = 0.0
        self._folder = folder
        self.rule_log = RuleLog()
        self.rules = RulesInForce(
            self.rule_log.brokers.log(), "", ON_TRUST, RULES, 3, _try_nothing, watches_trials=True
        )
        # Whether this console may write acts on rules.
        self.acts_on_rules = False

    def __enter__(self) -> "World":
        return self

    def __exit__(self, *_: object) -> None:
        self.writer.close()

    def put(self, topic: str, value: Any, key: bytes = b"k", headers: Any = ()) -> Record:
        """Append a record and apply it."""
        text = value if isinstance(value, bytes | None) else encode(value)
        offset = sum(record.topic == topic for record in self.log)
        record = Record(topic, 0, offset, LATER_MS, key, text, headers)
        self.log.append(record)
        with transaction(self.writer):
            assert apply_records(self.writer, [(topic, record)], Changes()) == 0
        return record

    def put_examples(self, *topics: str) -> None:
        """Append the golden examples, each file's events in the order of their sequence."""
        for topic in topics or HANDLERS:
            documents = [
                json.loads(path.read_text()) for path in sorted((EXAMPLES / topic / "v1").glob("*.json"))
            ]
            documents.sort(
                key=lambda each: each["value"].get("sequence", 0) if isinstance(each["value"], dict) else 0
            )
            for document in documents:
                headers = [(name, text.encode()) for name, text in document["headers"].items()]
                value = document["value"]
                self.put(
                    topic,
                    value.encode() if isinstance(value, str) else value,
                    (document["key"] or "").encode(),
                    headers,
                )

    def put_case(self, name: str = "e-1", **changes: Any) -> dict[str, Any]:
        """Append the first event of an episode with an id of its own, about a message of its own."""
        event = example("escalations", "opened-threshold-crossed")
        event |= {"escalation_id": name, "message_refs": [f"message-of-{name}"], **changes}
        self.put("escalations", event)
        return event

    def put_clock(self, name: str = "c-1", **changes: Any) -> dict[str, Any]:
        """Append the first event of a report's clock, always about one message; its id is that of its
        escalation, too.
        """
        event = example("escalations", "opened-clock-armed")
        event |= {"escalation_id": name, "clock": event["clock"] | {"clock_id": name}, **changes}
        self.put("escalations", event)
        return event

    def case_id(self, name: str) -> str:
        """The id of the case that an escalation belongs to."""
        return self.writer.execute(
            "SELECT case_id FROM desk_row WHERE escalation_id = ?", (name,)
        ).fetchone()[0]

    def put_request(self, name: str = "r-1", of: str = "removal-order", **changes: Any) -> dict[str, Any]:
        """Append the judgement of a request; the ids of its clocks begin with its own."""
        event = example("authority-routing", of)
        clocks = [clock | {"clock_id": f"{name}-{number}"} for number, clock in enumerate(event["clocks"])]
        event |= {"request_id": name, "clocks": clocks, **changes}
        self.put("authority-routing", event)
        return event

    def read_rules(self) -> None:
        """Read what was written to the log of rules, and make its sets ready."""

        async def read() -> None:
            await self.rules.catch_up()
            task = asyncio.create_task(self.rules.follow())
            while any(not why for _, why in self.rules.standing().not_ready):
                await asyncio.sleep(0.01)
            task.cancel()
            await asyncio.wait([task])

        asyncio.run(read())

    async def send_and_wait(self, topic: str, value: bytes, key: bytes, headers: Any) -> Record:
        """As a producer does; the read model has the record soon after."""
        if topic == "rule-changes":
            return await self._send_act(value, key, headers)
        record = self.put(topic, value, key, headers)
        place = TopicPartition(topic, 0)
        asyncio.get_running_loop().call_soon(self.progress.note, place, record.offset + 1)
        if topic == "clock-outcomes" and self.works:
            self._step(json.loads(value))
        return record

    async def _send_act(self, value: bytes, key: bytes, headers: Any) -> Record:
        self.rule_log.brokers.append(CHANGES, [(key, value, list(headers))])
        await self.rules.catch_up()
        return Record("rule-changes", 0, 0, LATER_MS, key, value, headers)

    def _step(self, outcome: dict[str, Any]) -> None:
        """The step that a worker takes for an outcome of a report's clock, if the clock is open."""
        rows = self.writer.execute(
            "SELECT event FROM escalation_event WHERE escalation_id = ? ORDER BY sequence",
            (outcome["clock_id"],),
        ).fetchall()
        if not rows:
            return
        event = json.loads(rows[-1][0])
        if event["clock"]["status"] in ("fulfilled", "withdrawn"):
            return
        said = outcome["outcome"]
        status = "running" if said == "resumed" else said
        clock = event["clock"] | {"status": status, "actor": outcome["actor"]}
        ended = status in ("fulfilled", "withdrawn")
        self.put("escalations", event | {
            "sequence": event["sequence"] + 1, "clock": clock, "reason": f"clock_{said}",
            "type": "resolved" if ended else "updated", "status": "resolved" if ended else "open",
        })  # fmt: skip

    def browser(self, person: Person | None = None, **settings: Any) -> "Browser":
        """A browser in which somebody is signed in."""
        publisher = Publisher(self, "", self.database, self.progress, Numbers(CONSOLE_ACTS))  # type: ignore[arg-type]
        console = Console(
            ConsoleSettings(**settings),
            self.database,
            publisher,
            self.progress,
            LiveFeed(),
            HeldActs(self.hold_seconds),
            self.rules,
            Comparing(self.rules, lambda: RuleSet(FORMAT, None, "installation", "the files", FILES)),
            RuleActs(self, "", self.rules, None) if self.acts_on_rules else None,  # type: ignore[arg-type]
            TERMS,
        )
        app = web.build_app(console, lambda: person or lead())
        return Browser(app)

    def sent(self, topic: str) -> list[dict[str, Any]]:
        """What was published to a topic, without the examples."""
        return [json.loads(record.value) for record in self.log if record.topic == topic and record.headers]


class Browser(TestClient):
    """Asks for pages as a browser does, and sends their forms."""

    def __init__(self, app: Any) -> None:
        super().__init__(app, base_url="http://127.0.0.1", follow_redirects=False)

    def page(self, path: str, status: int = 200) -> str:
        """The page at a path."""
        response = self.get(path)
        assert response.status_code == status, response.text
        return response.text

    @property
    def token(self) -> str:
        """The token of the session, as a person can find it in their own cookie."""
        (session,) = (cookie.value for cookie in self.cookies.jar)
        return json.loads(base64.b64decode(session.partition(".")[0] + "=="))["token"]

    def submit(self, page: str, action: str, /, **fields: Any) -> Any:
        """Send the form of a page with this action, with its hidden fields and these."""
        return self.post(action, data=hidden_fields(page, action, fields.pop("of_kind", None)) | fields)

    def confirm(self, question: Any, **fields: Any) -> Any:
        """Confirm what a page asks before clocks end."""
        assert question.status_code == 200, question.text
        path, data = confirmation(question.text)
        return self.post(path, data=data | fields)


def confirmation(question: str) -> tuple[str, dict[str, list[str]]]:
    """Where the form of a page that asks before clocks end is sent, and its hidden fields."""
    assert "for good" in question
    path, form = re.findall(
        r'<form method="post" action="([^"]*)" class="acts">(.*?)</form>', question, re.S
    )[-1]
    data: dict[str, list[str]] = {}
    for name, value in re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form):
        data.setdefault(unescape(name), []).append(unescape(value))
    return path, data


def hidden_fields(page: str, action: str, kind: str | None = None) -> dict[str, str]:
    """The hidden fields of the form of a page with this action, and of this kind of act."""
    for attributes, body in re.findall(r"<form([^>]*)>(.*?)</form>", page, re.S):
        if f'action="{action}"' not in attributes:
            continue
        hidden = {
            name: unescape(value)
            for name, value in re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', body)
        }
        if kind is None or hidden.get("kind") == kind:
            return hidden
    raise AssertionError(f"no form {action} of {kind}")


def text_of(page: str) -> str:
    """The words of a page, without its elements."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page.partition("<main")[2])).split())


__all__ = [
    "EPISODE",
    "Browser",
    "World",
    "clock_ms",
    "confirmation",
    "example",
    "hidden_fields",
    "lead",
    "opened",
    "text_of",
]
