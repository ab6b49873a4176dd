"""The pages of the console show what the golden examples say."""

import json

import pytest

from tests.categories import CATEGORIES
from tests.unit.console_pages import EPISODE, World, example, hidden_fields, lead, text_of
from tests.unit.request_traffic import (
    TCO,
    new_requests,
    preservation_order,
    removal_order,
    request_record,
    routings,
    run_requests,
)

CLOCK = "005dae7e-6e83-53b0-ab8e-4b307e206265"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with World(tmp_path_factory.mktemp("console")) as world:
        world.put_examples()
        world.put_clock("c-open")
        world.put_clock("c-paused")
        paused = example("escalations", "updated-clock-paused")
        world.put_clock("c-paused", clock=paused["clock"] | {"clock_id": "c-paused"}, sequence=2)
        world.put_case(
            "e-unarmed", obligations=example("escalations", "resolved-policy-changed")["obligations"]
        )
        yield world


@pytest.fixture
def browser(world):
    return world.browser(message_link="https://viewer.example/{channel}/{message}")


PAGES = [
    "/desk?listed=all",
    "/clocks",
    "/requests?listed=all",
    "/questions",
    "/integrity",
    "/policies?days=30",
    "/rules",
    "/transparency",
    "/health",
    "/figures",
]


@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_linked_from_every_page(browser, path):
    page = browser.page(path)
    for other in PAGES:
        assert f'href="{other.partition("?")[0]}"' in page
    assert 'aria-current="page"' in page


def test_every_case_of_the_examples_has_a_page(world, browser):
    ids = [row[0] for row in world.writer.execute("SELECT escalation_id FROM desk_row")]
    assert len(ids) > 5
    for case in ids:
        assert "Why" in browser.page(f"/cases/{case}")


def test_every_request_of_the_examples_has_a_page(world, browser):
    ids = [row[0] for row in world.writer.execute("SELECT request_id FROM request_row")]
    assert len(ids) > 5
    for request in ids:
        assert "Findings" in browser.page(f"/requests/{request}")


def test_a_case_page_says_law_gate_routing_priority_grounds_and_versions(browser):
    words = text_of(browser.page(f"/cases/{EPISODE}"))
    event = example("escalations", "resolved-cleared")
    for duty in event["obligations"]:
        assert duty["id"] in words
    assert "No clock runs: the law sets no fixed time limit" in words
    assert "No clock runs: another event starts it" in text_of(browser.page("/cases/e-unarmed"))
    for reason in event["rule_of_law"]["reasons"]:
        assert reason in words
    for row in event["routing"]:
        assert row["reason"] in words
    for ground in event["statement"]["legal_grounds"]:
        assert ground["text"] in words
    assert f"Policy version {event['policy_version']}" in words


def test_a_page_says_of_each_duty_whether_it_is_signed_and_whether_it_is_advisory(world, browser):
    duty = example("escalations", "opened-clock-armed")["obligations"][0]
    advisory = {
        **duty,
        "clock_status": "not_armed",
        "not_armed_reason": "unverified",
        "due_at": None,
        "target": "PT48H",
        "target_at": "2026-11-26T03:00:00.000Z",
        "advisory": True,
    }
    signed = {**duty, "signed": {"by": "counsel-1", "on": "2026-11-27"}}
    world.put_case("e-advisory", obligations=[advisory])
    world.put_case("e-signed", obligations=[signed])
    words = text_of(browser.page("/cases/e-advisory"))
    assert "No clock runs: its time or dates are known from secondary sources only." in words
    assert "advisory By the row it would be due within PT48H, 2026-11-26 03:00 UTC . Row unsigned." in words
    assert "Row signed by counsel-1 on 2026-11-27." in text_of(browser.page("/cases/e-signed"))


def test_a_clock_shows_how_well_its_law_was_read(world, browser):
    clock = example("escalations", "opened-clock-armed")["clock"]
    marks = {"dates": "secondary", "time": "verified"}
    world.put_clock("c-marked", clock={**clock, "clock_id": "c-marked", "marks": marks})
    assert "time verified, dates secondary" in text_of(browser.page("/cases/c-marked"))


