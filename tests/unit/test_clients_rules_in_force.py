"""Consoles and adapters go by the rules in the log, and read everything again when categories change."""

import asyncio
import contextlib
import dataclasses

import pytest
from structlog.testing import capture_logs

from streams.contract.wire.rules.rule_set import rule_set_id
from streams.desk.console.follower import Follower
from streams.desk.console.read_model.database import Database
from streams.desk.console.rule_acts import own_key
from streams.registry.changes.keys import ON_TRUST
from streams.running.clients.rules_in_force import RulesInForce, versions_of
from streams.running.worker.environment import SettingsError
from streams.running.worker.rule_changes.trial import Verdict
from streams.running.worker.settings import Settings
from tests.kafka.harness.rule_owners import list_keys
from tests.shipped import RULES
from tests.unit.console_pages import opened
from tests.unit.rule_log import FILES, OTHER, SAME, RuleLog, rule_set

CATEGORIES = next(file.text for file in FILES if file.name == "categories.yaml")
GRAVER = rule_set("graver", **{"categories.yaml": CATEGORIES.replace("severity: 0.55", "severity: 0.56", 1)})


async def passes(_rule_set, _value):
    return Verdict((), 0.0)


async def crashes(_rule_set, _value):
    return Verdict(("it crashes",), 0.0)


def followed(log, files=RULES, try_set=passes, **fields):
    return RulesInForce(log.brokers.log(), "", ON_TRUST, files, try_set=try_set, **fields)


@pytest.mark.slow
def test_the_files_rule_until_a_set_does(tmp_path):
    log = RuleLog()
    rules, told = followed(log), []
    rules.changed = told.append
    asyncio.run(rules.catch_up())
    assert (rules.now is RULES, told) == (True, [])
    name = log.in_force(OTHER)
    with capture_logs() as said:
        asyncio.run(rules.catch_up())
        asyncio.run(rules.catch_up())
    assert rules.now is not RULES
    assert told == [rules.now]
    assert rules.standing().differs
    # Once, and not at each look.
    assert sum("differ" in line["event"] for line in said) == 1
    assert rules.versions == {None: versions_of(RULES), name: versions_of(rules.now)}


def test_a_set_that_cannot_be_used_changes_nothing_and_is_told():
    log = RuleLog()
    rules = followed(log, try_set=crashes)
    name = log.in_force(OTHER)
    asyncio.run(rules.catch_up())
    assert rules.now is RULES
    assert rules.standing().not_ready == ((name, "it crashes"),)


@pytest.mark.slow
def test_an_adapter_compares_only_what_it_goes_by():
    log = RuleLog()
    log.in_force(OTHER)
    rules = followed(log, alike=lambda files, ruling: files.categories == ruling.categories)
    asyncio.run(rules.catch_up())
    # Other policies are nothing to it.
    assert (rules.now is RULES, rules.standing().differs) == (False, False)


@pytest.mark.slow
def test_the_versions_of_earlier_sets_are_learnt_and_those_of_none_that_cannot_be_read():
    log = RuleLog()
    first = log.in_force(SAME)
    missing = "f" * 64
    for name, parent in ((missing, first), (rule_set_id(OTHER), missing)):
        log.act("proposed", name, parent=parent)
        log.act("checked", name, passed=True)
        log.act("approved", name, "bob")
    second = log.put(OTHER)
    rules = followed(log)
    asyncio.run(rules.catch_up())
    assert set(rules.versions) == {None, second}
    asyncio.run(rules.learn_versions(10))
    assert set(rules.versions) == {None, first, second}
    assert rules.versions[first] == versions_of(RULES)


class Consumer:
    """A consumer of nothing, which notes how often reading began."""

    begun = 0

    def assignment(self):
        return ()

    async def beginning_offsets(self, _places):
        self.begun += 1
        return {}


def test_a_console_reads_everything_again_when_its_categories_change(tmp_path):
    graver = dict(RULES.categories)
    graver["spam"] = dataclasses.replace(graver["spam"], severity=1.0)
    in_use = [RULES.categories]
    with contextlib.closing(opened(Database(tmp_path / "a"))) as writer:
        follower = Follower(None, "", writer, lambda _: None, lambda: in_use[-1])
        writer.execute("INSERT INTO place VALUES ('escalations', 0, 7)")

        def begins(categories):
            """Whether it begins anew with these categories."""
            in_use.append(categories)
            follower.progress.caught_up = True
            asyncio.run(follower._begin(Consumer()))
            (places,) = writer.execute("SELECT count(*) FROM place").fetchone()
            assert (places == 0) == (not follower.progress.caught_up)
            return places == 0

        assert not begins(RULES.categories)
        # Loaded anew, and the same.
        assert not begins(dict(RULES.categories))
        assert begins(graver)


def test_a_console_signs_only_with_a_key_that_vouches(tmp_path):
    file, people = list_keys(
        tmp_path, "console", bob=("lead", ["approve"]), console=("operator", ["approve"])
    )

    def of(name):
        return Settings(rule_keys_file=file, rule_signing_key_file=people[name].key_file)

    may_write, key = own_key(of("console"))
    assert (may_write, key[0]) == (True, "console-key")
    with pytest.raises(SettingsError, match="is the key bob-key of a person"):
        own_key(of("bob"))
    assert own_key(Settings(rule_keys_file=file)) == (False, None)
    assert own_key(Settings()) == (False, None)
    assert own_key(Settings(rule_approvals="unsigned")) == (True, None)


@pytest.mark.slow
def test_a_console_goes_by_new_categories():
    assert GRAVER != SAME
    log = RuleLog()
    log.in_force(GRAVER)
    rules = followed(log)
    asyncio.run(rules.catch_up())
    assert rules.now.categories != RULES.categories
