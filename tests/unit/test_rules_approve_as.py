"""`tocsin rules propose --approve-as`: what is approved at once, and what is refused before anything is written."""

import asyncio

import pytest
import yaml
from click.testing import CliRunner

from streams.commands.main import commands
from streams.commands.rules import acting, change_commands, sets_in_log
from streams.registry.changes.keys import ON_TRUST, read_keys
from streams.running.worker.rule_changes.log_reading import ChangesReading
from streams.running.worker.rule_changes.trial import Verdict
from streams.running.worker.settings import Settings
from tests.kafka.harness.rule_owners import list_keys, rules_folder
from tests.unit.rule_log import CHANGES, SAME, SETS, RuleLog

UNSIGNED = {"TOCSIN_RULE_APPROVALS": "unsigned"}
REVIEWER = ("--approve-as", "bob-7f3a", "lead")
ALICE = ("--actor", "alice-7f3a", "--role", "policy_owner")
IN_SHADOW = ("- id: hate\n    mode: shadow", "- id: hate\n    mode: off")
LIVE = ("PT6H", "PT5H")


def run(settings, *words):
    """A command about rules that succeeds."""
    answer = CliRunner().invoke(commands, ["rules", *words], env=settings)
    assert answer.exit_code == 0, answer.output
    return answer.output


class World(RuleLog):
    """Brokers in memory with the two logs, and commands that read and write them."""

    def __init__(self, folder):
        super().__init__()
        self.folder = folder
        self.first = None
        # Whether somebody rejects each set as soon as it is checked.
        self.rejects = False

    def begins(self, value=SAME):
        """A set comes into force, by two people."""
        self.first = self.in_force(value)

    def lists(self, two_people, **people):
        """Acts are signed: give the settings of each person."""
        file, owners = list_keys(self.folder, **people)
        listed = yaml.safe_load(file.read_text())
        file.write_text(yaml.safe_dump(listed if two_people is None else listed | {"two_people": two_people}))
        return {
            name: {"TOCSIN_RULE_KEYS_FILE": str(file), **owner.environment} for name, owner in owners.items()
        }

    def proposes(self, *options, change=IN_SHADOW, settings=UNSIGNED):
        """Propose a change of the shipped policies."""
        folder = rules_folder(self.folder / f"rules-{len(list(self.folder.iterdir()))}", *change)
        words = ["rules", "propose", "--from", str(folder), "--reason", "reviewed", *options]
        return CliRunner().invoke(commands, words, env=settings)

    async def write(self, _settings, *records):
        for each in records:
            place = SETS if each.topic == SETS.topic else CHANGES
            self.append(place, each.key, each.value, each.headers)
        history = await ChangesReading(self.brokers.log(), "", ON_TRUST).to_the_end()
        for rule_set, proposal in history.proposals.items():
            if self.rejects and proposal.checked:
                self.version = history.version
                self.act("rejected", rule_set, "carol")

    def history(self, may_act=ON_TRUST):
        """What the log says to a worker with these keys."""
        return asyncio.run(ChangesReading(self.brokers.log(), "", may_act).to_the_end())

    @property
    def records(self):
        return [len(self.brokers.committed(each)) for each in (SETS, CHANGES)]


@pytest.fixture
def world(tmp_path, monkeypatch):
    world = World(tmp_path)

    async def passes(_rule_set, _value):
        return Verdict((), 0.0)

    monkeypatch.setattr(Settings, "connection", lambda _: world.brokers.log())
    monkeypatch.setattr(acting, "write", world.write)
    monkeypatch.setattr(change_commands, "write", world.write)
    monkeypatch.setattr(sets_in_log, "try_rule_set", passes)
    return world


@pytest.fixture
def refused(world):
    """Proposes, and asserts that it is refused with these words and nothing written."""

    def run(words, *options, code=1, **how):
        before = world.records
        answer = world.proposes(*options, **how)
        assert answer.exit_code == code, answer.output
        assert words in " ".join(answer.output.split())
        assert world.records == before

    return run


