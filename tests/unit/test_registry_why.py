"""`tocsin registry why`: part by part, and always what the stages decide."""

import dataclasses
import json
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from streams.commands.main import commands
from streams.commands.registry import options
from streams.commands.registry.case_file import Case, RequestCase, read_case
from streams.commands.registry.row_parts import verdict
from streams.contract.events.obligation import AppliedObligation
from streams.contract.wire.times import epoch_ms
from streams.deciding.law.duty import escalated_duty
from streams.deciding.law.resolution import Resolver
from streams.registry.loader import load_rules
from streams.registry.row_of_law import NextDay, WatchedRow
from tests.marked import marked, read_on

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "schemas" / "examples"
RULES = load_rules()
RESOLVER = Resolver(RULES)
ROWS = {row.id: row for row in RULES.obligations}
NOTICE = ["subject_or_authorised", "location", "good_faith", "contact", "signature"]
ORDER = EXAMPLES / "authority-requests" / "v1" / "removal-order.json"


def report(**changes: Any) -> dict[str, Any]:
    """A request of a person in the US for the removal of images, with all that the law of the US asks for."""
    return {
        "report_id": "r-1",
        "kind": "statutory_victim_request",
        "occurred_at": "2026-11-24T12:00:00Z",
        "channel": {"ref": "c-1", "visibility": "public"},
        "category": "ncii_deepfake",
        "evidence": [{"country": "US", "basis": "victim", "confidence": 0.9}],
        "notice": {"elements": NOTICE},
        **changes,
    }


def order(**changes: Any) -> dict[str, Any]:
    """The removal order of the examples."""
    found: dict[str, Any] = json.loads(ORDER.read_text("utf-8"))["value"]
    return found | changes


@pytest.fixture
def case(tmp_path: Path) -> Any:
    """Writes a case to a file."""

    def written(content: object) -> Path:
        path = tmp_path / "case.json"
        path.write_text(json.dumps(content), encoding="utf-8")
        return path

    return written


def why(*arguments: object) -> Result:
    return CliRunner().invoke(commands, ["registry", "why", *map(str, arguments)])


def shown(row: str, path: Path) -> dict[str, Any]:
    result = why(row, path, "--json")
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def failing(document: dict[str, Any]) -> dict[str, str | None]:
    """The parts that do not fit, with the reason."""
    return {each["part"]: each["reason"] for each in document["parts"] if each["fits"] is False}


TAKE_DOWN = "US.take-it-down.s3"


def test_a_clock_that_runs_has_no_part_that_does_not_fit(case: Any) -> None:
    document = shown(TAKE_DOWN, case(report()))
    assert document["armed"] is True
    assert document["duty"]["due_at"] == "2026-11-26T12:00:00.000Z"
    assert {each["fits"] for each in document["parts"]} == {True}
    assert "signature   unsigned" in why(TAKE_DOWN, case(report())).stdout


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"occurred_at": "2026-05-18T12:00:00Z"}, {"dates": None}),
        ({"evidence": [{"country": "KR", "basis": "victim", "confidence": 0.9}]}, {"place": None}),
        ({"category": "spam"}, {"category": None}),
        # A user may report the same: the duty follows only after a person's review, or not at all.
        ({"kind": "user_report"}, {"trigger": None}),
        ({"notice": {"elements": NOTICE[:-1]}}, {"elements": "elements_missing"}),
        (
            {"category": "spam", "occurred_at": "2026-05-18T12:00:00Z", "notice": None},
            {"dates": None, "category": None, "elements": "elements_missing"},
        ),
    ],
)
def test_each_part_that_does_not_fit_is_named_whatever_the_others_do(
    case: Any, changes: dict[str, Any], parts: dict[str, str | None]
) -> None:
    document = shown(TAKE_DOWN, case(report(**changes)))
    assert failing(document) == parts
    assert document["armed"] is False


@pytest.mark.parametrize(
    ("change", "part", "reason"),
    [
        ({"marks": marked("unverified")}, "marks", "unverified"),
        ({"marks": marked("secondary")}, "marks", "unverified"),
        ({"duration": None, "standard": "promptly"}, "time", "no_duration"),
        ({"public_only": True}, "visibility", None),
        ({"exempt_sizes": ("micro",)}, "size", None),
    ],
)
def test_what_the_row_says_is_seen_by_itself(
    case: Any, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], part: str, reason: str | None
) -> None:
    changed = dataclasses.replace(ROWS[TAKE_DOWN], **change)
    rules = dataclasses.replace(
        RULES,
        obligations=tuple(changed if row.id == TAKE_DOWN else row for row in RULES.obligations),
        platform=dataclasses.replace(RULES.platform, size="micro"),
    )
    monkeypatch.setattr(options, "load_rules", lambda **_: rules)
    path = case(report(channel={"ref": "c-1", "visibility": "private"}))
    assert failing(shown(TAKE_DOWN, path)) == {part: reason}


