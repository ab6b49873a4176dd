"""The pages of rules: what is in force where, what is proposed, and who may decide about it."""

import re

import pytest

from streams.contract.wire.times import moment_ms
from tests.categories import CATEGORIES
from tests.unit.console_pages import World, lead, text_of
from tests.unit.rule_log import CHANGES, FILES, OTHER, SAME, policies, rule_set
from tests.unit.test_back_test_act import FOUND
from tests.unit.test_console_hostile_text import HOSTILE, check
from streams.contract.wire.rules.rule_set import rule_set_id
from streams.desk.console.casework.permissions import Person
from streams.desk.console.web.rules.page import ranges

# Each loads sets of rules, and compares them.
pytestmark = pytest.mark.slow


@pytest.fixture
def world(tmp_path):
    with World(tmp_path) as found:
        yield found


def person(role, ref=None):
    return Person(ref or f"{role.replace('_', '-')}-1", role, frozenset(CATEGORIES))


def proposed(world, value=OTHER, **fields):
    """A set in force, and one that alice proposes to take its place."""
    first = world.rule_log.in_force(SAME)
    second = world.rule_log.propose(value, first)
    world.read_rules()
    return first, second


def test_without_a_set_the_files_rule(world):
    words = text_of(world.browser().page("/rules"))
    assert "nobody has approved a set of rules yet" in words
    assert "Nothing waits for approval" in words
    assert "Nobody decided anything about rules" in words


def test_the_page_does_not_say_that_files_rule_when_the_log_lacks_its_beginning(world):
    world.rule_log.in_force(SAME)
    world.rule_log.brokers.delete_records(CHANGES, world.rule_log.version)
    world.read_rules()
    words = text_of(world.browser().page("/rules"))
    assert "Unknown: acts below offset 3 were deleted" in words
    assert "nobody has approved a set" not in words


def test_the_page_says_what_is_in_force_what_is_proposed_and_who_decided_why(world):
    first, second = proposed(world)
    page = world.browser().page("/rules")
    words = text_of(page)
    assert f"{first[:16]} since" in words
    assert "approved by bob (lead): why" in words
    assert f"is to replace {first[:16]}" in words
    assert "checked, passed" in words
    assert f'href="/rules/{second}"' in page
    assert [
        words.count(f"{kind} {name[:16]} by") for kind, name in (("proposed", first), ("approved", first))
    ] == [1, 1]
    assert "not those in force" not in words


def test_the_page_of_a_set_says_what_it_changes_as_the_command_does(world):
    first, second = proposed(world)
    words = text_of(world.browser().page(f"/rules/{second}"))
    assert f"Compared with {first[:16]}" in words
    assert "== Policy child-safety: changed clear for: 6 h -> 5 h" in words
    assert "window: PT6H -> PT5H" in words
    # The files until now, as a set, decide the same.
    assert f"files and {first[:16]} decide the same." in text_of(world.browser().page(f"/rules/{first}"))
    world.browser().page(f"/rules/{'0' * 64}", 404)


@pytest.mark.parametrize("role", ["lead", "legal", "read_only", "desk", "authority_liaison"])
def test_who_sees_the_pages(world, role):
    first, _ = proposed(world)
    browser = world.browser(person(role))
    sees = role in ("lead", "legal", "read_only")
    for path in ("/rules", f"/rules/{first}"):
        browser.page(path, 200 if sees else 403)
    assert ('href="/rules"' in browser.page("/health")) == sees


def test_a_console_that_writes_no_acts_says_what_to_type(world):
    _, second = proposed(world)
    page = world.browser(lead("bob")).page(f"/rules/{second}")
    assert '<form method="post" action="/rules/' not in page
    assert f"tocsin rules approve {second[:16]} --reason" in page
    assert f"tocsin rules reject {second[:16]} --reason" in page
    browser = world.browser(lead("bob"))
    browser.page("/rules")
    answer = browser.post(
        f"/rules/{second}/acts",
        data={"token": browser.token, "kind": "approved", "reason": "x", "version": "5"},
    )
    assert answer.status_code == 403


def send(browser, name, kind, **fields):
    path = f"/rules/{name}"
    return browser.submit(browser.page(path), f"{path}/acts", kind=kind, **{"reason": "read it", **fields})


