"""After a change of the key for reporters, their outcomes follow them to the hash under the new one."""

import pytest

from streams.contract.events.internal.reporter_history import ReporterHistory
from streams.contract.wire.forms.reporter_history import EARLIER_HEADER
from streams.counting.attribution import MessageReporters, ReportIdentity
from streams.deciding.partition.hash_key import HashKeys, hash_key
from streams.deciding.reporters.reporter import Reporter, ReportFacts, decode_reporter, encode_reporter
from streams.deciding.reporters.state import state_key
from streams.deciding.reporters.store import keep
from tests.categories import CODES
from tests.unit.both_stages import Deployment, of
from tests.unit.crowd_traffic import outcome
from tests.unit.reporter_traffic import KEY, RULES, credit, new_state, stamp_all
from tests.unit.traffic import DAY, HOUR, START, report

OLD, NEW, NEWER = (hash_key(bytes(range(first, first + 32))) for first in (0, 40, 80))


def said(deployment, number, time, ref="u", channel="c", message=None):
    """Publish a report and return the trust in its reporter, None if nothing is known."""
    record = report(
        number,
        time,
        channel=channel,
        message_ref=message or f"m{number}",
        reporter={"kind": "user", "ref": ref, "member": True},
    )
    (enriched,) = of(deployment.publish([record]), "enriched-reports")
    return enriched.get("trust")


def decided(deployment, number, time, decision="upheld", message=None):
    deployment.publish([outcome(number, decision, time, message=message or f"m{number}")])


def seasoned(keys=HashKeys(OLD)):
    """A deployment that knows one upheld report of u, and one that nobody has decided on."""
    deployment = Deployment(keys=keys)
    said(deployment, 1, START)
    decided(deployment, 1, START + HOUR)
    said(deployment, 2, START + 2 * HOUR)
    return deployment


def test_trust_survives_a_change_of_the_key():
    deployment = seasoned()
    before = said(deployment, 3, START + 3 * HOUR)
    deployment.restart(HashKeys(OLD, NEW))
    assert said(deployment, 4, START + 4 * HOUR) == before
    deployment.restart(HashKeys(NEW, OLD))
    # The first report asks for the history, and is on its way meanwhile.
    said(deployment, 5, START + 5 * HOUR)
    assert said(deployment, 6, START + 6 * HOUR) == before
    assert before["outcomes"] == pytest.approx(1, rel=0.01)


def test_an_outcome_about_a_message_reported_before_the_change_reaches_its_reporter():
    deployment = seasoned()
    deployment.restart(HashKeys(NEW, OLD))
    said(deployment, 3, START + 3 * HOUR)
    decided(deployment, 2, START + 4 * HOUR)
    assert said(deployment, 4, START + 5 * HOUR)["outcomes"] == pytest.approx(2, rel=0.01)
    # And is taken back from the same reporter.
    deployment.publish([outcome(9, "dismissed", START + 6 * HOUR, message="m2", supersedes="o2")])
    taken = said(deployment, 5, START + 7 * HOUR)
    assert taken["outcomes"] == pytest.approx(2, rel=0.01)
    # What was upheld only makes up for the dismissal: it was in one channel, and nobody confirmed it.
    assert taken["mean"] == pytest.approx(1 / (1 + 3), rel=0.01)


def test_an_outcome_that_comes_before_the_reporter_does_waits_for_them():
    deployment = seasoned()
    deployment.restart(HashKeys(NEW, OLD))
    decided(deployment, 2, START + 3 * HOUR)
    said(deployment, 3, START + 4 * HOUR)
    assert said(deployment, 4, START + 5 * HOUR)["outcomes"] == pytest.approx(2, rel=0.01)