def test_where_acts_are_not_signed_a_pipeline_approves_in_the_name_of_who_reviewed(world):
    world.begins()
    answer = world.proposes(*ALICE, *REVIEWER)
    assert answer.exit_code == 0, answer.output
    history = world.history()
    assert f"proposed and checked: {history.in_force.rule_set}" in answer.output
    assert "in force from now on, version 6" in answer.output
    assert history.in_force.rule_set != world.first
    assert not history.proposals
    told = [(each.act.kind, each.act.actor.ref, each.problem) for each in history.acts][3:]
    assert told == [
        ("proposed", "alice-7f3a", None),
        ("checked", "alice-7f3a", None),
        ("approved", "bob-7f3a", None),
    ]
    assert history.acts[-1].act.actor.role == "lead"
    assert history.acts[-1].act.reason == "reviewed"


def test_without_the_option_nothing_is_approved(world):
    world.begins()
    answer = world.proposes(*ALICE)
    assert "Another person approves it" in answer.output
    assert world.history().in_force.rule_set == world.first


def test_who_proposes_does_not_approve_in_their_own_name(world, refused):
    world.begins()
    own = ("--approve-as", "alice-7f3a", "lead")
    refused("must name another person than --actor", *ALICE, *own, code=2)
    refused("--approve-as must be", *ALICE, "--approve-as", "bob@example.org", "lead", code=2)


def test_a_live_change_is_refused_as_nobody_has_seen_it_back_tested(world, refused):
    world.begins()
    refused("--since P14D --reason ...`, look at what differs", *ALICE, *REVIEWER, change=LIVE)


def test_the_first_set_is_refused_whatever_files_the_pipeline_has(world, refused):
    """Its own may be as the folder, and those of workers be others: nobody would see the live change."""
    folder = rules_folder(world.folder / "files", *LIVE)
    files = {"TOCSIN_POLICIES_FILE": str(folder / "policies.yaml")}
    refused("no set in force", *ALICE, *REVIEWER, change=LIVE, settings=UNSIGNED | files)


def test_a_set_that_somebody_rejects_meanwhile_stays_out_of_force(world):
    world.begins()
    world.rejects = True
    answer = world.proposes(*ALICE, *REVIEWER)
    assert answer.exit_code == 1
    assert "proposed and checked: " in answer.output
    history = world.history()
    assert history.in_force.rule_set == world.first
    assert [each.act.kind for each in history.acts if each.problem is None][3:] == [
        "proposed",
        "checked",
        "rejected",
    ]


@pytest.mark.parametrize(
    "two_people", [None, ["approved", "scheduled"], ["approved", "scheduled", "shadowed"]]
)
@pytest.mark.parametrize("who", [("alice-7f3a", "lead"), ("bob-7f3a", "lead")])
def test_where_keys_demand_two_people_it_is_refused(world, refused, two_people, who):
    both = ("lead", ["propose", "approve"])
    settings = world.lists(two_people, alice=both, bob=both)["alice"]
    world.begins()
    refused("`two_people` says in the list of keys", "--approve-as", *who, code=2, settings=settings)
    refused("let that person run `tocsin rules approve`", "--approve-as", *who, code=2, settings=settings)


def test_where_the_list_of_keys_lets_one_do_both_the_owner_of_the_key_does(world, refused):
    settings = world.lists([], alice=("operator", ["propose", "approve"]), bob=("lead", ["propose"]))
    alice, bob = settings["alice"], settings["bob"]
    run(alice, "propose", "--from-settings", "--reason", "the files until now")
    keys = read_keys(world.folder / "keys.yaml").may_act
    (first,) = world.history(keys).proposals
    run(alice, "approve", first, "--reason", "the same", "--yes")

    own = ("--approve-as", "alice-7f3a", "operator")
    refused("must name the owner of the key", *REVIEWER, code=2, settings=alice)
    refused("the owner of its key bob-key may not do that", "--approve-as", "bob-7f3a", "lead", settings=bob)
    refused("changes what is live", *own, change=LIVE, settings=alice)
    answer = world.proposes(*own, settings=alice)
    assert answer.exit_code == 0, answer.output
    history = world.history(keys)
    assert history.in_force.rule_set != first
    assert [each.problem for each in history.acts] == [None] * 6