def test_another_person_approves_and_one_alone_rolls_back(world):
    world.acts_on_rules = True
    first, second = proposed(world)
    # Who proposed it sees no button, and cannot by a form that was made up.
    alice = world.browser(lead("alice"))
    page = alice.page(f"/rules/{second}")
    assert 'value="approved"' not in page
    assert "Withdraw" in page
    assert "who proposed a set cannot approve it" in text_of(send(alice, second, "approved").text)
    assert world.rules.history.in_force.rule_set == first

    bob = world.browser(lead("bob"))
    assert "was not back-tested" in text_of(send(bob, second, "approved").text)
    world.rule_log.act("checked", second, passed=True, back_test=FOUND)
    world.read_rules()
    for path in ("/rules", f"/rules/{second}"):
        assert "120 -&gt; 97 live cases" in bob.page(path)
    assert send(bob, second, "approved").status_code == 303
    words = text_of(bob.page(f"/rules/{second}"))
    assert "Approved: in force from now on." in words
    assert world.rules.history.in_force.rule_set == second
    told = world.rules.history.acts[-1].act
    assert (told.actor.ref, told.actor.role, told.reason) == ("bob", "lead", "read it")
    # All pages go by the new rules.
    window = next(each.window for each in world.rules.now.policies if each.id == "harassment-brigade")
    assert window == "PT5H"

    assert send(world.browser(person("legal")), first, "rolled_back").status_code == 303
    assert world.rules.history.in_force.rule_set == first
    assert [each.problem for each in world.rules.history.acts] == [None] * 8


def test_a_page_that_is_older_than_the_log_decides_nothing(world):
    world.acts_on_rules = True
    _, second = proposed(world)
    bob, carol = world.browser(lead("bob")), world.browser(lead("carol"))
    path = f"/rules/{second}"
    old = bob.page(path)
    assert send(carol, second, "rejected").status_code == 303
    answer = bob.submit(old, f"{path}/acts", kind="approved", reason="read it")
    assert answer.status_code == 409
    assert "somebody decided about rules since you opened the page" in text_of(answer.text)
    assert "rejected" in text_of(answer.text)
    # Nothing was written.
    assert world.rules.history.version == len(world.rules.history.acts) == 6


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"reason": " "}, "Say why"),
        ({"reason": "x" * 501}, "Say why"),
        ({"reason": "ask jane.doe@example.org"}, "Say why"),
        ({"kind": "proposed"}, "kind must be one of"),
        ({"version": "x"}, "version must be a number"),
    ],
)
def test_a_form_that_says_something_wrong_writes_nothing(world, fields, said):
    world.acts_on_rules = True
    _, second = proposed(world)
    answer = send(world.browser(lead("bob")), second, fields.pop("kind", "approved"), **fields)
    assert answer.status_code == 422
    assert said in text_of(answer.text)
    assert world.rules.history.version == 5


@pytest.mark.parametrize("role", ["read_only", "desk", "authority_liaison"])
def test_who_may_not_decide_writes_nothing(world, role):
    world.acts_on_rules = True
    _, second = proposed(world)
    browser = world.browser(person(role))
    assert f'action="/rules/{second}/acts"' not in browser.get(f"/rules/{second}").text
    browser.page("/health")
    data = {"token": browser.token, "kind": "approved", "reason": "x", "version": "5"}
    assert browser.post(f"/rules/{second}/acts", data=data).status_code == 403
    assert world.rules.history.version == 5


def test_a_set_that_was_not_tried_here_is_neither_compared_nor_approved(world):
    async def fails(_name, _value):
        from streams.running.worker.rule_changes.trial import Verdict

        return Verdict(("it crashes",), 0.0)

    world.acts_on_rules = True
    world.rules._follower._try = fails
    second = world.rule_log.propose(OTHER)
    world.read_rules()
    browser = world.browser(lead("bob"))
    assert "cannot be used by this console: it crashes" in text_of(browser.page("/rules"))
    assert "This cannot be said" in text_of(browser.page(f"/rules/{second}"))
    assert "cannot use it" in text_of(send(browser, second, "approved").text)
    assert world.rules.history.in_force is None


def test_partitions_are_shown_by_the_rules_of_their_last_case(world):
    first, second = proposed(world)
    now = world.rules.now
    versions = {"policy_version": now.policy_version, "registry_version": now.registry_version}
    for number in range(3):
        world.put_case(f"e-{number}", **versions)
        world.writer.execute("UPDATE partition_rules SET partition = ? WHERE partition = 0", (number + 1,))
    world.put_case("e-9", policy_version="0" * 16, registry_version=now.registry_version)
    words = text_of(world.browser().page("/rules"))
    assert f"{first[:16]} 1 to 3 " in words
    assert (
        f"policy version {'0' * 16}, registry version {now.registry_version} not those in force 0 " in words
    )


def test_numbers_in_few_words():
    assert [ranges(each) for each in ([], [0], [0, 1], [0, 1, 2, 5, 7, 8])] == [
        "",
        "0",
        "0 to 1",
        "0 to 2, 5, 7 to 8",
    ]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_reasons_pseudonyms_and_names_in_sets_are_text(world, hostile):
    text = policies.replace("reason: ", f"reason: {hostile!r} # ", 1)
    hurtful = rule_set("r", **{"policies.yaml": text}) if "\n" not in hostile else OTHER
    world.rule_log.act("proposed", rule_set_id(hurtful), reason=hostile)
    world.rule_log.put(hurtful)
    world.rule_log.act("checked", rule_set_id(hurtful), reason=hostile, passed=False)
    world.rule_log.act("approved", rule_set_id(hurtful), "bob", reason=hostile)
    world.read_rules()
    browser = world.browser(lead("bob"))
    for path in ("/rules", "/rules?listed=all", f"/rules/{rule_set_id(hurtful)}"):
        page = browser.page(path)
        check(page, path)
        assert hostile.partition("\n")[0] in text_of(page) or "<" in hostile
        assert not re.search(r"<(style|script)(?![^>]*src)", page)