def test_who_reports_the_same_message_under_both_keys_is_credited_once():
    deployment = seasoned()
    deployment.restart(HashKeys(NEW, OLD))
    said(deployment, 3, START + 3 * HOUR, message="m2")
    decided(deployment, 2, START + 4 * HOUR)
    decided(deployment, 3, START + 4 * HOUR)
    assert said(deployment, 4, START + 5 * HOUR)["outcomes"] == pytest.approx(2, rel=0.01)


@pytest.mark.parametrize(
    ("days", "keys"),
    [
        # The counts need an earlier key for 31 days.
        (35, [HashKeys(NEW, OLD), HashKeys(NEWER, NEW)]),
        (20, [HashKeys(NEW, OLD), HashKeys(OLD, NEW), HashKeys(NEW, OLD)]),
    ],
)
def test_a_key_that_is_changed_twice_or_back_loses_nobody(days, keys):
    deployment = seasoned()
    time = START
    for number, pair in enumerate(keys, 3):
        deployment.restart(pair)
        time += days * DAY
        said(deployment, number, time)
    decided(deployment, 2, time + HOUR)
    # The first one has faded.
    assert said(deployment, 9, time + 2 * HOUR)["outcomes"] > 1.5


def test_after_the_change_nothing_asks_twice_and_no_header_reaches_the_channel():
    deployment = seasoned()
    deployment.restart(HashKeys(NEW, OLD))
    said(deployment, 3, START + 3 * HOUR)
    before = deployment.offset
    said(deployment, 4, START + 4 * HOUR)
    # To the reporter's home and to the channel's.
    assert deployment.offset == before + 2
    assert not any(EARLIER_HEADER in dict(output.headers) for output in deployment.outputs)


def test_taking_back_what_has_not_come_yet_leaves_no_trace():
    state = new_state()
    stamp_all([credit(1, START, decision="upheld", removed="manifestly_unfounded", reviewer=7)], state)
    (key,) = state.reporters
    reporter = state.reporters.find(key)
    assert min(reporter.sums.values()) < 0
    stamp = reporter.note_report(
        RULES.trust, ReportFacts("user", START, START // 1000, CODES["spam"], 1, 1, member=True, floor=False)
    )
    assert 0 < stamp.trust.lower < stamp.trust.mean < 1
    elsewhere = new_state()
    stamp_all([credit(1, START, decision="manifestly_unfounded", reviewer=7)], elsewhere)
    there = elsewhere.reporters.find(key)
    reporter.take_history(
        ReporterHistory(START, there.period, there.sums, there.numbers, 0, by_reviewer=there.by_reviewer)
    )
    upheld = new_state()
    stamp_all([credit(1, START, decision="upheld", reviewer=7)], upheld)
    expected = upheld.reporters.find(key)
    assert (reporter.sums, reporter.numbers) == (expected.sums, expected.numbers)
    assert reporter.by_reviewer == expected.by_reviewer != {}


def test_two_hashes_that_lead_to_each_other_do_not_send_a_credit_in_circles():
    state = new_state()
    sent = credit(1, START)
    hashed = KEY.reporter_hash("u")
    key = state_key(b"%016x" % hashed)
    keep(state.reporters, key, Reporter(moved_to=hashed), START)
    for _ in range(10):
        outputs = stamp_all([sent], state).outputs
        if not outputs:
            break
        sent = sent._replace(value=outputs[0].value, headers=outputs[0].headers)
    assert outputs == []
    assert state.reporters.find(key).sums


def test_where_a_reporter_went_is_stored():
    for reporter in (
        Reporter(),
        Reporter(asked=7),
        Reporter(moved_to=2**64 - 1),
        Reporter(by_reviewer={112: 8}),
    ):
        assert decode_reporter(encode_reporter(reporter)) == reporter


def test_a_renamed_reporter_of_a_message_keeps_report_and_decision():
    record = MessageReporters()
    record.add_report(5, START, ReportIdentity("", "r5"))
    record.rename(5, 8)
    record.rename(6, 9)
    assert (record.reporters, record.identities) == ({8: START // 1000}, {8: ReportIdentity("", "r5")})
