"""Which workers may work side by side, and what those are told that may not."""

import asyncio
from dataclasses import replace

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError

from streams.contract.wire.topics import CLAIMS
from streams.deciding.partition.hash_key import DEMONSTRATION, HashKeys, hash_key
from streams.running.errors import RefusedToStart
from streams.running.log.claims import (
    ClaimFacts,
    ClaimsLog,
    StatePartition,
    claim_record,
    claim_value,
    terms_record,
    terms_release,
)
from streams.running.log.terms import BEFORE_TERMS, FORMAT, Terms, differences
from streams.running.takeover import joining
from streams.running.takeover.agreement import juniors_to_fence
from streams.running.takeover.joining import wait_until_agreed
from streams.running.worker.settings import load_settings
from streams.running.worker.terms import limits_id, worker_terms
from tests.model.memory_log import Brokers
from tests.shipped import RULES

OLD, NEW = hash_key(bytes(range(32))), hash_key(bytes(range(1, 33)))
TP = TopicPartition(CLAIMS, 0)


def of(keys=DEMONSTRATION, partitions=4, *, approvals="none", by_log=False, **settings):
    environment = {f"TOCSIN_{name.upper()}": value for name, value in settings.items()}
    return worker_terms(load_settings(environment), RULES, keys, partitions, approvals, by_log=by_log)


def names(one, other):
    found = [each.name for each in differences(one, other)]
    assert found == [each.name for each in differences(other, one)], "the same both ways"
    return found


def test_equal_workers_agree():
    assert names(of(), of()) == []


def test_another_hash_key_differs_and_is_not_told():
    one, other = of(HashKeys(OLD)), of(HashKeys(NEW))
    assert names(one, other) == ["TOCSIN_HASH_KEY (its id)"]
    (said,) = map(str, differences(one, other))
    assert said == f"TOCSIN_HASH_KEY (its id): {OLD.id} here, {NEW.id} there"
    assert OLD.secret.hex() not in repr(one)


def test_each_step_of_a_change_of_the_key_agrees_with_the_one_before_it_and_no_other():
    steps = [HashKeys(OLD), HashKeys(OLD, NEW), HashKeys(NEW, OLD), HashKeys(NEW)]
    for first, one in enumerate(steps):
        for second, other in enumerate(steps):
            agree = names(of(one), of(other)) == []
            assert agree == (abs(first - second) <= 1), (first, second)


def test_another_number_of_partitions_differs():
    assert names(of(), of(partitions=8)) == ["partitions of the source topics"]


def test_a_version_that_cannot_read_bundles_differs():
    assert names(of(), BEFORE_TERMS) == [FORMAT]


def with_policies(version, *, by_log=False, **settings):
    return worker_terms(
        load_settings({f"TOCSIN_{name.upper()}": value for name, value in settings.items()}),
        replace(RULES, policy_version=version),
        DEMONSTRATION,
        4,
        "none",
        by_log=by_log,
    )


def test_other_files_differ():
    (policies,) = differences(of(), with_policies("p"))
    assert (policies.name, policies.of_rules) == ("TOCSIN_POLICIES_FILE (policy_version)", True)


def test_files_do_not_count_once_the_log_says_what_is_in_force():
    assert names(with_policies("p", by_log=True), with_policies("q", by_log=True)) == []
    # Who joined before the first set was approved still says its files.
    assert names(with_policies("p"), with_policies("q", by_log=True)) == []
    assert with_policies("p", by_log=True).rules_id == with_policies("q", by_log=True).rules_id


def test_workers_for_which_other_acts_count_differ_whatever_is_in_force():
    keys = "TOCSIN_RULE_APPROVALS, TOCSIN_RULE_KEYS_FILE"
    for by_log in (False, True):
        one, other = (of(approvals=each, by_log=by_log) for each in ("none", "0123456789abcdef"))
        assert names(one, other) == [keys]
        new = of(approvals="unsigned", by_log=by_log, replaces_rules=one.rules_id)
        assert names(one, new) == []


def test_limits_are_shown_and_keep_nobody_out():
    assert names(of(), of(duplicates_hours="25", dead_letter_breaker="off")) == []
    one, other = ({}, {"TOCSIN_DUPLICATES_HOURS": "25"})
    assert limits_id(load_settings(one)) == limits_id(load_settings(one))
    assert limits_id(load_settings(one)) != limits_id(load_settings(other))


def test_other_rules_agree_with_those_that_they_say_they_replace():
    old, other = with_policies("old"), with_policies("other")
    new = with_policies("new", replaces_rules=old.rules_id)
    assert names(old, new) == []
    assert names(other, new) == ["TOCSIN_POLICIES_FILE (policy_version)"]


def test_what_is_replaced_excuses_no_other_key():
    new = of(HashKeys(NEW), replaces_rules=of().rules_id)
    assert names(of(HashKeys(OLD)), new) == ["TOCSIN_HASH_KEY (its id)"]