def test_a_case_says_which_rules_decided_and_whether_todays_would(world):
    world.put_case("e-old")
    first, second = proposed(world)
    now = world.rules.now
    versions = {"policy_version": now.policy_version, "registry_version": now.registry_version}
    world.put_case("e-files", **versions)
    world.put_case("e-set", **versions, at="2099-01-01T00:00:00.000Z")
    lead_sees = world.browser()
    assert "decided by rules that this console does not know" in text_of(lead_sees.page("/cases/e-old"))
    assert "decided by the files of the installation" in text_of(lead_sees.page("/cases/e-files"))
    page = lead_sees.page("/cases/e-set")
    assert f'decided by the rules <a class="ref" href="/rules/{first}">' in page
    assert "which alice (lead) proposed (why); approved" in text_of(page)
    assert "Would today's rules open it? Yes : at level" in text_of(page)
    # Who may not see all rules sees which decided, and no link.
    page = world.browser(person("desk")).page("/cases/e-set")
    assert first[:16] in page
    assert f"/rules/{first}" not in page


def put_to_trial(world, kind, **fields):
    first = world.rule_log.in_force(SAME)
    second = world.rule_log.propose(OTHER, first)
    world.rule_log.act("checked", second, passed=True, back_test=FOUND)
    world.read_rules()
    world.acts_on_rules = True
    bob = world.browser(lead("bob"))
    return second, bob, send(bob, second, kind, **fields)


def test_a_set_is_tried_in_shadow_and_the_trial_ends(world):
    second, bob, answer = put_to_trial(world, "shadowed")
    assert answer.status_code == 303
    words = text_of(bob.page(f"/rules/{second}"))
    assert "In shadow from now on" in words
    assert "on trial: " + second[:16] in words
    assert "on trial: " + second[:16] in text_of(bob.page("/rules"))
    assert (world.rules.history.trial.rule_set, world.rules.history.trial.share) == (second, 0)
    assert send(bob, second, "ended").status_code == 303
    assert "No longer on trial." in text_of(bob.page(f"/rules/{second}"))
    assert world.rules.history.trial is None


def test_a_set_judges_a_share_of_channels(world):
    second, bob, answer = put_to_trial(world, "approved", share="10")
    assert answer.status_code == 303
    assert "Approved: its policies judge 10 % of channels" in text_of(bob.page(f"/rules/{second}"))
    assert world.rules.history.trial.share == 10
    assert world.rules.history.in_force.rule_set != second


def test_a_set_is_in_force_from_a_time_on(world):
    second, bob, answer = put_to_trial(world, "approved", since="2999-03-01 12:00")
    assert answer.status_code == 303
    assert "in force from that time on" in text_of(bob.page(f"/rules/{second}"))
    in_force = world.rules.history.in_force
    assert (in_force.rule_set, in_force.from_ms) == (second, moment_ms("2999-03-01T12:00:00Z"))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"share": "5"}, "share must be one of 100, 1, 10, 50"),
        ({"since": "tomorrow"}, "must be such as"),
        ({"since": "2020-01-01 00:00"}, "must be later than now"),
        ({"since": "2999-01-01 00:00", "share": "10"}, "for all channels, or now for a share"),
    ],
)
def test_a_wrong_share_or_time_decides_nothing(world, fields, said):
    second, _, answer = put_to_trial(world, "approved", **fields)
    assert answer.status_code == 422
    assert said in text_of(answer.text)
    assert second in world.rules.history.proposals


def test_a_share_may_differ_in_policies_only(world):
    first = world.rule_log.in_force(SAME)
    graver = policies_and_more(first)
    second = world.rule_log.propose(graver, first)
    world.rule_log.act("checked", second, passed=True, back_test=FOUND)
    world.read_rules()
    world.acts_on_rules = True
    answer = send(world.browser(lead("bob")), second, "approved", share="10")
    assert answer.status_code == 409
    assert "a share of channels can have other policies, and nothing else" in text_of(answer.text)


def policies_and_more(parent):
    texts = {each.name: each.text for each in FILES}
    scoring = texts["scoring.yaml"].replace("0.5", "0.4", 1)
    assert scoring != texts["scoring.yaml"]
    return rule_set("other weights", parent, **{"scoring.yaml": scoring})