def test_a_request_page_says_what_threatens_whoever_does_not_fulfil_it(world, browser):
    penalty = {"obligation": "EU.tco.art3-3", "amount": "up to 4 % of turnover", "liable": "provider"}
    for name, of in (("r-fined", "removal-order"), ("r-refused", "encryption-keys")):
        findings = example("authority-routing", of)["findings"]
        world.put_request(
            name, of, findings={**findings, "penalties": [penalty, {**penalty, "article": "art. 18"}]}
        )
        words = text_of(browser.page(f"/requests/{name}"))
        assert "If EU.tco.art3-3 is not fulfilled: up to 4 % of turnover; liable: provider." in words
        assert "liable: provider (art. 18)." in words
    assert "Penalties" not in text_of(
        browser.page(f"/requests/{example('authority-routing', 'removal-order')['request_id']}")
    )


def test_every_duty_of_a_case_links_to_its_source(browser):
    page = browser.page(f"/cases/{EPISODE}")
    for duty in example("escalations", "updated-level-raised")["obligations"]:
        assert f'href="{duty["source_url"]}"' in page


def test_a_case_page_shows_priority_with_its_parts_and_what_looks_coordinated(world, browser):
    event = example("escalations", "opened-looks-coordinated")
    words = text_of(browser.page(f"/cases/{event['escalation_id']}"))
    parts = event["priority"]["components"]
    assert (
        f"Priority {event['priority']['value']} of 100 {' '.join(parts)} {' '.join(map(str, parts.values()))}"
        in words
    )
    assert event["integrity"]["finding"]["sentence"] in words


def test_messages_link_to_the_viewer_of_the_platform(browser):
    event = example("escalations", "updated-level-raised")
    page = browser.page(f"/cases/{EPISODE}")
    for message in event["message_refs"]:
        assert f'href="https://viewer.example/{event["channel_ref"]}/{message}"' in page


def test_a_chart_shows_window_thresholds_of_every_level_and_the_numbers_as_a_table(browser):
    page = browser.page(f"/cases/{EPISODE}")
    raised = example("escalations", "updated-level-raised")
    assert f"{raised['window']['start'][:16].replace('T', ' ')} UTC : the window began" in text_of(page)
    for condition in raised["conditions"]:
        assert f"(level {raised['level']})" in page
        assert f"<td>{condition['threshold']:g}</td>" in page
    assert '<th scope="col">Threshold</th>' in page


def test_a_clock_shows_its_steps_in_order(browser):
    words = text_of(browser.page(f"/cases/{CLOCK}"))
    steps = ["clock armed", "clock half", "clock nine tenths", "clock lapsed"]
    places = [words.index(step) for step in steps if step in words]
    assert len(places) > 1
    assert places == sorted(places)


def test_a_request_page_shows_refusals_with_norms_and_missing_elements(browser):
    refused = example("authority-routing", "encryption-keys")
    page = browser.page(f"/requests/{refused['request_id']}")
    (refusal,) = refused["findings"]["refusals"]
    assert refusal["reason"] in text_of(page)
    for norm in refusal["norms"]:
        assert f'href="{norm["url"]}"' in page
    incomplete = example("authority-routing", "order-to-act-incomplete")
    words = text_of(browser.page(f"/requests/{incomplete['request_id']}"))
    for element in incomplete["findings"]["missing"]:
        assert element.replace("_", " ") in words
    other = example("authority-routing", "data-of-another-state")
    words = text_of(browser.page(f"/requests/{other['request_id']}"))
    for authority in other["findings"]["belongs_to"]:
        assert authority["reason"] in words


def judged(order):
    """The first event of a request, as the stage publishes it."""
    (event,) = routings(run_requests(new_requests(), [request_record(order)]))
    return event


def test_a_request_page_says_what_to_tell_by_when_and_what_is_paused(tmp_path):
    order = removal_order("ar-77", elements=TCO[1:], supersedes="ar-76")
    with World(tmp_path) as world:
        world.put("authority-routing", judged(order))
        page = world.browser().page("/requests/ar-77")
    words = text_of(page)
    assert "Tell the issuing authority by 2026-11-24 13:00 UTC what is missing: legal basis" in words
    assert "resume the clock" in words
    assert "paused for insufficient information, 0% of its time" in words
    assert "Its clock was paused from the start." in words
    assert words.index("clock armed") < words.index("clock paused")
    assert 'href="/requests/ar-76"' in page


