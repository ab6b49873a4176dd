"""Cases about the integrity of reporting are open, taken by somebody, or closed with what was found."""

import re

import pytest

from streams.contract.wire.dead_letter import Rejected
from streams.contract.wire.forms.case_activity_decoding import decode_case_activity
from streams.contract.wire.encoding import encode
from streams.contract.wire.times import DAY
from streams.desk.console.read_model.retention import prune
from streams.running.wall_clock import clock_ms
from tests.unit.console_pages import World, example, hidden_fields, lead, text_of

CASE = example("integrity-cases", "brigade")["case_id"]
PATH = f"/integrity/{CASE}/acts"


@pytest.fixture
def world(tmp_path):
    with World(tmp_path) as made:
        made.put("integrity-cases", example("integrity-cases", "brigade"))
        yield made


@pytest.fixture
def anna(world):
    return world.browser(lead("anna", role="desk"))


@pytest.fixture
def ben(world):
    return world.browser(lead("ben", role="desk"))


def act(browser, kind, page=None, **fields):
    page = browser.page("/integrity?listed=all") if page is None else page
    return browser.post(PATH, data=hidden_fields(page, PATH) | {"kind": kind, "verdict": "", **fields})


def state(browser, view=""):
    """What each case that a view lists says of its state."""
    words = text_of(browser.page(f"/integrity?{view}"))
    return re.findall(r"Open · \w+ works on it|Closed: [\w ]+?, by \w+", words.replace(" ,", ","))


def test_a_case_is_open_taken_and_closed_and_every_console_says_so(world, anna, ben):
    assert state(anna) == ["Open · nobody works on it"]
    answer = act(anna, "claimed")
    assert (answer.status_code, answer.headers["location"]) == (303, "/integrity?listed=all")
    assert state(ben) == ["Open · anna works on it"]
    # Somebody else does not close it meanwhile, and reads why.
    late = act(ben, "decided", verdict="unclear")
    assert late.status_code == 409
    assert "This did not count: somebody else works on the case." in text_of(late.text)
    assert act(anna, "released").status_code == 303
    assert state(ben) == ["Open · nobody works on it"]
    assert act(ben, "decided", verdict="not_confirmed").status_code == 303
    assert state(anna) == []
    assert state(anna, "listed=closed") == ["Closed: not confirmed, by ben"]
    assert state(anna, "listed=closed&kind=misuse") == []
    assert [each["kind"] for each in world.sent("case-activity")] == [
        "claimed",
        "decided",
        "released",
        "decided",
    ]
    # Nothing follows from what was found.
    assert world.sent("moderation-outcomes") == world.sent("clock-outcomes") == []


def test_of_two_who_close_at_once_one_counts_and_a_form_sent_twice_has_one_effect(world, anna, ben):
    mine, theirs = anna.page("/integrity"), ben.page("/integrity")
    for _ in range(2):
        assert act(anna, "decided", mine, verdict="confirmed").status_code == 303
    late = act(ben, "decided", theirs, verdict="unclear")
    assert late.status_code == 409
    assert "anna did this" in text_of(late.text)
    assert state(ben, "listed=all") == ["Closed: confirmed, by anna"]
    assert len({each["activity_id"] for each in world.sent("case-activity")}) == 2
    # What was found can be said otherwise, of what one saw.
    assert act(ben, "decided", verdict="unclear").status_code == 303
    assert state(ben, "listed=all") == ["Closed: unclear, by ben"]


def test_who_may_only_read_or_answers_authorities_closes_nothing(world, anna):
    page = anna.page("/integrity")
    for role in ("read_only", "authority_liaison"):
        browser = world.browser(lead("other", role=role))
        assert PATH not in browser.page("/integrity")
        assert act(browser, "decided", page, verdict="confirmed").status_code == 403
    assert act(anna, "decided", page).status_code == 422
    assert act(anna, "snoozed", page).status_code == 422
    assert (
        anna.post("/integrity/none/acts", data=hidden_fields(page, PATH) | {"kind": "claimed"}).status_code
        == 404
    )
    assert world.sent("case-activity") == []


def test_an_act_may_be_read_before_its_case_and_goes_with_it(tmp_path):
    with World(tmp_path) as world:
        for name in ("integrity-claimed", "integrity-decided"):
            world.put("case-activity", example("case-activity", name))
        world.put("integrity-cases", example("integrity-cases", "brigade"))
        browser = world.browser(lead("anna"))
        assert state(browser, "listed=closed") == ["Closed: confirmed, by desk"]
        prune(world.writer, clock_ms() + 200 * DAY)
        for table in ("integrity_case", "act", "case_work"):
            assert world.writer.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,), table


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"kind": "snoozed", "until": "2026-11-25T00:00:00Z", "conclusion": None}, "kind"),
        ({"conclusion": None}, "conclusion"),
        ({"request_id": "r-1"}, "request_id"),
        ({"channel_ref": "c-1"}, "channel_ref"),
        ({"kind": "released"}, "conclusion"),
        ({"conclusion": {"verdict": "confirmed", "supersedes": "a b"}}, "conclusion.supersedes"),
    ],
)
def test_an_act_on_such_a_case_has_what_it_needs_and_nothing_else(changes, path):
    value = example("case-activity", "integrity-decided")
    assert decode_case_activity(encode(value), (), 4_000_000_000_000).event.key == CASE
    with pytest.raises(Rejected) as refused:
        decode_case_activity(encode(value | changes), (), 4_000_000_000_000)
    assert refused.value.field == path
