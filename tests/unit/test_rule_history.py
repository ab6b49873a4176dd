"""Which rules are in force: a function of the log of acts, compared with a model that reads the whole log anew."""

import base64
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from streams.contract.events.rules.rule_change import RuleActor, RuleChange, RuleSignature
from streams.contract.wire.forms.rule_change_decoding import decode_rule_change, rule_change_record
from streams.registry.changes.history import RuleHistory
from streams.registry.changes.keys import NOBODY, ON_TRUST, public_line, read_keys, sign
from streams.registry.reading.errors import RegistryError
from streams.registry.reading.text_path import folder_in_memory

AT = datetime(2026, 11, 30, tzinfo=UTC)
SETS = ["a" * 64, "b" * 64, "c" * 64]
PEOPLE = ["alice", "bob", "carol"]


def act(kind, rule_set=SETS[0], who="alice", version=0, **fields):
    fields = {"reason": "why", **fields}
    return RuleChange(f"id-{version}", kind, rule_set, RuleActor(who, "lead"), AT, version, **fields)


def history(*acts, may_act=ON_TRUST):
    read = RuleHistory(may_act)
    problems = [read.read(each, 1_000 + number) for number, each in enumerate(acts)]
    return read, problems


def approved(rule_set, begin=0, parent=None, proposer="alice", approver="bob"):
    return [
        act("proposed", rule_set, proposer, begin, parent=parent),
        act("checked", rule_set, proposer, begin + 1, passed=True),
        act("approved", rule_set, approver, begin + 2),
    ]


@dataclass
class Act:
    kind: str
    rule_set: str
    who: str
    behind: int
    parent: str | None
    passed: bool
    share: int | None
    since: datetime


# Long before and long after every act.
MOMENTS = [datetime(1970, 1, 1, tzinfo=UTC), AT]

steps = st.lists(
    st.builds(
        Act,
        st.sampled_from(
            [
                *("proposed", "checked", "approved", "approved", "rejected", "rolled_back"),
                *("shadowed", "scheduled", "ended", "halted"),
            ]
        ),
        st.sampled_from(SETS),
        st.sampled_from(PEOPLE),
        st.sampled_from([0, 0, 0, 0, 1, 2]),
        st.sampled_from(["now", "now", None, *SETS]),
        st.sampled_from([True, True, False]),
        st.sampled_from([None, 1, 10]),
        st.sampled_from(MOMENTS),
    ),
    max_size=30,
)


def model(told):
    """What is in force after acts that count, looked up in all of them each time; no state is kept."""
    ruling = [each.rule_set for each in told if rules(each)]
    return ruling[-1] if ruling else None


def rules(act):
    """Whether an act puts a set into force for all channels."""
    return act.kind in ("scheduled", "rolled_back") or (act.kind == "approved" and act.share is None)


def on_trial(told):
    """The set that is tried, and its share; None if none is."""
    found = None
    for each in told:
        if each.kind == "shadowed" or (each.kind == "approved" and each.share is not None):
            found = each.rule_set, each.share or 0
        elif rules(each) or each.kind in ("ended", "halted"):
            found = None
        elif each.kind == "rejected" and found is not None and found[0] == each.rule_set:
            found = None
    return found


def may_be_tried(told, new):
    """Whether a set may come on trial, or come to another share."""
    trial = on_trial(told)
    ruling = [each for each in told if rules(each)]
    if not ruling or ruling[-1].since == AT:
        return False
    return trial is None or (trial[0] == new.rule_set and new.share not in (None, trial[1]))


def open_proposal(told, rule_set):
    """The act that proposed a set, and whether its last check passed; None if nobody has, or it is decided."""
    found, passed = None, None
    for each in told:
        if each.rule_set != rule_set:
            continue
        if each.kind == "proposed":
            found, passed = each, None
        elif each.kind == "checked":
            passed = each.passed
        elif rules(each) or each.kind == "rejected":
            found = None
    return found, passed


