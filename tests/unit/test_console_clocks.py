"""What the pages say of legal clocks: of data that must be kept, and of the steps of a clock."""

import re

import pytest

from tests.unit.console_pages import World, lead, text_of
from tests.unit.test_console_acts import CLOCKS, answer, clock_act

# A removal order has a clock for the removal, r-1-0, and one for keeping what was removed, r-1-1.
REMOVE, KEEP = "r-1-0", "r-1-1"
MUST_BE_KEPT = (
    "The data must be kept until 2027-05-25 04:00 UTC . {} says that nobody needs to keep it any longer."
)


@pytest.fixture
def world(tmp_path):
    with World(tmp_path) as world:
        yield world


@pytest.fixture
def anna(world):
    return world.browser(lead("anna"))


@pytest.mark.parametrize("outcome", ["fulfilled", "withdrawn"])
def test_the_question_before_data_need_not_be_kept_says_until_when_they_must(world, anna, outcome):
    world.put_request()
    question = clock_act(anna, KEEP, outcome)
    assert MUST_BE_KEPT.format(outcome.capitalize()) in text_of(question.text)
    assert 'kept until <time datetime="2027-05-25T04:00Z">' in question.text
    assert "must be kept" not in clock_act(anna, REMOVE, outcome).text


def test_so_does_the_question_before_an_answer_that_ends_the_clock(world, anna):
    world.put_request()
    question = answer(anna, "r-1", "followed", **CLOCKS | {f"clock_{KEEP}": "ends"})
    assert MUST_BE_KEPT.format("Fulfilled") in text_of(question.text)
    assert "must be kept" not in answer(anna, "r-1", "followed", **CLOCKS).text
