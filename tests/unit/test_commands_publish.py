"""`tocsin publish` without a broker: which lines are accepted, and which events they become."""

import io
import json
import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from streams.commands.publish.command import _Lines, publish
from streams.commands.shared.old_reports import OldReports
from streams.commands.shared.reach import Reach
from streams.contract.events.authority_request import AUTHORITY_REQUEST_TYPE
from streams.contract.events.case_activity import CASE_ACTIVITY_TYPE
from streams.contract.events.clock_outcome import CLOCK_OUTCOME_TYPE
from streams.contract.events.moderation_outcome import MODERATION_OUTCOME_TYPE
from streams.contract.wire.envelope import rfc3339
from streams.contract.wire.forms.outcome_decoding import decode_clock_outcome
from streams.contract.wire.times import DAY, HOUR, MINUTE, moment_ms
from streams.counting.counts import ChannelCounts
from streams.counting.windows import RINGS, window_spec
from streams.registry.categories import built_in_categories
from streams.registry.policies import load_policies
from streams.registry.sources import load_sources
from streams.running.clients.published_event import published_event
from streams.running.wall_clock import clock_ms
from tests.readers import decode_case_activity, decode_moderation_outcome, decode_report, decode_request

REPORT = {
    "report_id": "r-1",
    "kind": "user_report",
    "occurred_at": "2026-03-01T13:00:00+01:00",
    "channel": {"ref": "channel-1", "visibility": "public"},
    "category": "spam",
}
GOOD = json.dumps(REPORT | {"occurred_at": rfc3339(clock_ms() - MINUTE)})


def old():
    return OldReports(Reach(load_policies()))


def dry_run(text: str, *arguments: str):
    return CliRunner().invoke(publish, ["--dry-run", *arguments, "-"], input=text)


def test_valid_lines_are_all_accepted():
    result = dry_run(f"{GOOD}\n{GOOD}\n")
    assert result.exit_code == 0
    assert result.stdout == "2 ready to publish, 0 refused\n"


def test_invalid_lines_are_named_with_number_reason_and_field_and_the_others_accepted():
    wrong = json.dumps(REPORT | {"category": "rudeness"})
    result = dry_run(f"{GOOD}\nnot json\n{wrong}\n{GOOD}\n")
    assert result.exit_code == 1
    first, second = result.stderr.splitlines()
    assert first.startswith("line 2: not_json: value: ")
    assert second.startswith("line 3: unknown_category: category: ")
    assert "rudeness" not in result.stderr
    assert result.stdout == "2 ready to publish, 2 refused\n"


def test_all_that_is_wrong_with_a_report_is_said_at_once():
    """A report whose every field is wrong in its own way, and one that is fine but for a misspelt field."""
    wrong = {
        "report_id": "r\n",
        "kind": 3,
        "occured_at": "2026-03-01T12:00:00Z",
        "channel": {"ref": 5, "visibility": "hidden"},
        "category": "rudeness",
        "reporter": {"kind": "nobody"},
        "evidence": [{"country": "Germany"}],
    }
    misspelt = json.loads(GOOD)
    misspelt["occured_at"] = misspelt.pop("occurred_at")
    result = dry_run(f"{json.dumps(wrong)}\n{json.dumps(misspelt)}\n{GOOD}\n")
    assert result.stdout == "1 ready to publish, 2 refused\n"
    *of_first, of_second = result.stderr.splitlines()
    assert {line.split(": ")[2] for line in of_first} == {
        "report_id", "kind", "occurred_at", "channel.ref", "channel.visibility", "category", "reporter.kind",
        "evidence[0].country",
    }  # fmt: skip
    assert all(line.startswith("line 1: ") for line in of_first)
    assert of_second.startswith("line 2: missing_field: occurred_at: ")
    assert of_second.endswith("(occured_at is no field: a misspelling?)")
    assert not any(word in result.stderr for word in ("rudeness", "nobody", "Germany", "hidden"))


