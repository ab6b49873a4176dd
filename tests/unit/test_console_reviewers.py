"""Who decided what, as leads see it, and nobody else."""

import pytest

from streams.contract.wire.envelope import rfc3339
from streams.contract.wire.times import DAY
from streams.desk.console.read_model.reviewers_query import Reviewer, reviewers
from streams.running.wall_clock import clock_ms
from tests.unit.console_acts import REASONS
from tests.unit.console_pages import World, example, lead, text_of

NOW = clock_ms()


@pytest.fixture
def world(tmp_path):
    with World(tmp_path) as world:
        yield world


def decide(world: World, number: int, decision: str, person: str, **fields: object) -> None:
    subject = {"kind": "message", "channel_ref": "c", "message_ref": "m1", **fields.pop("subject", {})}
    if subject["kind"] == "escalation":
        del subject["message_ref"]
    document = example("moderation-outcomes", "binary-message-upheld")
    document.pop("action", None)
    document |= {
        "outcome_id": f"o{number}",
        "subject": subject,
        "decision": decision,
        "reason": REASONS[decision],
        "decided_at": rfc3339(NOW - DAY + number),
        "reviewer": {"ref": person, "role": "desk"},
        **fields,
    }
    world.put("moderation-outcomes", document)


def found(world: World, sees=lambda category: True) -> dict[str, Reviewer]:
    return {each.ref: each for each in reviewers(world.database.reader(), NOW - 30 * DAY, sees)}


def test_decisions_are_counted_by_person_with_the_reporters_of_their_cases(world):
    case = world.put_case("e-1")
    decide(world, 1, "upheld", "p-1", subject={"kind": "escalation", "escalation_id": "e-1"})
    decide(world, 2, "manifestly_unfounded", "p-1")
    decide(world, 3, "dismissed", "p-2", subject={"message_ref": "m2"})
    decide(world, 4, "dismissed", "p-3", subject={"message_ref": "m3"}, decided_at=rfc3339(NOW - 31 * DAY))
    reporters = case["counts"]["distinct_reporters"]
    assert list(found(world).values()) == [
        Reviewer("p-1", decisions=2, upheld=1, unfounded=1, reporters=reporters),
        Reviewer("p-2", decisions=1),
    ]
    assert found(world, lambda category: category != "fraud") == {}


def test_whose_decisions_hold_and_whose_do_not(world):
    decide(world, 1, "upheld", "p-1")
    decide(world, 2, "upheld", "p-2")
    decide(world, 3, "dismissed", "p-1", subject={"message_ref": "m2"})
    decide(world, 4, "upheld", "p-2", subject={"message_ref": "m2"})
    decide(world, 5, "dismissed", "p-1", subject={"message_ref": "m3"})
    decide(world, 6, "upheld", "p-3", subject={"message_ref": "m3"}, supersedes="o5")
    # A person who changes their mind is not overturned.
    decide(world, 7, "upheld", "p-2", subject={"message_ref": "m4"})
    decide(world, 8, "dismissed", "p-2", subject={"message_ref": "m4"}, supersedes="o7")
    assert found(world) == {
        "p-1": Reviewer("p-1", decisions=3, upheld=1, agreed=1, disputed=1, overturned=1),
        "p-2": Reviewer("p-2", decisions=4, upheld=3, agreed=1, disputed=1),
        "p-3": Reviewer("p-3", decisions=1, upheld=1),
    }


def test_cases_with_a_known_answer_are_counted_apart_and_are_no_decision_about_a_case(world):
    decide(world, 1, "upheld", "p-1", known_answer="upheld")
    decide(world, 2, "upheld", "p-1", known_answer="dismissed")
    decide(world, 3, "upheld", "p-2")
    assert found(world) == {
        "p-1": Reviewer("p-1", known=2, known_right=1),
        "p-2": Reviewer("p-2", decisions=1, upheld=1),
    }


def test_only_leads_see_who_decided(world):
    decide(world, 1, "upheld", "p-somebody")
    words = text_of(world.browser().page("/integrity"))
    assert "Who decided, in the last 30 days" in words
    assert "p-somebody" in words
    person = lead()
    for role in ("desk", "legal", "authority_liaison", "read_only"):
        other = type(person)("p-other", role, person.categories)
        words = text_of(world.browser(other).page("/integrity"))
        assert "Who decided" not in words
        assert "p-somebody" not in words