def test_rules_of_another_version_are_an_upgrade_and_so_are_names_that_it_does_not_know():
    older = Terms("0.9", {FORMAT: of().alike[FORMAT]}, {"policies": "p"})
    assert names(of(), older) == []


A, B = Terms("1", {"key": ("a",)}), Terms("1", {"key": ("b",)})


def facts(terms, since=None, generation=7):
    return ClaimFacts(generation, "m", since=since, terms=terms)


def test_a_newcomer_gives_way_to_who_claimed_before_it():
    with pytest.raises(RefusedToStart, match=r"other settings than x, .*key: a here, b there"):
        juniors_to_fence(facts(A), {"x": facts(B)})


def test_who_has_worked_before_fences_a_newcomer_and_who_has_worked_for_less_long():
    others = {"newcomer": facts(B), "junior": facts(B, since=6), "same": facts(A), "gone": facts(B, 6, 5)}
    assert juniors_to_fence(facts(A, since=3), others) == ["newcomer", "junior"]


def test_who_has_worked_for_less_long_gives_way():
    with pytest.raises(RefusedToStart):
        juniors_to_fence(facts(A, since=6), {"x": facts(B, since=3)})


def test_the_message_of_other_rules_says_what_to_set():
    old, new = Terms("1", rules={"policies": "p"}), Terms("1", rules={"policies": "q"})
    with pytest.raises(RefusedToStart, match=f"TOCSIN_REPLACES_RULES={old.rules_id}"):
        juniors_to_fence(facts(new), {"x": facts(old)})


# -- The log


def test_terms_stand_beside_claims_and_end_with_them():
    log, place = ClaimsLog(), StatePartition("reports", 0)
    rows = [terms_record("a", 3, "m", A, 2), claim_record(place, "a", claim_value(3, "m"))]
    for key, value, _ in rows:
        log.add(key, value)
    assert log.shows(rows)
    assert [each.transactional_id for each in log.claimants([place])] == ["a"]
    assert log.standing()["a"].terms == A
    assert (log.standing()["a"].since, log.standing()["a"].generation) == (2, 3)
    assert log.releases_of(["a"])[-1] == terms_release("a")
    for key, value, _ in log.releases_of(["a"]):
        log.add(key, value)
    assert log.standing() == {}


def test_a_claim_without_terms_is_of_a_version_before_them():
    log = ClaimsLog()
    key, value, _ = claim_record(StatePartition("reports", 0), "a", claim_value(3, "m"))
    log.add(key, value)
    assert log.standing()["a"].terms == BEFORE_TERMS


def test_who_said_its_terms_later_is_not_before():
    log = ClaimsLog()
    for name in ("a", "b", "c"):
        key, value, _ = terms_record(name, 3, name, A, None)
        log.add(key, value)
    assert list(log.standing(before="b")) == ["a"]


# -- Waiting outside


def waiting(rows, looks):
    """What `wait_until_agreed` reports of a log; each of `looks` says who is alive, or is what is asked then."""

    async def run():
        brokers = Brokers({CLAIMS: 1})
        brokers.append(TP, rows)
        found, answers = [], iter(looks)

        async def alive():
            answer = next(answers)
            return answer(brokers) if callable(answer) else answer

        await asyncio.wait_for(wait_until_agreed(brokers.log(), "", A, alive, found.append), 20)
        return found

    return asyncio.run(run())


def writing(rows, members):
    """A look at `members` before which these records were written."""

    def answer(brokers):
        brokers.append(TP, rows)
        return members

    return answer


def unknown(_brokers):
    """A look that the brokers do not answer."""
    raise KafkaConnectionError


@pytest.fixture
def b_works(monkeypatch):
    """The log with a worker that has other terms, at which one looks often."""
    monkeypatch.setattr(joining, "LOOK_SECONDS", 0.01)
    return [terms_record("b", 3, "m", B, None)]


def test_who_agrees_joins_at_once_and_asks_nobody():
    assert waiting([terms_record("a", 3, "m", A, None)], []) == [()]


def test_who_differs_waits_until_the_others_are_gone(b_works):
    assert waiting(b_works, [{"m"}, {"m", "n"}, {"n"}]) == [["key"], ["key"], ()]


def test_who_differs_waits_through_a_rebalance_in_which_the_others_claim_nothing(b_works):
    released = writing([terms_release("b")], {"m"})
    assert waiting(b_works, [{"m"}, released, {"m"}, {"n"}]) == [["key"], ["key"], ["key"], ()]


def test_who_differed_and_says_the_same_terms_now_keeps_nobody_out(b_works):
    agrees = writing([terms_record("b", 4, "m", A, None)], {"m"})
    assert waiting(b_works, [agrees]) == [["key"], ()]


def test_while_the_brokers_do_not_tell_who_is_alive_everybody_counts(b_works):
    assert waiting(b_works, [unknown, set()]) == [["key"], ()]