@pytest.mark.parametrize("text", [json.dumps(REPORT, indent=1), json.dumps([REPORT], indent=1)])
def test_an_object_over_several_lines_is_said_to_be_one(text):
    result = dry_run(f"{GOOD}\n{text}\n")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: line 2 begins an object that goes on over several lines")
    assert len(result.stderr.splitlines()) == 1


def test_a_hundred_refused_lines_are_shown_and_the_others_counted():
    result = dry_run("not json\n" * 300 + "{}\n" + GOOD)
    assert result.exit_code == 1
    *shown, last = result.stderr.splitlines()
    assert [line.split(":")[0] for line in shown] == [f"line {number}" for number in range(1, 101)]
    assert last == "201 more refused lines are not shown: 200 not_json, 1 missing_field"
    assert result.stdout == "1 ready to publish, 301 refused\n"


def test_a_line_without_an_end_is_refused_once_and_takes_no_memory():
    longest = 0

    class Endless(io.BytesIO):
        def read1(self, size: int | None = -1) -> bytes:
            nonlocal longest
            longest = max(longest, tracemalloc.get_traced_memory()[0])
            return super().read1(size)

    lines = _Lines(None, "/platform/web", load_sources(), built_in_categories(), old())
    file = Endless(b"x" * 20_000_000 + b"\n" + GOOD.encode())
    tracemalloc.start()
    try:
        events = [event for batch in lines.read(file) for event in batch]
    finally:
        tracemalloc.stop()
    assert (len(events), lines.refused.number) == (1, 1)
    assert longest < 5_000_000


def test_each_report_goes_to_the_topic_that_takes_it():
    notice = REPORT | {"kind": "trusted_flagger_notice", "reporter": {"kind": "trusted_flagger"}}
    lines = _Lines(None, "/platform/web", load_sources(), built_in_categories(), old())
    text = f"{GOOD}\n{json.dumps(notice)}\n"
    events = [event for batch in lines.read(io.BytesIO(text.encode())) for event in batch]
    assert [event.topic for event in events] == ["message-reports", "verified-reports"]


def test_a_report_for_the_other_topic_is_refused_with_that_topic():
    notice = json.dumps(json.loads(GOOD) | {"kind": "trusted_flagger_notice"})
    assert dry_run(notice, "--to", "verified-reports").exit_code == 0
    result = dry_run(f"{GOOD}\n{notice}", "--to", "message-reports")
    assert result.exit_code == 1
    assert result.stderr == (
        "line 2: not_allowed_here: kind: Must be user_report in message-reports. "
        "Publish this report to verified-reports.\n"
    )


def test_the_deployments_own_file_decides_what_a_topic_takes(monkeypatch):
    notice = json.dumps(json.loads(GOOD) | {"kind": "trusted_flagger_notice"})
    path = Path(__file__).parents[2] / "deploy" / "registry" / "sources-while-moving.yaml"
    monkeypatch.setenv("TOCSIN_SOURCES_FILE", str(path))
    assert dry_run(notice, "--to", "message-reports").exit_code == 0


def test_empty_lines_are_skipped_but_counted_in_line_numbers():
    result = dry_run(f"\n{GOOD}\r\n\n  \nnope")
    assert result.stderr.startswith("line 5: not_json")
    assert result.stdout == "1 ready to publish, 1 refused\n"


def aged(category: str, age_ms: int) -> str:
    return json.dumps(REPORT | {"category": category, "occurred_at": rfc3339(clock_ms() - age_ms)})


def test_a_report_outside_of_every_window_is_published_with_a_warning_once_per_category():
    old = aged("ncii_deepfake", 4 * DAY)
    result = dry_run("\n".join([GOOD, old, old, aged("fraud", 40 * DAY)]))
    assert result.exit_code == 0
    assert result.stdout == "4 ready to publish, 0 refused, 3 too old for every policy\n"
    first, second = result.stderr.splitlines()
    assert first == (
        "line 2: 4 days old: outside the window of every policy for ncii_deepfake (P3D): a person looks at it, "
        "and it adds no risk"
    )
    assert second.startswith("line 4: 40 days old: outside the window of every policy for fraud (")
    assert second.endswith("): it is not counted, and no policy opens anything for it")


