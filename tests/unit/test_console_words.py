"""The pages of the console speak in words: sentences, titles of duties, reasons that fit, rules of the terms; and
they open what a case is about.
"""

import re

import pytest

from streams.desk.console.settings import load_console_settings
from streams.desk.console.terms import load_terms
from streams.desk.text.duty_words import duty_title, law_name, what_it_asks
from streams.desk.text.reason_choice import fitting_categories, mismatch, reason_choice
from streams.contract.events.outcome_reason import VIOLATION_REASONS
from streams.registry.reading.errors import RegistryError
from streams.running.worker.environment import SettingsError
from tests.shipped import RULES
from tests.unit.console_pages import DUTIES, TERMS, example, lead, text_of
from tests.unit.test_console_acts import DISMISSED, GUARDED, UPHELD, act
from tests.unit.test_console_desk import rows

MESSAGES = "https://viewer.example/{channel}/{message}"
CHANNELS = "https://viewer.example/{channel}"
REQUESTS = "https://intake.example/{request}"


@pytest.fixture
def ben(world):
    return world.browser(lead("ben"))


def row_text(browser, case="e-1", page="/desk?listed=all"):
    """The words of the row of a case."""
    return " ".join(text_of(f"<main{rows(browser.page(page))[case]}").split())


def test_a_row_is_a_sentence_with_its_evidence(world, anna, ben):
    world.put_case(**GUARDED)
    said = "Intimate deepfake: 1 person reports a message in Germany"
    assert said in row_text(anna)
    act(anna, "/cases/e-1", "decided", **UPHELD)
    assert f"{said} " in row_text(ben)
    assert "anna proposes: upheld, removed" in row_text(ben)
    act(ben, "/cases/e-1", "proposal_signed")
    assert "upheld by ben: phishing" in row_text(anna)


def test_a_row_of_a_clock_says_what_the_law_asks_and_which_law(world, anna):
    world.put_clock("e-1")
    said = row_text(anna)
    assert "remove" in said.partition("Intimate image")[0]
    assert "Intimate image: the person shown asks for removal in the United States TAKE IT DOWN Act" in said


def test_no_row_of_the_examples_has_a_code_or_a_ref(world, anna):
    world.put_examples("escalations", "authority-routing")
    listed = rows(anna.page("/desk?listed=all"))
    assert len(listed) > 4
    duties = [*DUTIES]
    for case, row in listed.items():
        said = text_of(f"<main{row.partition('>')[2]}")
        assert case not in said
        assert not re.search(r"\w_\w", said), said
        assert not [duty for duty in duties if duty in said]
        assert not [place for place in ("DE", "FR", "US", "XX") if re.search(rf"\b{place}\b", said)]


def test_a_request_is_a_sentence_on_the_desk_on_its_list_and_on_its_page(world, anna):
    world.put_request("r-1")
    said = "Removal order: police in Germany demand removal in the whole European Union"
    assert said in row_text(anna, "r-1", "/desk")
    assert said in text_of(anna.page("/requests"))
    page = anna.page("/requests/r-1")
    assert f"<h1>{said}</h1>" in page
    assert "complete and competent; terrorism" in text_of(page)
    assert "Legal basis Terrorist Content Regulation, art. 3" in text_of(page)


def test_the_head_of_a_case_is_its_sentence_and_codes_are_folded(world, anna):
    event = world.put_case()
    page = anna.page("/cases/e-1")
    assert "<h1>Intimate deepfake: 1 person reports a message in Germany</h1>" in page
    assert event["policy_reason"] in page
    folded = page[page.index('<details class="more">') : page.index("</details>\n\n<section")]
    for code in ("threshold_crossed", event["policy_version"], event["trace"]["first_report_id"]):
        assert code in folded
        assert code not in page.replace(folded, "")