def test_a_request_page_says_why_a_lawyer_must_look_today(tmp_path):
    order = preservation_order(
        "ar-78",
        kind="production_order",
        legal_basis="national_law",
        demands=["produce_subscriber_data"],
        authority={"country": "FR", "type": "prosecutor"},
    )
    lapsed = judged(removal_order("ar-79"))
    step = lapsed | {
        "type": "clock_updated",
        "reason": "clock_lapsed",
        "sequence": 2,
        "findings": None,
        "clocks": [lapsed["clocks"][0] | {"status": "lapsed"}],
        "lawyer_today": ["It was not shown in time."],
    }
    with World(tmp_path) as world:
        for event in (judged(order), lapsed, step):
            world.put("authority-routing", event)
        contested, late = (text_of(world.browser().page(f"/requests/{name}")) for name in ("ar-78", "ar-79"))
    assert "A lawyer, today" in contested
    assert "reach contested: Reach contested: the platform is neither established" in contested
    assert "A lawyer, today" in late
    assert "It was not shown in time." in late


@pytest.mark.parametrize(
    ("query", "holds"),
    [
        ("country=DE", lambda event: event["authority"]["country"] == "DE"),
        ("decision=refused", lambda event: event["decision"] == "refused"),
        ("gate=human_rights_review", lambda event: event["gate"] == "human_rights_review"),
        ("kind=removal_order", lambda event: event["kind"] == "removal_order"),
    ],
)
def test_requests_are_filtered(world, browser, query, holds):
    first = [json.loads(record.value) for record in world.log if record.topic == "authority-routing"]
    first = [event for event in first if event["type"] == "routed"]
    page = browser.page(f"/requests?listed=all&{query}")
    for event in first:
        assert (f'data-id="{event["request_id"]}"' in page) == holds(event)


def test_clocks_are_filtered_and_sorted_by_due_time(world, browser):
    rows = world.writer.execute(
        "SELECT clock_id, subject, status, obligation FROM clock WHERE is_open ORDER BY due_ms, clock_id"
    ).fetchall()
    assert {row[1] for row in rows} == {"report", "request"}
    page = browser.page("/clocks")
    places = [page.index(f'data-id="{row[0]}"') for row in rows]
    assert places == sorted(places)
    for query, column, value in [
        ("subject=request", 1, "request"),
        ("status=lapsed", 2, "lapsed"),
        (f"duty={rows[0][3]}", 3, rows[0][3]),
    ]:
        page = browser.page(f"/clocks?{query}")
        for row in rows:
            assert (f'data-id="{row[0]}"' in page) == (row[column] == value)


@pytest.mark.parametrize(
    "path",
    [
        "/clocks?status=x",
        "/requests?gate=x",
        "/integrity?kind=x",
        "/questions?state=x",
        "/policies?days=8",
        "/transparency?by=x",
        "/transparency?from=x",
        "/clocks?after=x",
        "/desk?escalated=no",
        "/transparency?from=2026-02-02&to=2026-02-01",
    ],
)
def test_a_wrong_filter_is_refused_with_what_would_be_valid(browser, path):
    assert browser.get(path).status_code == 400


def test_a_question_waits_in_its_lane_and_stands_on_the_page_of_its_case(world):
    asked = example("review-questions", "asked") | {
        "question_id": "q-1", "escalation_id": "seen", "category": "fraud", "sentence": "Seven strangers.",
    }  # fmt: skip
    world.put_case("seen")
    world.put("review-questions", asked)
    browser = world.browser(lead())
    lane = text_of(browser.page("/questions"))
    assert asked["sentence"] in lane
    assert asked["reports"][0]["report_id"] in lane
    assert 'href="/cases/seen"' in browser.page("/questions")
    assert asked["sentence"] in text_of(browser.page("/cases/seen"))
    answered = asked | {"type": "answered", "answer": "held", "at": asked["due_at"], "outcome_ids": ["o-1"]}
    world.put("review-questions", answered)
    # A step that is read late changes nothing.
    world.put("review-questions", asked)
    assert asked["sentence"] not in text_of(browser.page("/questions"))
    assert "Answered by o-1" in text_of(browser.page("/questions?state=answered"))
    assert asked["sentence"] not in text_of(
        world.browser(lead(categories=frozenset({"spam"}))).page("/questions?state=answered")
    )