def test_a_request_is_judged_by_its_own_stage(case: Any) -> None:
    document = shown("EU.tco.art3-3", ORDER)
    assert (document["armed"], document["duty"]["due_at"]) == (True, "2026-11-24T13:00:00.000Z")
    other = shown("EU.tco.art3-3", case(order(legal_basis="dsa_art9")))
    assert "legal basis" in failing(other)
    urgent = shown("EU.e-evidence.art10-4", case(order()))
    assert {"legal basis", "urgency"} <= failing(urgent).keys()


def test_a_row_that_lets_its_clock_pause_says_what_is_missing(case: Any) -> None:
    elements = [name for name in order()["elements"] if name != "signature"]
    path = case(order(elements=elements))
    document = shown("EU.tco.art3-3", path)
    assert (document["armed"], document["paused"]) == (True, True)
    assert failing(document) == {"elements": "elements_missing"}
    text = " ".join(why("EU.tco.art3-3", path).stdout.split())
    assert "Verdict: the clock is paused from the start" in text
    assert "The request lacks: signature." in text
    assert "without the pause: due 2026-11-24 13:00 UTC." in text
    # The law says "without undue delay", so the day is the platform's own.
    assert "Tell the authority of that without undue delay; own target: 2026-11-24 " in text
    assert "must be told" not in text
    # The duty to tell it follows from what is missing, and has no clock to pause.
    told = [
        row.id for row in RULES.obligations
        if row.trigger == "incomplete_order" and "tco_art3" in row.legal_bases
    ]  # fmt: skip
    assert told
    for row in told:
        assert failing(shown(row, path)).keys() <= {"marks", "time"}
        assert "trigger" in failing(shown(row, ORDER))


def shown_as_text(row: str, path: Path) -> str:
    result = why(row, path)
    assert result.exit_code == 0, result.output
    return " ".join(result.stdout.split())


def test_the_end_of_a_wait_and_of_keeping_are_no_deadlines() -> None:
    waiting = shown_as_text("EU.e-evidence.art10-2", ORDER.parent / "production-order-not-said.json")
    assert "Verdict: the clock runs: send nothing before 2026-12-05 04:00 UTC." in waiting
    keeping = shown_as_text("EU.tco.art6", ORDER)
    assert "Verdict: the clock runs: keep until 2027-05-25 04:00 UTC." in keeping
    acting = shown_as_text("EU.tco.art3-3", ORDER)
    assert "Verdict: the clock runs: due 2026-11-24 13:00 UTC." in acting


def with_row(monkeypatch: pytest.MonkeyPatch, row_id: str, **changes: Any) -> None:
    """Let the commands read the law with a changed row."""
    changed = tuple(
        dataclasses.replace(row, **changes) if row.id == row_id else row for row in RULES.obligations
    )
    monkeypatch.setattr(options, "load_rules", lambda **_: dataclasses.replace(RULES, obligations=changed))


@pytest.mark.parametrize(
    ("row", "end"),
    [
        ("EU.tco.art3-3", "due 2026-11-24 13:00 UTC"),
        ("EU.tco.art6", "keep until 2027-05-25 04:00 UTC"),
    ],
)
def test_an_advisory_row_says_the_setting_and_the_day(
    monkeypatch: pytest.MonkeyPatch, row: str, end: str
) -> None:
    with_row(monkeypatch, row, marks=marked("secondary"), runs_from=None)
    text = shown_as_text(row, ORDER)
    assert "Verdict: advisory: the duty applies, but its clock does not run" in text
    assert f"`secondary_rows_arm` is false; by the row: {end}." in text
    # The marks keep the clock from running, and nothing else does.
    marks = next(line for line in why(row, ORDER).stdout.splitlines() if line.startswith("marks  "))
    assert marks.split()[1] == "NO" and marks.endswith("advisory")
    assert shown(row, ORDER)["duty"]["target_at"]


def test_a_clock_of_a_verified_row_does_not_depend_on_the_setting() -> None:
    text = shown_as_text("EU.tco.art3-3", ORDER)
    assert "time and dates verified" in text
    assert "secondary" not in text.partition("signature")[0]