def test_the_evidence_comes_before_the_form(world, anna):
    world.put_case()
    world.put_request("r-1")
    for path in ("/cases/e-1", "/requests/r-1"):
        page = anna.page(path)
        assert page.index('<div class="why">') < page.index('id="timeline"') < page.index('id="act"')
        assert page.index('id="act"') < page.index('id="decide"')
        assert 'href="#act"' in page


def test_every_duty_of_the_law_has_a_title_of_its_own_a_short_law_and_says_what_it_asks():
    titles = [duty_title(duty) for duty in RULES.obligations]
    assert len(set(titles)) == len(titles)
    for duty in RULES.obligations:
        assert len(law_name(duty)) < 65
        assert "Regulation (EU)" not in law_name(duty)
        assert not law_name(duty).endswith(")")
        assert len(what_it_asks(duty).split()) <= 3
    asks = {duty: what_it_asks(DUTIES[duty]) for duty in ("EU.dsa.art16-4", "EU.tco.art11", "EU.tco.art3-3")}
    assert [*asks.values()] == ["send receipt", "confirm", "remove"]
    assert what_it_asks(DUTIES["EU.e-evidence.art10-2"]) == "wait"
    assert law_name(DUTIES["US.take-it-down.s3"]) == "TAKE IT DOWN Act"


def test_a_duty_that_this_registry_does_not_have_is_named_by_its_id(world, anna):
    clock = example("escalations", "opened-clock-armed")["clock"] | {
        "clock_id": "e-1",
        "obligation": "ZZ.new.1",
    }
    world.put_clock("e-1", clock=clock)
    assert "ZZ.new.1" in row_text(anna)
    for path in ("/cases/e-1", "/clocks", "/desk"):
        assert "ZZ.new.1" in anna.page(path)


# Reasons.


def test_every_reason_is_offered_once_those_of_the_category_first():
    for rules in RULES.categories.values():
        own, area, others = reason_choice(rules)
        offered = [*own, *area, *(reason for reasons in others.values() for reason in reasons)]
        assert sorted(offered) == sorted(VIOLATION_REASONS)
        assert {f"KEYWORD_{reason.upper()}" for reason in own} == set(rules.dsa_keywords)
        assert "other" in area
        fitting = fitting_categories([rules])
        for reason in VIOLATION_REASONS:
            near = reason in own or reason in area or rules.category == "unspecified"
            assert bool(fitting[reason]) is near
            assert bool(mismatch("upheld", reason, rules)) is not near


def test_a_mismatch_is_one_of_upheld_outcomes_alone_and_names_the_area():
    deepfake = RULES.categories["ncii_deepfake"]
    assert mismatch("upheld", "noncompliance_pricing", deepfake) == (
        "noncompliance pricing is no reason of Intimate deepfake: it belongs to Consumer information"
    )
    assert mismatch("upheld", "non_consensual_material_deepfake_against_women", deepfake) == ""
    assert mismatch("dismissed", "not_a_violation", deepfake) == ""
    assert mismatch("upheld", "phishing", None) == ""


def test_the_form_offers_the_reasons_of_the_category_first_and_others_behind_a_choice(world, anna):
    world.put_case()
    page = anna.page("/cases/e-1")
    upheld = page[page.index('name="reason_upheld"') :].partition("</select>")[0]
    values = re.findall(r'<option value="([^"]*)"', upheld)
    assert values[:2] == ["", "non_consensual_material_deepfake"]
    assert values[-1] == "another_area"
    assert "phishing" not in values
    another = page[page.index('name="reason_another"') :].partition("</select>")[0]
    assert 'value="phishing" data-fits="fraud unspecified"' in another