def counts(told, new):
    """Whether an act counts after others, in the words of docs/rules.md."""
    if new.expected_version != len(told):
        return False
    now = model(told)
    proposal, passed = open_proposal(told, new.rule_set)
    if new.kind == "proposed":
        return proposal is None and new.parent == now
    if new.kind == "rolled_back":
        return new.rule_set != now and any(rules(each) and each.rule_set == new.rule_set for each in told)
    if new.kind in ("ended", "halted"):
        trial = on_trial(told)
        return trial is not None and trial[0] == new.rule_set
    if proposal is None:
        return False
    if new.kind in ("checked", "rejected"):
        return True
    if passed is not True or proposal.parent != now:
        return False
    if new.kind == "shadowed":
        return may_be_tried(told, new)
    return proposal.actor.ref != new.actor.ref and (rules(new) or may_be_tried(told, new))


@settings(max_examples=400)
@given(steps)
def test_what_is_in_force_is_what_a_model_says_after_every_act(acts):
    read, told = RuleHistory(ON_TRUST), []
    ever = []
    for number, step in enumerate(acts):
        parent = None
        if step.kind == "proposed":
            parent = model(told) if step.parent == "now" else step.parent
        new = RuleChange(
            f"id-{number}",
            step.kind,
            step.rule_set,
            RuleActor(step.who, "lead"),
            AT,
            max(0, len(told) - step.behind),
            "why",
            parent,
            step.passed if step.kind == "checked" else None,
            share=step.share if step.kind == "approved" else None,
            since=step.since if step.kind == "scheduled" else None,
        )
        expected = counts(told, new)
        assert (read.problem(new, number) is None) == expected
        # Who looks ahead changes nothing here.
        assert (read.copy().read(new, number) is None) == expected
        assert (read.read(new, number) is None) == expected
        if expected:
            told.append(new)
        now = None if read.in_force is None else read.in_force.rule_set
        assert now == model(told)
        assert (read.version, len(read.acts)) == (len(told), number + 1)
        trial = read.trial
        assert (None if trial is None else (trial.rule_set, trial.share)) == on_trial(told)
        if now is not None and now not in ever:
            ever.append(now)
        assert read.past == ever
        assert set(read.proposals) == {each for each in SETS if open_proposal(told, each)[0] is not None}
    # Whoever reads the log later, and in one go, comes to the same.
    again = RuleHistory(ON_TRUST)
    for number, each in enumerate(read.acts):
        assert again.read(each.act, number) == each.problem
    assert (again.in_force, again.proposals) == (read.in_force, read.proposals)
    assert (again.trial, again.halted, again.judged_since) == (read.trial, read.halted, read.judged_since)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=4), st.data())
def test_what_is_approved_after_a_deletion_is_later_than_all_before(written, data):
    """So partitions take it, and no act from before counts by accident, also if acts are deleted again."""
    read, end, versions = RuleHistory(ON_TRUST), 0, []
    for acts in written:
        begin = data.draw(st.integers(read.lost_below, end))
        if begin > read.lost_below:
            before = read.version
            read.begin_at(begin)
            assert read.version > before
            assert read.why_unknown() is not None
        for _ in range(acts):
            name = SETS[end % 3]
            kind = "proposed" if name not in read.proposals else "rejected"
            assert read.read(act(kind, name, version=read.version), 1_000) is None
            versions.append(read.version)
            end += 1
    assert versions == sorted(set(versions))


def test_after_a_deletion_nobody_says_that_files_rule():
    read, _ = history(*approved(SETS[0]))
    assert (read.why_unknown(), read.in_force.rule_set) == (None, SETS[0])
    read.begin_at(3)
    assert "below offset 3 were deleted" in read.why_unknown()
    assert (read.in_force, read.past, len(read.acts)) == (None, [], 0)
    # What was not deleted of that time does not count.
    late = act("rolled_back", SETS[0], version=3)
    assert "another act came first" in read.read(late, 0)
    assert [read.read(each, 0) for each in approved(SETS[1], read.version)] == [None] * 3
    assert (read.why_unknown(), read.in_force.rule_set) == (None, SETS[1])


def test_of_two_acts_with_the_same_version_the_first_one_counts():
    first, second = approved(SETS[0]), act("rejected", SETS[0], "carol", 2)
    read, problems = history(*first, second)
    assert problems[:3] == [None] * 3
    assert "another act came first" in problems[3]
    assert read.in_force.rule_set == SETS[0]


