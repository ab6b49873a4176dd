"""An account that is reported counts like a channel, and policies, events and the desk know that it is one."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from streams.contract.events.escalation import Escalation
from streams.contract.events.report import Channel
from streams.contract.wire.encoding import encode
from streams.deciding.reports.state import ReportState, restore_reports
from streams.desk.text.case_facts import case_facts
from streams.desk.text.case_sentence import case_sentence
from streams.intake.refs import with_pseudonyms
from streams.registry.reading.errors import RegistryError
from streams.registry.policies import load_policies
from streams.registry.policies import SHIPPED as POLICIES
from tests.unit.both_stages import Deployment, of
from tests.unit.test_standing import CHILD
from tests.unit.clock_traffic import clock_events, clock_rules, duty
from tests.unit.traffic import (
    DAY,
    HOUR,
    MINUTE,
    START,
    Record,
    compiled,
    fold,
    levels,
    of_topic,
    policy,
    report,
    run,
    tick,
)

SPAM = replace(CHILD, id="spam", categories=("spam",))
OF_ACCOUNTS = replace(SPAM, id="spam-accounts", channel_kind="account")
OF_ROOMS = replace(SPAM, id="spam-rooms", channel_kind="channel")


def account(number: int, **fields: Any) -> Record:
    record = report(number, START + number * MINUTE, **fields)
    value = msgspec.json.decode(record.value or b"")
    value["channel"]["kind"] = "account"
    return record._replace(value=msgspec.json.encode(value))


def escalations(records: list[Record], *policies: Any) -> list[dict[str, Any]]:
    return of(Deployment(policies=policies).publish(records), "escalations")


@pytest.mark.parametrize("reporter", [True, False])
def test_policies_may_ask_for_accounts_or_for_the_others(reporter: bool) -> None:
    own = {} if reporter else {"reporter": None}
    policies = (SPAM, OF_ACCOUNTS, OF_ROOMS)
    of_account = escalations([account(number, **own) for number in range(40)], *policies)
    of_room = escalations([report(number, START + number * MINUTE, **own) for number in range(40)], *policies)
    assert {event["policy"] for event in of_account} == {SPAM.id, OF_ACCOUNTS.id}
    assert {event["policy"] for event in of_room} == {SPAM.id, OF_ROOMS.id}
    # All else is the same: an account is counted as any channel.
    opened = [
        [event["counts"] for event in events if event["policy"] == SPAM.id]
        for events in (of_account, of_room)
    ]
    assert opened[0] == opened[1]
    assert {event.get("channel_kind") for event in of_account} == {"account"}
    assert not [event for event in of_room if "channel_kind" in event]


def test_a_clock_says_in_all_its_events_that_it_is_about_an_account() -> None:
    rules = clock_rules(duty())
    for record, kind in ((account(1), "account"), (report(1, START), None)):
        state = ReportState(0, 1, rules)
        events = clock_events(run(state, rules, [record]))
        events += clock_events(run(state, rules, [tick(state.time.applied, START + DAY)]))
        assert [event["reason"] for event in events][-1] == "clock_lapsed"
        assert {event.get("channel_kind") for event in events} == {kind}


def test_a_case_that_waited_for_a_budget_says_that_it_is_about_an_account() -> None:
    rules = compiled(policy(levels=levels({"reports": 1}), per_hour=1))
    state = ReportState(0, 1, rules)
    # One is within the budget, and one beyond it opens as a digest; the others wait.
    burst = [account(number, channel=f"c{number}") for number in range(3)]
    burst.append(report(3, START + 4 * MINUTE, channel="c3"))
    batches = [run(state, rules, burst)]
    assert len(state.budgets) == 2
    kept: dict[bytes, bytes] = {}
    fold(kept, batches[0].changes)
    state = restore_reports(0, 1, rules, kept.items())
    for hour in range(1, 4):
        now = START + hour * HOUR
        elsewhere = report(100 + hour, now, channel="elsewhere", category="ip")
        batches.append(run(state, rules, [elsewhere]))
    opened = {
        event["channel_ref"]: event.get("channel_kind")
        for batch in batches
        for event in of_topic(batch, "escalations")
        if event["type"] == "opened"
    }
    assert opened == {"c0": "account", "c1": "account", "c2": "account", "c3": None}


def test_the_desk_says_that_it_is_an_account() -> None:
    for records, said in (
        ([account(number) for number in range(40)], "report an account"),
        ([report(number, START + number * MINUTE) for number in range(40)], "report a channel"),
    ):
        events = [msgspec.convert(event, Escalation) for event in escalations(records, SPAM)]
        assert said in str(case_sentence(case_facts(events)))
        # The last event of a quiet channel has no report that would say it.
        resolved = msgspec.structs.replace(events[-1], type="resolved", channel_kind=msgspec.UNSET)
        assert said in str(case_sentence(case_facts([*events, resolved])))


def test_what_is_no_account_is_written_as_before() -> None:
    assert encode(Channel("c", "public")) == b'{"ref":"c","visibility":"public"}'
    assert encode(Channel("c", "public", kind="account")).endswith(b'"kind":"account"}')
    shipped = load_policies()
    assert [policy.channel_kind for policy in shipped] == [None] * len(shipped)


def test_a_policy_that_asks_for_a_kind_is_another_one_and_others_stay_what_they_are(tmp_path) -> None:
    text = POLICIES.read_text(encoding="utf-8")
    (tmp_path / "policies.yaml").write_text(
        text.replace("    window:", "    channel_kind: account\n    window:", 1)
    )
    changed = load_policies(tmp_path / "policies.yaml")
    assert [mine.content_hash != theirs.content_hash for mine, theirs in zip(changed, load_policies())] == [
        policy.channel_kind == "account" for policy in changed
    ]
    assert sum(policy.channel_kind == "account" for policy in changed) == 1
    (tmp_path / "policies.yaml").write_text(
        text.replace("    window:", "    channel_kind: group\n    window:", 1)
    )
    with pytest.raises(RegistryError, match="channel_kind: should be 'channel' or 'account'"):
        load_policies(tmp_path / "policies.yaml")


def test_a_room_and_an_account_with_the_same_number_have_two_pseudonyms() -> None:
    def ref(**more: str) -> str:
        named = with_pseudonyms({"channel": {"ref": "7", **more}}, b"k" * 32, "forum")
        return str(named["channel"]["ref"])

    assert ref() == ref(kind="channel")
    assert ref() != ref(kind="account")