def test_a_legal_time_to_tell_the_authority_is_a_must(case: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    row = next(
        row.id for row in RULES.obligations
        if row.trigger == "incomplete_order" and row.action == "notify_authority"
        and "tco_art3" in row.legal_bases
    )  # fmt: skip
    with_row(monkeypatch, row, duration="PT20M", marks=marked("verified"))
    path = case(order(elements=[name for name in order()["elements"] if name != "signature"]))
    assert "The authority must be told of that by 2026-11-24 12:20 UTC." in shown_as_text(row, path)


def test_an_authority_that_is_not_competent_is_the_verdict(case: Any) -> None:
    text = shown_as_text("EU.tco.art3-3", case(order(category="terrorism", demands=["geo_disable"])))
    assert "Verdict: the authority is not competent, so no clock of the duty runs." in text
    assert "The authority is not competent: This law does not cover: geo_disable." in text
    assert "such as an order" not in text


def test_a_refused_request_says_so_and_asks_no_part(case: Any) -> None:
    path = EXAMPLES / "authority-requests" / "v1" / "encryption-keys.json"
    document = shown("EU.e-evidence.art10-3", path)
    assert document["case_reason"] == "no_duty_follows"
    assert {each["fits"] for each in document["parts"]} == {None}
    assert "The request is refused (encryption_keys)" in why("EU.e-evidence.art10-3", path).stdout


def test_an_enriched_report_shows_what_was_decided_then() -> None:
    path = EXAMPLES / "enriched-reports" / "v1" / "user-report.json"
    event = json.loads(path.read_text("utf-8"))["value"]
    recorded = event["obligations"][0]
    document = shown(recorded["id"], path)
    assert document["recorded"].endswith(f"by rules {event['registry_version']}")
    assert recorded["not_armed_reason"] in document["recorded"]
    assert "recorded    the clock did not run" in why(recorded["id"], path).stdout


def test_law_that_is_not_in_force_starts_no_clock(case: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    bill = WatchedRow(
        id="GB.bill",
        jurisdiction="GB",
        status="bill",
        instrument="Bill",
        article="s. 1",
        title="Take it down",
        in_force_from=None,
        next=NextDay(date(2027, 1, 15), "second reading"),
        sources=read_on(date(2026, 11, 28)),
        marks=marked("secondary"),
        owner="registry",
        read_by=None,
        review_by=date(2027, 2, 1),
    )
    monkeypatch.setattr(options, "load_rules", lambda **_: dataclasses.replace(RULES, watched=(bill,)))
    result = why("GB.bill", case(report()))
    assert "the law is not in force (bill)" in result.stdout
    assert "Next: 2027-01-15, second reading" in result.stdout
    assert shown("GB.bill", case(report()))["armed"] is False


def test_an_unknown_row_is_answered_with_those_that_are_spelled_like_it(case: Any) -> None:
    result = why("US.take-it-down.s4", case(report()))
    assert result.exit_code == 2
    assert "Did you mean US.take-it-down.s3" in result.stderr


@pytest.mark.parametrize("content", [[], {"report_id": "r-1"}, {"request_id": "q"}, {"report": {}}, "text"])
def test_a_file_that_is_no_case_is_refused(case: Any, content: object) -> None:
    result = why(TAKE_DOWN, case(content))
    assert result.exit_code == 1
    assert "case.json" in result.stderr


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{}", "no `report_id` or `request_id`; is it a CloudEvent? Give its `data`."),
        (json.dumps({"specversion": "1.0", "data": report()}), "is it a CloudEvent? Give its `data`."),
        (f"{json.dumps(report())}\n\n{json.dumps(report())}\n", "holds more than one case"),
        (f"{json.dumps(report())}\n{{", "unexpected"),
    ],
)
def test_what_is_wrong_with_a_case_file_is_said(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "case.json"
    path.write_text(content, encoding="utf-8")
    result = why(TAKE_DOWN, path)
    assert result.exit_code == 1
    assert said in " ".join(result.stderr.split())


CASES = [
    *sorted((EXAMPLES / "authority-requests" / "v1").glob("*.json")),
    *sorted((EXAMPLES / "message-reports" / "v1").glob("plain-*.json")),
    *sorted((EXAMPLES / "enriched-reports" / "v1").glob("*.json")),
]


def without_rank(duty: AppliedObligation | None) -> AppliedObligation | None:
    """The duty without its rank among others, which has no part in its clock."""
    return None if duty is None else msgspec.structs.replace(duty, strictest=False)


def duties(found: Case) -> dict[str, AppliedObligation]:
    """What a stage publishes, by all rules at once."""
    if isinstance(found, RequestCase):
        return {duty.id: duty for duty in found.judgement(RULES).findings.obligations}
    received = epoch_ms(found.received)
    published = (escalated_duty(duty, RULES, received) for duty in RESOLVER.resolve(found.report).duties)
    return {duty.id: duty for duty in published}


@pytest.mark.slow
@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, id=path.stem, marks=[pytest.mark.nightly] * (number % 3 > 0))
        for number, path in enumerate(CASES)
    ],
)
def test_the_parts_agree_with_the_verdict_of_the_stage(path: Path) -> None:
    agree(path)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["removal-order", "production-order-emergency", "production-order-not-said"])
def test_the_parts_agree_with_the_verdict_about_an_order_that_lacks_something(case: Any, name: str) -> None:
    whole = json.loads((ORDER.parent / f"{name}.json").read_text("utf-8"))["value"]
    agree(case(whole | {"elements": whole["elements"][1:]}))


def agree(path: Path) -> None:
    """For every row: the clock runs if and only if every part fits and the case stands in no way."""
    found = read_case(path, RULES)
    published = duties(found)
    for row in RULES.obligations:
        judged = verdict(RULES, row, found)
        assert without_rank(judged.duty) == without_rank(published.get(row.id))
        fits = all(each.fits for each in judged.parts)
        runs = judged.armed and not judged.paused
        # What runs from another duty is kept as long as that one is only paused.
        kept = row.runs_from in found.paused(RULES)
        assert runs == (fits and judged.case_applies and (judged.case_reason is None or kept)), row.id
        assert judged.paused == (row.id in found.paused(RULES))
        applies = all(each.fits for each in judged.parts if not each.part.arms)
        assert (judged.duty is not None) <= (applies and judged.case_applies), row.id