def test_who_proposed_cannot_approve_and_a_failed_check_holds_it_up():
    _, problems = history(*approved(SETS[0], approver="alice"))
    assert problems[2] == "who proposed a set cannot approve it"
    _, problems = history(act("proposed"), act("approved", who="bob", version=1))
    assert problems[1] == "the set is not checked"
    _, problems = history(
        act("proposed"), act("checked", version=1, passed=False), act("approved", who="bob", version=2)
    )
    assert problems[2] == "the check of the set failed"


def test_what_was_compared_must_be_what_is_replaced():
    read, problems = history(
        *approved(SETS[0])[:2],
        act("proposed", SETS[1], "carol", 2),
        act("checked", SETS[1], "carol", 3, passed=True),
        act("approved", SETS[0], "bob", 4),
        act("approved", SETS[1], "bob", 5),
    )
    assert problems[:5] == [None] * 5
    assert "was made to replace files, and aaaaaaaaaaaaaaaa is in force" in problems[5]
    assert read.in_force.rule_set == SETS[0]


def test_a_rollback_needs_a_set_that_was_in_force():
    start = [*approved(SETS[0]), *approved(SETS[1], 3, SETS[0])]
    _, problems = history(*start, act("rolled_back", SETS[2], "carol", 6))
    assert problems[-1] == "the set was never in force"
    _, problems = history(*start, act("rolled_back", SETS[1], "carol", 6))
    assert problems[-1] == "the set is in force"
    # By the proposer too: others had approved it.
    read, problems = history(*start, act("rolled_back", SETS[0], "alice", 6))
    assert problems[-1] is None
    assert (read.in_force.rule_set, read.in_force.version) == (SETS[0], 7)
    # Back again, without naming it.
    assert read.before == SETS[1]


def test_a_trial_from_shadow_to_a_share_that_is_halted():
    start = [*approved(SETS[0]), *approved(SETS[1], 3, SETS[0])[:2]]
    read, problems = history(
        *start,
        # Who proposed it may watch it, and may not let it decide.
        act("shadowed", SETS[1], "alice", 5),
        act("approved", SETS[1], "alice", 6, share=10),
        act("approved", SETS[1], "bob", 6, share=10),
    )
    assert problems[5:] == [None, "who proposed a set cannot approve it", None]
    assert (read.trial.share, read.trial.version, read.trial.after, read.judged_since) == (10, 7, 6, 7)
    assert read.in_force.rule_set == SETS[0]
    for kind, rule_set, problem in (
        ("shadowed", SETS[1], "the set is on trial already"),
        ("ended", SETS[0], "the set is not on trial"),
        ("rolled_back", SETS[1], "the set was never in force"),
    ):
        assert read.problem(act(kind, rule_set, "carol", 7), 0) == problem
    assert read.read(act("halted", SETS[1], "tocsin-worker", 7, reason="too many"), 9_000) is None
    assert (read.trial, read.halted.reason, read.judged_since) == (None, "too many", 8)
    # It is shown until somebody decides about it.
    assert read.read(act("checked", SETS[1], "bob", 8, passed=True), 9_001) is None
    assert read.halted is not None
    assert read.read(act("approved", SETS[1], "bob", 9, share=1), 9_002) is None
    assert read.halted is None


def test_a_trial_needs_a_set_that_is_in_force_and_only_one_set_is_tried():
    read, _ = history(*approved(SETS[0])[:2])
    assert "needs a set beside which" in read.problem(act("shadowed", SETS[0], version=2), 0)
    read, _ = history(
        *approved(SETS[0])[:2],
        act("scheduled", SETS[0], "bob", 2, since=AT),
        *approved(SETS[1], 3, SETS[0])[:2],
        *approved(SETS[2], 5, SETS[0])[:2],
    )
    moment = int(AT.timestamp() * 1000)
    assert read.in_force.from_ms == moment
    assert "is not yet in force" in read.problem(act("shadowed", SETS[1], version=7), moment - 1)
    assert read.read(act("shadowed", SETS[1], version=7), moment) is None
    assert "end that first" in read.problem(act("shadowed", SETS[2], version=8), moment)


def test_acts_that_do_not_count_fill_no_memory():
    read = RuleHistory(NOBODY)
    for number in range(12_000):
        read.read(act("proposed", version=0), number)
    assert len(read.acts) == 10_000
    assert read.version == 0


class Key:
    """Somebody's key."""

    def __init__(self):
        self.private = Ed25519PrivateKey.generate()
        public = self.private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self.line = base64.b64encode(public).decode()
        self.pem = self.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