def test_the_integrity_page_shows_sentence_examples_and_factors(browser):
    words = text_of(browser.page("/integrity?listed=all"))
    for name in ("brigade", "many-channels", "misuse"):
        case = example("integrity-cases", name)
        assert case["sentence"] in words
        for each in case["examples"]:
            assert each["report_id"] in words
    misuse = example("integrity-cases", "misuse")["misuse"]
    assert f"{misuse['manifestly_unfounded']} of {misuse['decided']} decided reports" in words
    assert example("integrity-cases", "misuse")["sentence"] not in text_of(
        browser.page("/integrity?kind=brigade")
    )


def test_transparency_shows_what_the_command_shows(world, browser):
    page = browser.page("/transparency?from=2026-03-01&to=2026-03-01")
    words = text_of(page)
    # 48 reports of the public and detectors, 1 of a state actor, which is hidden.
    assert "Reports, excluding state actors: 48" in words
    assert "Reports by state actors through the users' channel: <5" in words
    assert "Requests of authorities: <5" in words
    assert "Reports, excluding state actors: 0" in text_of(
        browser.page("/transparency?from=2026-03-02&to=2026-03-03")
    )


def test_transparency_shows_numbers_over_time_and_hides_small_ones(browser):
    page = browser.page("/transparency?from=2026-03-01&to=2026-03-10")
    words = text_of(page)
    assert "Reports, excluding state actors, by day" in words
    # Ten bars, of which one is as high as the chart.
    assert page.count('<rect class="bar"') == 10
    assert page.count('height="84.0"') == 1
    assert "2026-03-01 48" in words
    assert "Requests of authorities, by day" not in words
    assert "by month" in text_of(browser.page("/transparency?from=2026-01-01&to=2026-12-31"))


def test_transparency_shows_what_is_open_before_a_period_is_closed(world, browser):
    (waiting,) = world.writer.execute("SELECT count(*) FROM desk_row WHERE waits AND NOT is_clock").fetchone()
    (clocks,) = world.writer.execute("SELECT count(*) FROM clock WHERE is_open").fetchone()
    assert waiting > 1
    assert clocks > 1
    words = text_of(browser.page("/transparency?from=2026-01-01&to=2026-12-31"))
    assert f"{waiting} cases that opened by its end wait for a decision" in words
    assert f"{clocks} legal clocks that began by its end have not ended" in words
    assert "A report about this period is due by 2027-02-28" in words
    assert "tocsin transparency export --from 2026-01-01 --to 2026-12-31" in words
    before = text_of(browser.page("/transparency?from=2020-01-01&to=2020-12-31"))
    assert "Nothing is open." in before
    assert "is due by" not in before


def test_health_shows_topics_versions_and_refused_acts(browser):
    words = text_of(browser.page("/health"))
    assert "has caught up" in words
    assert "Records that it could not read 0" in words
    assert example("escalations", "updated-level-raised")["policy_version"] in words


def test_a_person_sees_nothing_of_categories_that_are_not_theirs(world):
    without = lead(categories=frozenset(CATEGORIES) - {"ncii", "terrorism"})
    browser = world.browser(without)
    hidden = [
        row[0]
        for row in world.writer.execute("SELECT clock_id FROM clock WHERE category IN ('ncii', 'terrorism')")
    ]
    requests = [
        row[0]
        for row in world.writer.execute("SELECT request_id FROM request_row WHERE category = 'terrorism'")
    ]
    assert hidden
    assert requests
    pages = "".join(browser.page(path) for path in PAGES)
    for each in hidden + requests:
        assert each not in pages
    for each in requests:
        browser.page(f"/requests/{each}", 404)
    assert (
        browser.post(
            f"/clocks/{hidden[0]}/acts", data=hidden_fields(browser.page("/desk?listed=all"), "/bulk")
        ).status_code
        == 404
    )
