"""`tocsin up`: what is reported becomes a case, whatever is killed; nothing is lost, and nothing counts twice."""

import re
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner

from streams.commands.main import commands
from streams.commands.state import by_time
from tests.kafka.harness.adapters import until
from tests.kafka.harness.brokers import throwaway_broker
from tests.kafka.harness.command_results import done
from tests.kafka.harness.deployment import DEAD_LETTERS, ENRICHED, ESCALATIONS, Deployment
from tests.kafka.harness.mirror import Mirror
from tests.kafka.harness.one_machine import PROCESSES, Forum, Machine, cases_at
from tests.kafka.harness.platform import trusting_platform
from tests.kafka.harness.replay import check_replay, shipped_rules
from tests.kafka.harness.workers import COMMAND, Worker
from tocsin_demo.local_kafka.probe import free_port

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "one-machine.md").read_text(encoding="utf-8")

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")


@pytest.fixture
def machine(tmp_path):
    made = Machine(tmp_path / "data", tmp_path)
    with made.folder.settings.open("a") as settings:
        settings.write(f"TOCSIN_PLATFORM_FILE={trusting_platform()}\n")
    yield made
    print(made.up.tail(80) if made.up else "")
    made.end()


def check_counts(machine, forum, tmp_path):
    """All that was taken is counted, once each, and the log replays to the same bytes and state."""
    deployment = Deployment(machine.bootstrap, "", tmp_path)
    try:
        machine.until(deployment.everything_applied)
        reader = deployment.outputs()
        counted = Counter(orjson.loads(row.value)["report"]["report_id"] for row in reader.all(ENRICHED))
        assert counted == Counter(forum.taken)
        assert list(reader.all(DEAD_LETTERS)) == []
        compared = check_replay(deployment, reader, shipped_rules())
        assert compared[ENRICHED] == len(forum.taken)
    finally:
        deployment.leave()