ALICE, BOB, EVE = Key(), Key(), Key()


def row(name, key, may, **fields):
    return {"id": f"{name}-1", "owner": name, "role": "lead", "may": may, "public_key": key.line, **fields}


def listed(*rows, **fields):
    file = yaml.safe_dump({"keys": [*rows], **fields})
    return read_keys(folder_in_memory({"keys.yaml": file}) / "keys.yaml")


KEYS = listed(row("alice", ALICE, ["propose"]), row("bob", BOB, ["approve"]))


def signed(act, name, key):
    return replace(act, signature=RuleSignature(name, sign(act, key.pem)))


def test_only_signatures_of_listed_keys_count():
    proposal = act("proposed")
    read, problems = history(proposal, may_act=KEYS.may_act)
    assert problems == ["it is not signed"]
    assert read.may_act.verify(signed(proposal, "alice-1", ALICE), 0) is None
    assert read.may_act.verify(signed(proposal, "alice-1", EVE), 0) == "its signature does not hold"
    assert read.may_act.verify(signed(proposal, "eve-1", EVE), 0) == "its key eve-1 is not listed"
    # In the name of somebody else, with one's own key.
    assert "is of bob" in read.may_act.verify(signed(proposal, "bob-1", BOB), 0)
    forged = replace(signed(proposal, "alice-1", ALICE), rule_set=SETS[1])
    assert read.may_act.verify(forged, 0) == "its signature does not hold"
    assert NOBODY.verify(proposal, 0) is not None


def test_a_worker_needs_no_key_to_halt_and_can_do_nothing_else():
    assert KEYS.verify(act("halted", who="tocsin-worker"), 0) is None
    assert KEYS.verify(act("ended", who="tocsin-worker"), 0) == "it is not signed"
    assert NOBODY.verify(act("halted", who="tocsin-worker"), 0) is not None
    for kind in ("shadowed", "ended"):
        assert KEYS.verify(signed(act(kind), "alice-1", ALICE), 0) is None
    scheduled = signed(act("scheduled", since=AT), "alice-1", ALICE)
    assert KEYS.verify(scheduled, 0) == "the owner of its key alice-1 may not do that"
    share = signed(act("approved", who="bob", share=10), "bob-1", BOB)
    assert KEYS.verify(replace(share, share=50), 0) == "its signature does not hold"


def test_who_may_only_propose_cannot_approve_although_another_one_proposed():
    approval = signed(act("approved", version=2), "alice-1", ALICE)
    assert KEYS.verify(approval, 0) == "the owner of its key alice-1 may not do that"


def test_a_key_counts_until_its_end_for_ever():
    keys = listed(row("bob", BOB, ["approve"], until=datetime(2026, 12, 1, tzinfo=UTC)))
    end = int(datetime(2026, 12, 1, tzinfo=UTC).timestamp() * 1000)
    approval = signed(act("approved", who="bob", version=2), "bob-1", BOB)
    assert keys.verify(approval, end - 1) is None
    assert keys.verify(approval, end) == "its key bob-1 had ended"


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([row("bob", BOB, ["approve"]), row("bob", ALICE, ["approve"])], "is also the id of another key"),
        ([row("bob", BOB, ["approve"]), row("alice", BOB, ["approve"])], "one key, one person"),
        ([{**row("bob", BOB, ["approve"]), "public_key": "AAAA"}], "Ed25519"),
        ([{**row("bob", BOB, ["approve"]), "owner": "bob@example.org"}], "must be a pseudonym"),
        ([], "at least 1"),
    ],
)
def test_a_list_of_keys_that_cannot_be_meant_is_refused(rows, why):
    with pytest.raises(RegistryError, match=why):
        listed(*rows)


def test_the_version_of_a_list_changes_with_all_that_decides():
    versions = {
        listed(*rows).version
        for rows in (
            [row("bob", BOB, ["approve"])],
            [row("bob", ALICE, ["approve"])],
            [row("bob", BOB, ["propose"])],
            [row("bob", BOB, ["approve"], until=AT)],
            [row("bob", BOB, ["approve"], vouches=True)],
        )
    }
    assert len(versions) == 5
    assert KEYS.of(public_line(ALICE.pem))[0] == "alice-1"


