"""docs/for-lawyers.md says for how long what is kept, as the topics and the code have it."""

import re
from pathlib import Path

import pytest

from streams.running.topics.topic_catalogue import load_catalogue

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/for-lawyers.md").read_text(encoding="utf-8")
PRIVACY = (ROOT / "docs/privacy.md").read_text(encoding="utf-8")
TABLE = PAGE.partition("| what | about whom | kept for |\n| --- | --- | --- |")[2].partition("\n\n")[0]
KEPT = dict(re.findall(r"^\| ([^|]+) \| [^|]+ \| ([^|]+) \|$", TABLE, re.MULTILINE))
DAY_MS = 86_400_000

TOPICS = {
    "reports as they came in": [
        "message-reports",
        "verified-reports",
        "message-reports-internal",
        "reporters-internal",
    ],
    "reports as they were counted, without the reporter's pseudonym": ["enriched-reports"],
    "cases that were opened, and what became of them": ["escalations", "escalations-shadow"],
    "decisions of people": ["moderation-outcomes"],
    "who worked on a case, and when": ["case-activity"],
    "authorities' requests as they came in": ["authority-requests", "authority-requests-internal"],
    "how a request was answered": ["authority-routing"],
    "warnings and pauses of reporters, as decided": ["reporter-standing"],
    "notices to reporters": ["reporter-notices"],
    "cases about coordinated reporting": ["integrity-cases"],
    "refused records, if they may be kept at all": ["dead-letters", "refusals"],
}
# In compacted topics, where the code deletes: the words of docs/privacy.md, which other tests hold to it.
STATE = {
    "what a channel was reported for, as counts and keyed hashes": (
        "channel-state",
        ("31 days", "90 days", "180 "),
    ),
    "how often a reporter was right, by keyed hash": ("reporter-state", ("22 days", "360 ")),
    "open legal deadlines": ("authority-state", ()),
    "numbers for transparency reports": ("transparency-counters", ("for ever",)),
    "who proposed and approved rules": ("rule-changes", ("for ever",)),
}


@pytest.mark.parametrize("what", TOPICS)
def test_a_time_is_that_of_the_topics(what):
    kept = {int(load_catalogue()[name].config["retention.ms"]) // DAY_MS for name in TOPICS[what]}
    number, unit = KEPT[what].split()
    assert {int(number) * (365 if unit == "year" else 1)} == kept


@pytest.mark.parametrize("what", STATE)
def test_a_time_of_the_state_is_what_the_page_of_personal_data_says(what):
    topic, times = STATE[what]
    (row,) = re.findall(rf"^\|.*`{topic}`[`,a-z -]* \|.*$", PRIVACY, re.MULTILINE)
    assert [each for each in times if each not in row or each not in KEPT[what]] == []


def test_every_row_is_tested_and_nothing_that_is_kept_about_people_is_left_out():
    assert KEPT.keys() == TOPICS.keys() | STATE.keys()
    said = {name for names in TOPICS.values() for name in names} | {topic for topic, _ in STATE.values()}
    left = set(load_catalogue()) - said
    # Passing, about nobody, or copies: docs/privacy.md has them.
    assert left == {
        "clock-outcomes", "claims", "worker-progress", "desk-views", "detector-feedback", "review-questions",
        "deliveries-set-aside", "rule-sets", "rule-trials", "intake-positions",
    }  # fmt: skip


def test_the_page_is_without_code():
    text = re.sub(r"\[`docs/[\w-]+\.md`\]\([\w.-]+\)", "", PAGE)
    assert "`" not in re.sub(r"```mermaid.*?```", "", text, flags=re.DOTALL)


def test_the_template_has_the_four_parts_of_the_article():
    assert re.findall(r"art\. 35\(7\)\(([a-d])\)", PAGE) == ["a", "b", "c", "d"]