def test_a_reason_of_another_area_counts_and_is_pointed_out_to_who_decides_and_who_signs(world, anna, ben):
    world.put_case(**GUARDED)
    fields = UPHELD | {
        "category": "ncii_deepfake",
        "reason_upheld": "another_area",
        "reason_another": "phishing",
    }
    act(anna, "/cases/e-1", "decided", **fields)
    warning = "phishing is no reason of Intimate deepfake: it belongs to Scams and fraud"
    assert f"second person must sign. {warning}" in text_of(anna.page("/desk"))
    page = ben.page("/cases/e-1")
    assert (
        f'<div class="remark">{warning}</div>'
        in page[page.index('id="proposal"') :].partition("</section>")[0]
    )
    act(ben, "/cases/e-1", "proposal_signed", page)
    (outcome,) = world.sent("moderation-outcomes")
    assert (outcome["category"], outcome["reason"]) == ("ncii_deepfake", "phishing")
    assert warning in text_of(ben.page("/cases/e-1"))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"reason_upheld": "another_area"}, "Choose a reason of another area."),
        ({"reason_another": "suicide"}, "Choose one reason: of the category, or of another area."),
        ({"reason_upheld": "another_area", "reason_another": "fabricated"}, "as the decision is upheld"),
    ],
)
def test_one_reason_is_chosen(world, anna, fields, said):
    world.put_case()
    answer = act(anna, "/cases/e-1", "decided", **(UPHELD | fields))
    assert answer.status_code == 422
    assert said in text_of(answer.text)
    assert world.sent("moderation-outcomes") == []


# Terms.


def test_rules_are_chosen_by_their_titles_those_used_last_first(world, anna):
    for name in ("e-1", "e-2"):
        world.put_case(name)

    def offered():
        page = anna.page("/cases/e-2")
        options = page[page.index('name="rule"') :].partition("</select>")[0]
        return re.findall(r'<option value="([^"]+)">([^<]+)<', options)

    assert offered() == [*TERMS.items()]
    act(anna, "/cases/e-1", "decided", **(DISMISSED | {"rule": "spam-1"}))
    assert offered()[:2] == [("spam-1", TERMS["spam-1"]), next(iter(TERMS.items()))]
    assert sorted(offered()) == sorted(TERMS.items())
    (outcome,) = world.sent("moderation-outcomes")
    assert outcome["ground"] == {"kind": "terms", "rule": "spam-1"}
    assert "rule spam-1 of the terms: Spam and inauthentic accounts" in text_of(anna.page("/cases/e-1"))


def test_a_rule_that_is_not_in_the_file_is_refused(world, anna):
    world.put_case()
    answer = act(anna, "/cases/e-1", "decided", **(UPHELD | {"rule": "typo-rule-99"}))
    assert answer.status_code == 422
    assert "Choose a rule of the terms from the list." in text_of(answer.text)
    assert world.sent("case-activity") == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("terms:\n  - id: a-1\n    title: One\n  - id: a-1\n    title: Two\n", "terms.yaml:4: terms[1].id: is the id of"),
        ("terms:\n  - id: anna@example.org\n    title: One\n", "terms.yaml:2: terms[0].id: must be 1 to 128 letters"),
        ("terms:\n  - id: a-1\n", "terms.yaml:2: terms[0].title: is missing"),
        ("terms:\n  - id: a-1\n    title: ''\n", "terms.yaml:3: terms[0].title: "),
        ("terms: []\n", "terms.yaml:1: terms: "),
        ("rules: []\n", "terms.yaml:1: rules: unknown field"),
    ],
)  # fmt: skip
def test_a_wrong_file_of_terms_is_refused_with_file_and_line(tmp_path, text, said):
    path = tmp_path / "terms.yaml"
    path.write_text(text)
    with pytest.raises(RegistryError) as refused:
        load_terms(path)
    assert said in str(refused.value)


def test_the_shipped_example_is_valid_and_another_file_replaces_it(tmp_path):
    assert "scams-2.1" in load_terms(None)
    path = tmp_path / "terms.yaml"
    path.write_text("terms:\n  - {id: b, title: Second}\n  - {id: a, title: First}\n")
    assert load_terms(path) == {"b": "Second", "a": "First"}


# The platform's own viewer.