def test_the_deployments_own_policies_decide_what_is_too_old(monkeypatch, tmp_path):
    shipped = (Path(__file__).parents[2] / "streams/registry/policies.yaml").read_text()
    own = tmp_path / "policies.yaml"
    own.write_text(shipped.replace("window: P3D", "window: P7D"))
    monkeypatch.setenv("TOCSIN_POLICIES_FILE", str(own))
    assert dry_run(aged("ncii_deepfake", 4 * DAY)).stderr == ""
    assert "(P7D)" in dry_run(aged("ncii_deepfake", 8 * DAY)).stderr


NOON = moment_ms("2026-11-28T12:00:00Z")


@pytest.mark.parametrize("policy", load_policies(), ids=lambda policy: policy.id)
def test_what_reaches_back_is_what_a_worker_counts(policy):
    """The age at which the warning begins is that at which no window that is judged has the report.

    The channel has a report in each pane, so that there is a window to judge that ends with each.
    """
    spec = window_spec(policy.window_ms, policy.window)
    pane, late = RINGS[spec.ring].pane_ms, RINGS[spec.ring].late * RINGS[spec.ring].pane_ms
    busy = ChannelCounts()
    for at in range(NOON - policy.window_ms - late, NOON + 1, pane):
        busy.add(at, at, "anonymous", None, 1, None, 0)
    around = [back for end in (0, policy.window_ms, policy.window_ms + late) for back in (end - pane, end)]
    ages = {max(0, back + more) for back in around for more in (-pane // 2, -1, 0, 1, pane // 2, pane)}
    said, judged = {}, {}
    for age in sorted({4 * MINUTE, HOUR, 29 * DAY, *ages}):
        occurred = NOON - age
        counts = ChannelCounts.decode(busy.encode())
        counts.add(occurred, NOON, "anonymous", None, 1, None, 0)
        ends = [end for end in counts.later_ends(spec, occurred, NOON) if counts.is_whole(spec, end)]
        where = "then" if any(counts.measure(spec, end) != busy.measure(spec, end) for end in ends) else "out"
        judged[age] = "now" if counts.measure(spec, NOON) != busy.measure(spec, NOON) else where
        reach = Reach([policy])
        ((_, _, said[age]),) = reach.judged(policy.categories[0], occurred, NOON)
        for text in (reach.too_old, reach.out_of_reach):
            assert (text(policy.categories[0], occurred, NOON) is None) == (said[age] != "out")
    assert said == judged
    assert set(said.values()) == {"now", "then", "out"}


def test_only_the_policies_that_do_not_judge_a_late_report_are_named():
    policies = load_policies()
    fraud = [policy for policy in policies if "fraud" in policy.categories and policy.mode != "off"]
    shorter, longer = (replace(fraud[0], id=name, window_ms=hours * HOUR, window=f"PT{hours}H")
                       for name, hours in (("shorter", 1), ("longer", 24)))  # fmt: skip
    reach = Reach([longer, shorter])
    assert reach.out_of_reach("fraud", NOON - 10 * HOUR, NOON) is None
    assert (
        reach.out_of_reach("fraud", NOON - 20 * HOUR, NOON) == "20 hours late, out of reach of shorter (PT1H)"
    )
    assert reach.out_of_reach("fraud", NOON - 3 * DAY, NOON) == (
        "3 days late, out of reach of shorter (PT1H), longer (PT24H): it is counted, and no policy opens "
        "anything for it"
    )


def test_without_a_policy_nothing_is_too_old():
    off = [replace(policy, mode="off") for policy in load_policies()]
    assert Reach(off).too_old("fraud", NOON - 20 * DAY, NOON) is None


EXAMPLES = Path(__file__).parents[2] / "schemas/examples"


def example(topic: str, name: str) -> dict:
    return json.loads((EXAMPLES / topic / "v1" / f"{name}.json").read_text())["value"]


def test_requests_and_outcomes_are_accepted_for_their_own_topic_alone():
    request = json.dumps(example("authority-requests", "removal-order"))
    outcome = json.dumps(example("clock-outcomes", "binary-fulfilled"))
    ready = "1 ready to publish, 1 refused\n"
    for topic, line in (("authority-requests", request), ("clock-outcomes", outcome)):
        result = dry_run(f"{line}\n{GOOD}", "--to", topic)
        assert (result.stdout, result.exit_code) == (ready, 1), topic
        assert result.stderr.startswith("line 2: ")
    assert dry_run(request).exit_code == 1


@pytest.mark.parametrize(
    ("topic", "name", "key", "identity"),
    [
        ("authority-requests", "removal-order", b"ar-0001", b"ar-0001"),
        (
            "clock-outcomes",
            "binary-fulfilled",
            b"jcvc2xiwrv4k3tykvilbpbku52",
            b"01K5Q000000000000000000901",
        ),
        (
            "moderation-outcomes",
            "binary-message-upheld",
            b"ujfxnhoipnh7oyobnm6onb7wjc",
            b"01K5Q000000000000000001001",
        ),
        (
            "case-activity",
            "snoozed",
            b"ujfxnhoipnh7oyobnm6onb7wjc",
            b"01K5Q000000000000000002003",
        ),
        ("case-activity", "request-decided", b"ar-0001", b"01K5Q000000000000000002011"),
    ],
)
def test_an_event_of_any_topic_has_the_key_of_its_home_partition(topic, name, key, identity):
    value = json.dumps(example(topic, name)).encode()
    event = published_event(topic, value, "/desk", 1_900_000_000_000)
    assert (event.key, event.value) == (key, value)
    headers = dict(event.headers)
    assert (headers["ce_id"], headers["ce_source"]) == (identity, b"/desk")
    assert (
        headers["ce_type"].decode()
        == {
            "authority-requests": AUTHORITY_REQUEST_TYPE,
            "clock-outcomes": CLOCK_OUTCOME_TYPE,
            "moderation-outcomes": MODERATION_OUTCOME_TYPE,
            "case-activity": CASE_ACTIVITY_TYPE,
        }[topic]
    )
    decode = {
        "authority-requests": decode_request,
        "clock-outcomes": decode_clock_outcome,
        "moderation-outcomes": decode_moderation_outcome,
        "case-activity": decode_case_activity,
    }[topic]
    assert decode(event.value, event.headers, 1_900_000_000_000)[1] == "/desk"


def test_a_file_is_read_like_standard_input(tmp_path):
    path = tmp_path / "reports.jsonl"
    path.write_text(f"{GOOD}\n" * 3)
    result = CliRunner().invoke(publish, ["--dry-run", str(path)])
    assert result.stdout == "3 ready to publish, 0 refused\n"


@pytest.mark.parametrize("source", ["", "someone@example.org", "two\nlines"])
def test_an_invalid_source_is_refused_at_once(source):
    result = dry_run(GOOD, "--source", source)
    assert result.exit_code == 2
    assert "--source" in result.stderr


def test_an_event_has_the_channel_as_key_the_line_as_value_and_id_and_source_as_headers():
    line = json.dumps(REPORT)
    ((event,), *rest) = _Lines(None, "/platform/web", load_sources(), built_in_categories(), old()).read(
        io.BytesIO(f"  {line} \n".encode())
    )
    assert not any(rest)
    assert event.key == b"channel-1"
    assert event.value == line.encode()
    headers = dict(event.headers)
    assert headers["ce_id"] == b"r-1"
    assert headers["ce_time"] == b"2026-03-01T12:00:00.000Z"
    report, source, _ = decode_report(event.value, event.headers, 1_800_000_000_000)
    assert (report.report_id, source) == ("r-1", "/platform/web")


class Trickle(io.BytesIO):
    """Returns three bytes per read, as a pipe may return less than was asked for."""

    def read1(self, size: int | None = -1) -> bytes:
        return super().read1(3)


def test_lines_that_arrive_in_pieces_are_joined():
    lines = _Lines("message-reports", "/platform/web", load_sources(), built_in_categories(), old())
    events = [event for batch in lines.read(Trickle(f"{GOOD}\nbad\n{GOOD}".encode())) for event in batch]
    assert [event.value for event in events] == [GOOD.encode()] * 2
    assert lines.refused.number == 1