CONSOLE = Key()
WITH_CONSOLE = [
    row("alice", ALICE, ["propose"]),
    row("bob", BOB, ["propose", "approve"]),
    row("eve", EVE, ["approve"], until=AT),
    row("console", CONSOLE, ["approve"], vouches=True),
]


@pytest.mark.parametrize(
    ("who", "problem"),
    [
        # Who has no key is known to the console alone.
        ("dora", None),
        ("bob", None),
        ("alice", "by the list of keys, alice may not do that"),
        # Who left, and a console that acts by itself.
        ("eve", "by the list of keys, eve may not do that"),
        ("console", "by the list of keys, console may not do that"),
    ],
)
def test_a_console_vouches_for_whom_it_has_signed_in_as_far_as_the_list_lets_them(who, problem):
    verify = listed(*WITH_CONSOLE).verify
    later = int(AT.timestamp() * 1000)
    approval = signed(act("approved", who=who, version=2), "console-1", CONSOLE)
    assert verify(approval, later) == problem
    # Nobody else does: a person's key is for that person alone.
    other = signed(act("approved", who=who, version=2), "bob-1", BOB)
    assert (verify(other, later) is None) == (who == "bob")


def test_the_list_of_keys_says_what_takes_two_people():
    both = row("alice", ALICE, ["propose", "approve"]), row("bob", BOB, ["approve"])
    acts = [
        signed(each, f"{each.actor.ref}-1", ALICE if each.actor.ref == "alice" else BOB)
        for each in (*approved(SETS[0]), *approved(SETS[1], 3, SETS[0])[:2])
    ]
    watched, decides = (
        signed(act(kind, SETS[1], "alice", version), "alice-1", ALICE)
        for kind, version in (("shadowed", 5), ("approved", 6))
    )
    usual = listed(*both)
    _, problems = history(*acts, watched, decides, may_act=usual.may_act)
    assert problems[5:] == [None, "who proposed a set cannot approve it"]
    # One person suffices for everything.
    alone = listed(*both, two_people=[])
    _, problems = history(*acts, watched, decides, may_act=alone.may_act)
    assert problems[5:] == [None, None]
    # Another one is needed for what only watches, too.
    strict = listed(*both, two_people=["approved", "scheduled", "shadowed"])
    read, problems = history(*acts, watched, may_act=strict.may_act)
    assert problems[5:] == ["who proposed a set cannot put it on trial"]
    assert read.read(signed(act("shadowed", SETS[1], "bob", 5), "bob-1", BOB), 2_000) is None
    # Workers with different lists do not agree; a list that says what holds anyway is the same list.
    versions = [each.version for each in (usual, alone, strict)]
    assert len(set(versions)) == 3
    assert listed(*both, two_people=["scheduled", "approved"]).version == usual.version
    with pytest.raises(RegistryError, match="two_people: must have both approved and scheduled, or none"):
        listed(*both, two_people=["approved"])


def test_a_console_cannot_be_both_of_two_people():
    keys = listed(*WITH_CONSOLE)
    proposal = signed(act("proposed", who="dora"), "console-1", CONSOLE)
    assert keys.verify(proposal, 0) == "the owner of its key console-1 may not do that"
    with pytest.raises(RegistryError, match="must not have propose"):
        listed(row("console", CONSOLE, ["propose", "approve"], vouches=True))
    # What somebody proposed, they do not approve there either.
    first, checked, _ = approved(SETS[0], proposer="bob")
    acts = [signed(first, "bob-1", BOB), signed(checked, "bob-1", BOB)]
    mine = signed(act("approved", who="bob", version=2), "console-1", CONSOLE)
    _, problems = history(*acts, mine, may_act=keys.may_act)
    assert problems == [None, None, "who proposed a set cannot approve it"]
    hers = signed(act("approved", who="dora", version=2), "console-1", CONSOLE)
    read, problems = history(*acts, hers, may_act=keys.may_act)
    assert problems == [None, None, None]
    assert read.in_force.by.ref == "dora"


def test_a_signature_survives_the_log():
    original = signed(act("approved", who="bob", version=2), "bob-1", BOB)
    record = rule_change_record(original)
    read = decode_rule_change(record.value, record.headers, 2_000_000_000_000).event
    assert read == original
    assert KEYS.verify(read, 0) is None
