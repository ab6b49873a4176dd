"""A campaign that no policy catches: one is proposed, back-tested, tried in shadow, approved for a share of channels,
then for all; and a bad change that halts itself. People decide in a real browser, workers judge a real Kafka.
"""

import re
import time
import uuid

import orjson
import pytest
from playwright.sync_api import expect

from streams.deciding.partition.rules_in_force import Ruling
from streams.deciding.reports.rules import compile_report_rules
from tests.browser.conftest import go
from tests.browser.harness.console import ConsoleProcess
from tests.kafka.harness import workers
from tests.kafka.harness.deployment import ESCALATIONS, Deployment
from tests.kafka.harness.replay import check_replay, shipped_rules
from tests.kafka.harness.reports import now_ms, spam_report
from tests.kafka.harness.rule_owners import list_keys, rules_folder
from tests.kafka.harness.rulings import rules_of, rulings
from tests.kafka.harness.workers import patience


CHANNELS = 60
# A page of a set that is opened before the console has read of its proposal has no buttons, and stays so.
READ_SECONDS = 10
CAMPAIGN = """\
  - id: spam-campaign
    mode: live
    categories: [spam]
    window: PT1H
    levels:
      - {level: 1, name: internal_review, when: {distinct_reporters: 3, risk: 0.01}}
    clear_below: 0.6
    min_clear: PT30M
    cooldown: PT6H
    reason: A campaign in many channels, each with few reports.

"""
FLOOD = "  - id: spam-flood\n"
TOO_LOW = ("{distinct_reporters: 10, risk: 0.15}}", "{distinct_reporters: 2, risk: 0.01}}")


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    return list_keys(
        tmp_path_factory.mktemp("keys"),
        vouching="console",
        alice=("policy_owner", ["propose"]),
        console=("operator", ["approve"]),
    )


@pytest.fixture(scope="module")
def deployment(kafka, keys, tmp_path_factory):
    made = Deployment(
        kafka,
        f"rules-{uuid.uuid4().hex[:8]}.",
        tmp_path_factory.mktemp("deployment"),
        partitions=2,
        settings={"TOCSIN_RULE_KEYS_FILE": str(keys[0])},
    )
    yield made
    made.end()
    print(made.fleet.tails())


@pytest.fixture(scope="module")
def console(deployment, keys, tmp_path_factory):
    settings = deployment.settings | keys[1]["console"].environment
    process = ConsoleProcess(tmp_path_factory.mktemp("console"), settings)
    process.start()
    yield process
    process.end()