def test_reports_become_a_case_and_a_clean_stop_leaves_no_process(machine, tmp_path):
    machine.start()
    machine.ready()
    report = machine.as_here(re.search(r"^```sh report\.sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)[1])
    sent = subprocess.run(["sh", "-c", report], capture_output=True, text=True, check=True)
    assert sent.stdout.startswith('{"accepted":[{"report_id":"'), sent
    machine.until(lambda: machine.cases("intimate-images"))
    # Somebody else who starts it there again is refused.
    refused = Worker(tmp_path / "second.log", {}, (*COMMAND, "up", "--data", str(machine.folder.path)))
    assert refused.wait(60) == 1
    held_by = f"is in use by process {machine.up.process.pid}, `tocsin up` since 20"
    assert f"{machine.folder.path} {held_by}" in refused.text
    machine.stop()
    said = machine.up.text
    order = [said.index(f"stopping {name} ...") for name in reversed(PROCESSES)]
    assert order == sorted(order)


@pytest.mark.nightly
def test_whatever_is_killed_nothing_is_lost_and_nothing_counts_twice(machine, tmp_path):
    machine.start()
    machine.ready()
    forum = Forum(machine)
    with forum.reporting():
        for name in PROCESSES:
            more_are_taken(machine, forum)
            machine.kill(name)
            assert re.search(rf"{name} .+; it starts again in 1 s, for the 1st time", machine.up.text)
        more_are_taken(machine, forum)
        # Then all at once, and the supervisor alone, with which the others end.
        for ended in (machine.kill_all, machine.kill_supervisor):
            ended()
            machine.start()
            machine.ready()
            more_are_taken(machine, forum)
    machine.until(machine.cases)
    check_counts(machine, forum, tmp_path)
    machine.stop()
    # What is in the folder goes on after a clean stop, too.
    machine.start()
    machine.ready()
    assert machine.cases()
    check_counts(machine, forum, tmp_path)
    machine.stop()


def more_are_taken(machine, forum):
    taken = len(forum.taken)
    machine.until(lambda: len(forum.taken) >= taken + 30)


def tocsin(deployment, *arguments):
    return done(CliRunner().invoke(commands, list(map(str, arguments)), env=deployment.settings))


def read_by_consoles():
    """The topics of the console, as the page of rights lists them."""
    page = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
    return re.findall(
        r"`([a-z-]+)`", re.search(r"^\| consoles \|(.*)\|$", page, re.MULTILINE)[1].split("No group")[0]
    )


@pytest.fixture
def cluster(machine, tmp_path):
    """The topics of the machine, and those of a second broker, as deployments; and a mirror between them."""
    with throwaway_broker(tmp_path / "cluster") as broker:
        made = []
        for name, bootstrap in (("old", machine.bootstrap), ("new", broker.bootstrap)):
            (tmp_path / name).mkdir()
            made.append(Deployment(bootstrap, "", tmp_path / name))
        mirror = Mirror(*made, read_by_consoles())
        yield *made, mirror
        mirror.close()
        for each in made:
            each.leave()
            print(each.fleet.tails())


@pytest.fixture
def console(cluster, tmp_path):
    """A console beside the cluster; its address."""
    port = free_port()
    own = {
        "TOCSIN_CONSOLE_DATABASE": str(tmp_path / "console.sqlite"),
        "TOCSIN_CONSOLE_PORT": str(port),
        "TOCSIN_CONSOLE_METRICS_PORT": "0",
    }
    process = Worker(tmp_path / "console.log", cluster[1].settings | own, (*COMMAND, "console"))
    until(lambda: "console at" in process.text)
    yield f"http://127.0.0.1:{port}"
    print(process.tail())
    process.end()


@pytest.fixture
def intake(cluster, machine, tmp_path):
    """An intake beside the cluster, with the file of sources and the key of the machine; its address."""
    port = free_port()
    own = {
        "TOCSIN_INTAKE_SOURCES_FILE": str(machine.folder.sources),
        "TOCSIN_INTAKE_PSEUDONYM_KEY": machine.settings["TOCSIN_INTAKE_PSEUDONYM_KEY"],
        "TOCSIN_INTAKE_PORT": str(port),
        "TOCSIN_INTAKE_METRICS_PORT": "0",
    }
    process = Worker(tmp_path / "intake.log", cluster[1].settings | own, (*COMMAND, "intake"))
    yield f"http://127.0.0.1:{port}"
    print(process.tail())
    process.end()


@pytest.mark.nightly
def test_the_state_of_a_machine_goes_on_on_a_cluster(machine, request, tmp_path, monkeypatch):
    """The steps of the page; a program that copies topics stands for MirrorMaker, and a second for ten minutes."""
    section = PAGE.partition("## Growing out of it")[2].partition("\n## ")[0]
    create, save, restore = re.findall(r"`tocsin ((?:topics|state) [a-z][^`]*)`", section)
    assert (create, save, restore) == (
        "topics create",
        "state save grown.state",
        "state restore --by-time grown.state",
    )
    monkeypatch.setattr(by_time, "OVERLAP_MS", 1_000)
    monkeypatch.chdir(tmp_path)
    machine.start()
    machine.ready()
    old, new, mirror = request.getfixturevalue("cluster")
    partitions = re.search(r"as many `TOCSIN_PARTITIONS` as here: (\d+)", section)[1]
    assert partitions == machine.settings["TOCSIN_PARTITIONS"] == str(new.partitions)
    tocsin(new, *create.split())

    forum = Forum(machine)
    with forum.reporting():
        machine.until(machine.cases)
        mirror.catch_up()
        # For longer than the overlap.
        time.sleep(2.5)
        more_are_taken(machine, forum)
        tocsin(old, *save.split())
        more_are_taken(machine, forum)
    address = request.getfixturevalue("intake")
    moved = Forum(machine, address, first=1_000_000)
    with moved.reporting():
        more_are_taken(machine, moved)
        machine.until(old.everything_applied)
        mirror.catch_up()
        before, cases = old.outputs(), set(machine.cases())
        machine.stop()
        shown = tocsin(new, *restore.split())
        assert "nothing was written" in shown, shown
        tocsin(new, *restore.split(), "--yes")
        tocsin(new, "state", "check")
        new.fleet.start()
        taken = len(moved.taken)
        new.fleet.wait_for(lambda: len(moved.taken) >= taken + 100, 60, "more are taken")
    new.wait_until_applied()
    after = new.outputs()
    assert list(after.all(DEAD_LETTERS)) == []
    check_windows_go_on(before, after, rooms(forum) + rooms(moved))
    # On the cluster enough people report each room to open a case, and it goes on with that of the machine.
    assert min(rooms(moved).values()) >= 5
    opened = {}
    for reader in (before, after):
        for row in reader.all(ESCALATIONS):
            event = orjson.loads(row.value)
            if event["policy"] == "fraud":
                opened.setdefault(event["channel_ref"], set()).add(event["escalation_id"])
    assert len(opened) == 5
    assert all(len(ids) == 1 for ids in opened.values()), opened
    # The desk goes on, too.
    address = request.getfixturevalue("console")
    until(lambda: len(cases_at(address)) >= len(cases))
    assert set(cases_at(address)) == cases == set().union(*opened.values())


def rooms(forum):
    """How many reports of each room were taken."""
    return Counter(int(report_id[2:]) % 5 for report_id in forum.taken)


def check_windows_go_on(before, after, taken):
    """On the cluster each room has the reports that were taken anywhere, each counted once."""
    last = {}
    for row in after.all(ENRICHED):
        event = orjson.loads(row.value)
        counted = {window["window"]: window["reports"] for window in event["channel_windows"]}
        room = event["report"]["channel"]["ref"]
        last[room] = max(last.get(room, 0), counted["PT24H"])
    assert sorted(last.values()) == sorted(taken.values())
    assert last.keys() == {
        orjson.loads(row.value)["report"]["channel"]["ref"] for row in before.all(ENRICHED)
    }
