"""What two people do on two consoles, on a real broker and with a real worker: each act has one effect."""

import re
import signal
import time
from collections import Counter

import httpx
import orjson
import pytest

from tests.kafka.harness.deployment import DEAD_LETTERS, MODERATION, OUTCOMES
from tests.kafka.harness.law import HOUR
from tests.kafka.harness.reports import Published, now_ms, take_it_down_request
from tests.kafka.harness.requests import FORMS, complete_request
from tests.kafka.harness.workers import COMMAND, Worker
from tests.unit.console_pages import confirmation, hidden_fields, text_of

CASES = 6
# Data for an authority is disclosed after a court's order.
PRODUCTION_ORDER = FORMS[3]


def victims_request(number):
    """A report about a message that arms the 48-hour clock of the TAKE IT DOWN Act."""
    document = orjson.loads(take_it_down_request(number, now_ms()).value)
    document["message_ref"] = f"message-{number}"
    return Published(b"any", orjson.dumps(document))


class Person:
    """Somebody at a console of their own, in a browser."""

    def __init__(self, name, deployment, folder):
        settings = {
            "TOCSIN_ACTOR": name,
            "TOCSIN_CONSOLE_PORT": "0",
            "TOCSIN_CONSOLE_METRICS_PORT": "0",
            "TOCSIN_CONSOLE_HOLD_SECONDS": "0",
            "TOCSIN_CONSOLE_DATABASE": str(folder / f"{name}.sqlite"),
        }
        self.console = Worker(folder / f"{name}.log", deployment.settings | settings, (*COMMAND, "console"))
        self.http = None

    def ready(self):
        address = until(lambda: re.search(r"console at (http://\S+)", self.console.text), self.console.tail)
        self.http = httpx.Client(base_url=address[1], timeout=20)
        return self

    def page(self, path):
        answer = self.http.get(path)
        assert answer.status_code == 200, answer.text
        return answer.text

    def confirm(self, question):
        path, data = confirmation(question.text)
        return self.http.post(path, data=data)

    def submit(self, page, action, kind=None, **fields):
        return self.http.post(action, data=hidden_fields(page, action, kind) | fields)


def until(found, said=lambda: ""):
    for _ in range(400):
        if value := found():
            return value
        time.sleep(0.05)
    raise AssertionError(f"not within 20 s: {said()}")


@pytest.fixture
def deployment(deploy):
    return deploy(partitions=2)


@pytest.fixture
def people(deployment, tmp_path):
    made = [Person(name, deployment, tmp_path) for name in ("anna", "ben")]
    yield made
    for person in made:
        if person.http is not None:
            person.http.close()
        person.console.signal(signal.SIGTERM)
        person.console.wait(10)


def test_two_people_work_and_each_act_has_one_effect(deployment, people):
    deployment.publish([victims_request(number) for number in range(CASES)])
    deployment.publish_requests([complete_request(PRODUCTION_ORDER, "order-1", now_ms() - HOUR)])
    deployment.fleet.start()
    anna, ben = (person.ready() for person in people)
    deployment.wait_until_applied(30)
    for person in (anna, ben):
        until(lambda: len(set(re.findall(r"/clocks/([\w-]+)/acts", person.page("/clocks")))) == CASES + 1)

    # A clock: the same form twice, and somebody who is slower.
    mine, theirs = anna.page("/clocks?subject=report"), ben.page("/clocks?subject=report")
    first, *_ = re.findall(r"/clocks/([\w-]+)/acts", mine)
    question = anna.submit(mine, f"/clocks/{first}/acts", outcome="fulfilled")
    for _ in range(2):
        assert anna.confirm(question).status_code == 303
    late = until(
        lambda: (
            (answer := ben.submit(theirs, f"/clocks/{first}/acts", outcome="withdrawn")).status_code == 409
            and answer
        )
    )
    assert "is fulfilled, said anna" in text_of(late.text)

    # A request behind a gate of two: proposed by one, signed by another, and its clock ends once.
    page = anna.page("/requests/order-1")
    (clock,) = re.findall(r'name="(clock_[\w-]+)"', page)
    assert (
        anna.submit(
            page, "/requests/order-1/acts", "decided", answer="followed", **{clock: "ends"}
        ).status_code
        == 303
    )
    assert "Somebody else must sign it" in anna.page("/requests/order-1")
    page = until(lambda: 'data-act="proposal_signed"' in (page := ben.page("/requests/order-1")) and page)
    for _ in range(2):
        assert ben.submit(page, "/requests/order-1/acts", "proposal_signed").status_code == 303
    until(lambda: "order-1" not in anna.page("/requests"))

    # A flood is dismissed, except the case that somebody claimed meanwhile.
    page = until(
        lambda: (
            len(cases := re.findall(r'name="case" value="([^"]+)"', anna.page("/desk?policy=legal-clock")))
            == CASES - 1
            and cases
        )
    )
    asked = anna.http.post(
        "/bulk",
        data=hidden_fields(anna.page("/desk?policy=legal-clock"), "/bulk")
        | {"what": "dismissed", "case": page},
    )
    # Its clock, and what else waits about the same message.
    claimed, *others = [each.partition("@")[0] for each in page[0].split()[1:]]
    path = f"/cases/{claimed}"
    assert ben.submit(ben.page(path), f"{path}/acts", "claimed").status_code == 303
    form = hidden_fields(asked.text, "/bulk/confirmed") | {
        "case": page, "count": str(len(page)), "reason": "not_a_violation", "rule": "spam-1",
        "clocks": "fulfilled",
    }  # fmt: skip
    answers = [text_of(anna.http.post("/bulk/confirmed", data=form).text) for _ in range(2)]
    assert f"{CASES - 2} of {CASES - 1} cases dismissed" in answers[0]
    assert "ben did this: claimed" in answers[0]
    until(
        lambda: (
            set(re.findall(r'name="case" value="\S+ ([^"@]+)', anna.page("/desk?policy=legal-clock")))
            == {claimed}
        )
    )

    # Every clock but that of the claimed case has ended by an outcome that a worker applied.
    until(
        lambda: (
            len(left := set(re.findall(r"/clocks/([\w-]+)/acts", ben.page("/clocks")))) == 1
            and left <= {claimed, *others}
        )
    )
    with deployment.outputs() as outputs:
        sent = {
            topic: [orjson.loads(row.value) for row in outputs.all(deployment.name(topic))]
            for topic in (MODERATION, OUTCOMES)
        }
        assert list(outputs.all(deployment.name(DEAD_LETTERS))) == []
    assert [(each["decision"], each["reviewer"]["ref"]) for each in sent[MODERATION]] == [
        ("dismissed", "anna")
    ] * (CASES - 2)
    ended = Counter((each["outcome"], each["actor"], each["subject"]) for each in sent[OUTCOMES])
    assert ended == {("fulfilled", "anna", "report"): CASES - 1, ("fulfilled", "ben", "request"): 1}