def links(page):
    """What can be opened with `o`: the words and the address of each link, all in another tab."""
    found = re.findall(r'<a class="(?:button )?open" href="([^"]+)"([^>]*)>\s*([^<]*?)\s*(?:<|$)', page)
    for _, attributes, _ in found:
        assert 'target="_blank" rel="noopener noreferrer"' in attributes
    return [(words.lower(), address) for address, _, words in found]


@pytest.mark.parametrize(
    ("settings", "with_message", "without"),
    [
        ({}, None, None),
        ({"message_link": MESSAGES}, ("open message", "https://viewer.example/c/m"), None),
        (
            {"channel_link": CHANNELS},
            ("open channel", "https://viewer.example/c"),
            ("open channel", "https://viewer.example/c"),
        ),
        (
            {"message_link": MESSAGES, "channel_link": CHANNELS},
            ("open message", "https://viewer.example/c/m"),
            ("open channel", "https://viewer.example/c"),
        ),
    ],
)
def test_row_and_case_open_the_message_else_the_channel(world, settings, with_message, without):
    world.put_case("e-1", channel_ref="c", message_refs=["m"])
    world.put_case("e-2", channel_ref="c", message_refs=[])
    browser = world.browser(**settings)
    for case, expected in (("e-1", with_message), ("e-2", without)):
        assert links(rows(browser.page("/desk?listed=all"))[case]) == ([expected] if expected else [])
        page = browser.page(f"/cases/{case}")
        assert links(page) == ([expected] if expected else [])
        assert ("TOCSIN_CONSOLE_MESSAGE_LINK" in page) is (expected is None)


def test_a_request_is_opened_by_its_id(world):
    world.put_request("r-1")
    browser = world.browser(request_link=REQUESTS)
    opened = [("open request", "https://intake.example/r-1")]
    assert links(rows(browser.page("/desk/rows?ids=r-1"))["r-1"]) == opened
    assert links(browser.page("/requests/r-1")) == opened
    assert links(world.browser().page("/requests/r-1")) == []


@pytest.mark.parametrize(
    ("name", "template"),
    [
        ("MESSAGE_LINK", MESSAGES),
        ("MESSAGE_LINK", "http://localhost:8080/m?id={message}#top"),
        ("CHANNEL_LINK", CHANNELS),
        ("REQUEST_LINK", REQUESTS),
    ],
)
def test_a_template_of_an_address(name, template):
    loaded = load_console_settings({f"TOCSIN_CONSOLE_{name}": template})
    assert getattr(loaded, name.lower()) == template


@pytest.mark.parametrize(
    ("name", "template"),
    [
        # It names no message, or something that there is not.
        ("MESSAGE_LINK", "https://viewer.example/"),
        ("MESSAGE_LINK", "https://viewer.example/{channel}"),
        ("MESSAGE_LINK", "https://viewer.example/{message}/{author}"),
        ("CHANNEL_LINK", "https://viewer.example/{message}"),
        ("CHANNEL_LINK", "https://viewer.example/{channel}/{message}"),
        ("REQUEST_LINK", "https://intake.example/{id}"),
        # A browser would run it, or it would end the attribute.
        ("MESSAGE_LINK", "javascript:alert('{message}')"),
        ("MESSAGE_LINK", "{message}"),
        ("MESSAGE_LINK", 'https://viewer.example/{message}" onclick="x'),
        ("CHANNEL_LINK", "https://viewer.example/{channel}>"),
        ("REQUEST_LINK", "https://intake.example/{request} x"),
        ("MESSAGE_LINK", "https://viewer.example/{message}{"),
    ],
)
def test_a_wrong_template_is_refused_at_the_start_with_what_would_be_valid(name, template):
    with pytest.raises(SettingsError) as refused:
        load_console_settings({f"TOCSIN_CONSOLE_{name}": template})
    said = str(refused.value)
    assert said.startswith(f"TOCSIN_CONSOLE_{name}: ")
    assert f"have {{{name.partition('_')[0].lower()}}}" in said