@pytest.fixture
def alice(deployment, keys):
    """Runs `tocsin rules` in her name, and returns what it prints."""

    def run(*arguments):
        # A process of its own: an event loop of the browser runs in this thread.
        environment = {**deployment.settings, **keys[1]["alice"].environment}
        ended = workers.run(
            [*workers.COMMAND, "rules", *map(str, arguments)], env=workers.clean_environment(environment)
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    return run


def proposed(alice, *arguments):
    """The id of a set that alice proposes, and has back-tested."""
    said = alice("propose", *arguments, "--reason", "a campaign in many channels")
    name = re.search(r"proposed and checked: ([0-9a-f]{64})", said)[1]
    alice("backtest", "--processes", "1", name, "--reason", "before it is approved")
    return name


def act(page, name, button, **fields):
    """Press a button on the page of a set, once the console has read that it is proposed, and tried it."""
    pressed = page.get_by_role("button", name=button, exact=True)
    until = time.monotonic() + READ_SECONDS * patience()
    while True:
        go(page, f"/rules/{name}")
        if pressed.count() == 0 and time.monotonic() < until:
            continue
        for field, value in fields.items():
            page.locator(f"select[name={field}]").select_option(value)
        page.locator("input[name=reason]").fill("I have read it")
        pressed.click()
        page.wait_for_load_state()
        said = page.locator("[role=alert], .said").first
        expect(said).to_be_visible()
        if "has not tried the set yet" not in said.inner_text():
            return said.inner_text()


def wave(deployment, first, category="spam"):
    """Three people report each of the channels."""
    deployment.publish(
        [
            spam_report(first + n, f"wave-{first}-{n % CHANNELS}", now_ms(), category)
            for n in range(3 * CHANNELS)
        ]
    )
    deployment.wait_until_applied()


def escalated(deployment, first, policy):
    """The channels of a wave that a live policy has escalated."""
    events = map(orjson.loads, (row.value for row in deployment.outputs().all(deployment.name(ESCALATIONS))))
    return {
        event["channel_ref"]
        for event in events
        if event["policy"] == policy and event["channel_ref"].startswith(f"wave-{first}-")
    }


def test_a_campaign_is_caught_and_a_bad_change_takes_itself_back(deployment, people, alice, tmp_path):
    fleet, lead = deployment.fleet, people.person("desk-1")
    fleet.start()
    in_force = proposed(alice, "--from-settings")
    assert "in force from now on" in act(lead, in_force, "Approve")
    fleet.wait_for(lambda: rulings(deployment) == {Ruling(in_force)}, 60, "a set in force", tend=False)
    wave(deployment, 1_000)
    assert escalated(deployment, 1_000, "spam-flood") == set()

    # The back-test says how many cases it would have been.
    folder = rules_folder(tmp_path / "campaign", FLOOD, CAMPAIGN + FLOOD)
    name = proposed(alice, "--from", folder)
    go(lead, "/rules")
    expect(lead.locator(f"#set-{name[:16]} ~ ul")).to_contain_text(f"spam-campaign {CHANNELS} new")

    assert "In shadow from now on" in act(lead, name, "Try in shadow")
    fleet.wait_for(lambda: rulings(deployment) == {Ruling(in_force, name)}, 60, "in shadow", tend=False)
    wave(deployment, 2_000)
    assert escalated(deployment, 2_000, "spam-campaign") == set()
    while not re.search(rf"spam-campaign +1 +0 +{CHANNELS}\b", lead.locator("main").inner_text()):
        go(lead, "/rules")

    assert "10 % of channels" in act(lead, name, "Approve", share="10")
    fleet.wait_for(lambda: rulings(deployment) == {Ruling(in_force, name, 10)}, 60, "a share", tend=False)
    wave(deployment, 3_000)
    few = escalated(deployment, 3_000, "spam-campaign")
    assert 0 < len(few) < CHANNELS / 2

    assert "in force from now on" in act(lead, name, "Approve", share="100")
    fleet.wait_for(lambda: rulings(deployment) == {Ruling(name)}, 60, "in force", tend=False)
    wave(deployment, 4_000)
    assert len(escalated(deployment, 4_000, "spam-campaign")) == CHANNELS
    (case,) = [each for each in escalated(deployment, 4_000, "spam-campaign") if each.endswith("-7")]
    go(lead, f"/desk?channel={case}")
    while lead.locator("tr[data-id]").count() != 1:
        go(lead, f"/desk?channel={case}")

    # A threshold that is far too low.
    low = rules_folder(tmp_path / "low", *TOO_LOW)
    text = (low / "policies.yaml").read_text()
    (low / "policies.yaml").write_text(text.replace(FLOOD, CAMPAIGN + FLOOD))
    bad = proposed(alice, "--from", low)
    assert "50 % of channels" in act(lead, bad, "Approve", share="50")
    fleet.wait_for(lambda: rulings(deployment) == {Ruling(name, bad, 50)}, 60, "a share", tend=False)
    wave(deployment, 5_000)
    wave(deployment, 6_000)
    halted = lead.get_by_text("was halted")
    while not halted.is_visible():
        go(lead, "/rules")
    expect(halted).to_contain_text("policy spam-flood, level 1")
    fleet.wait_for(lambda: rulings(deployment) == {Ruling(name)}, 60, "it is taken back", tend=False)
    assert "Rejected" in act(lead, bad, "Reject")
    assert "in force again" in act(lead, in_force, "Roll back to it")
    fleet.wait_for(lambda: rulings(deployment) == {Ruling(in_force)}, 60, "rolled back", tend=False)
    assert fleet.exit_codes == []

    sets = {each: compile_report_rules(rules) for each, rules in rules_of(deployment).items()}
    check_replay(deployment, deployment.outputs(), shipped_rules(), sets=sets)
